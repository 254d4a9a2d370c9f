package sbc

import (
	"fmt"
	"time"
)

// LimitsConfig bounds calls whatever their trunk. 0 means no limit.
type LimitsConfig struct {
	// Calls bounds the calls at one time.
	Calls int
	// Rate bounds new calls per second; a burst of one second's worth may come
	// at once.
	Rate float64
	// RetryAfter is what a caller is told to wait in a 503 (RFC 3261 §21.5.4).
	RetryAfter time.Duration
	// Ceilings bound calls to expensive numbers, against toll fraud. Every
	// ceiling that fits a call must admit it.
	Ceilings []CeilingConfig
}

// CeilingConfig bounds calls by the number they go to, as it is after
// rewriting. 0 means no limit.
type CeilingConfig struct {
	// Name is what alarms and counters call it.
	Name string
	// Prefixes are the beginnings of the numbers it is for, in E.164 with the
	// plus. Empty is all numbers.
	Prefixes []string
	// Trunks are the trunks calls come in on that it is for. Empty is any.
	Trunks []string
	// Each says whose calls are counted together: all (everybody's), trunk (those
	// that came in on one trunk) or caller (those of one caller; where users log
	// in, of one user). Empty is all.
	Each Each
	// Calls bounds the calls at one time.
	Calls int
	// Hourly bounds the calls begun within any hour.
	Hourly int
	// Minutes bounds the minutes talked within any 24 hours, running calls
	// included; a call that reaches it is not cut, but no other begins.
	Minutes int
	// From and Until restrict it to a time of day, as 22:00 and 06:00. Empty is
	// always. The times are of Zone, a name such as Europe/Berlin; empty is UTC.
	From  string
	Until string
	Zone  string
}

// Each is whose calls a ceiling counts together.
type Each string

// The ways to count.
const (
	EachAll    Each = "all"
	EachTrunk  Each = "trunk"
	EachCaller Each = "caller"
)

// DefaultLimits bounds the whole at 2000 calls and 1000 new ones a second.
func DefaultLimits() LimitsConfig {
	return LimitsConfig{Calls: 2000, Rate: 1000, RetryAfter: 5 * time.Second}
}

// maxCeilings bounds the ceilings, each of which is asked for each call.
const maxCeilings = 256

func (l *LimitsConfig) validate(f *findings, key string, trunks map[string]int) {
	if l.Calls < 0 {
		f.add(key+".calls", "is negative; use 0 for no limit")
	}
	if l.Rate < 0 {
		f.add(key+".rate", "is negative; use 0 for no limit")
	}
	if l.RetryAfter < time.Second || l.RetryAfter > time.Hour {
		f.add(key+".retry_after", "%s is out of range; use 1s to 1h", l.RetryAfter)
	}
	if len(l.Ceilings) > maxCeilings {
		f.add(key+".ceilings", "are more than %d", maxCeilings)
	}
	names := make(map[string]int, len(l.Ceilings))
	for i := range l.Ceilings {
		k := fmt.Sprintf("%s.ceilings[%d]", key, i)
		c := &l.Ceilings[i]
		if j, taken := names[c.Name]; taken {
			f.add(k+".name", "%q is already the name of ceilings[%d]", c.Name, j)
		}
		names[c.Name] = i
		c.validate(f, k, trunks)
	}
}

func (c *CeilingConfig) validate(f *findings, key string, trunks map[string]int) {
	if !isName(c.Name) {
		f.add(key+".name", "%q is not a name; use 1 to 64 letters, digits, \"-\", \"_\" or \".\"", c.Name)
	}
	for i, t := range c.Trunks {
		f.trunk(fmt.Sprintf("%s.trunks[%d]", key, i), t, trunks)
	}
	for i, p := range c.Prefixes {
		if !isDialable(p) || p == "" {
			f.add(fmt.Sprintf("%s.prefixes[%d]", key, i), "%q is not the beginning of a number; write it as +882", p)
		}
	}
	oneOf(f, key+".each", c.Each, "", EachAll, EachTrunk, EachCaller)
	if min(c.Calls, c.Hourly, c.Minutes) < 0 {
		f.add(key, "a limit is negative; use 0 for none")
	}
	if c.Calls == 0 && c.Hourly == 0 && c.Minutes == 0 {
		f.add(key, "limits nothing; give calls, hourly or minutes")
	}
	if (c.From == "") != (c.Until == "") {
		f.add(key, "gives one of from and until; give both or none")
	}
	for k, v := range map[string]string{"from": c.From, "until": c.Until} {
		if _, err := clock(v); err != nil {
			f.add(key+"."+k, "%q is not a time of day; write it as 22:00", v)
		}
	}
	if _, err := time.LoadLocation(c.Zone); err != nil {
		f.add(key+".zone", "%q is not a time zone; write it as Europe/Berlin", c.Zone)
	}
}

// clock reads a time of day as the time since midnight; "" is midnight.
func clock(s string) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, err
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}
