package sbc

import (
	"time"
)

// A ceiling is a CeilingConfig made ready, and its counts.
type ceiling struct {
	name        string
	cfg         CeilingConfig
	trunks      map[string]bool // nil: any
	zone        *time.Location
	from, until time.Duration // since midnight; equal: always
	table       *ceilingTable
}

func newCeiling(c CeilingConfig, table *ceilingTable) ceiling {
	// The configuration has been validated: no error is possible.
	zone, err := time.LoadLocation(c.Zone)
	if err != nil {
		zone = time.UTC
	}
	from, _ := clock(c.From)
	until, _ := clock(c.Until)
	return ceiling{
		name: c.Name, cfg: c, trunks: set(c.Trunks), zone: zone, from: from, until: until, table: table,
	}
}

// fits reports whether the ceiling is for a call from a trunk to a number now.
func (c *ceiling) fits(now time.Time, from *Trunk, number string) bool {
	if c.trunks != nil && (from == nil || !c.trunks[from.Name()]) {
		return false
	}
	if len(c.cfg.Prefixes) > 0 && !hasPrefix(number, c.cfg.Prefixes) {
		return false
	}
	if c.from == c.until {
		return true
	}
	local := now.In(c.zone)
	at := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	if c.from < c.until {
		return at >= c.from && at < c.until
	}
	return at >= c.from || at < c.until // over midnight
}

// A held is a ceiling that is for a call, and the count the call belongs to.
type held struct {
	*ceiling
	count *ceilingCount
}

// hold returns the ceiling with the count of a call that came in on a trunk, of
// a caller.
func (c *ceiling) hold(now time.Time, from *Trunk, caller string) held {
	key := ""
	switch c.cfg.Each {
	case EachTrunk:
		if from != nil {
			key = from.Name()
		}
	case EachCaller:
		key = caller
	case EachAll:
	}
	return held{c, c.table.of(now, key)}
}

// reached names the bound that does not allow another call; "" if all do.
func (c held) reached(now time.Time) string {
	switch {
	case c.cfg.Calls > 0 && c.count.calls >= c.cfg.Calls:
		return "calls"
	case c.cfg.Hourly > 0 && c.count.hour.sum(now) >= c.cfg.Hourly:
		return "hourly"
	case c.cfg.Minutes > 0 && c.count.talkedBy(now) >= time.Duration(c.cfg.Minutes)*time.Minute:
		return "minutes"
	}
	return ""
}

// maxCounted bounds whose calls one ceiling counts apart.
const maxCounted = 4096

// A ceilingTable is what a ceiling counts, apart for each it counts apart.
type ceilingTable struct {
	counts   map[string]*ceilingCount
	admitted uint64
	refused  uint64
	swept    time.Time // when idle ones were last looked for
}

func newCeilingTable() *ceilingTable {
	return &ceilingTable{counts: make(map[string]*ceilingCount)}
}

// of returns the count of a key. Those who made no call for a day are
// forgotten when there are too many; of more, the newcomers share the count of
// the empty key, so that nobody escapes it.
func (t *ceilingTable) of(now time.Time, key string) *ceilingCount {
	if c := t.counts[key]; c != nil {
		return c
	}
	if len(t.counts) >= maxCounted && now.Sub(t.swept) >= time.Minute {
		t.swept = now
		for k, c := range t.counts {
			if c.idle(now) {
				delete(t.counts, k)
			}
		}
	}
	if len(t.counts) >= maxCounted {
		key = ""
		if c := t.counts[key]; c != nil {
			return c
		}
	}
	c := &ceilingCount{}
	t.counts[key] = c
	return c
}

// sum adds all counts up.
func (t *ceilingTable) sum(now time.Time) (calls, hourly int, talked time.Duration) {
	for _, c := range t.counts {
		calls += c.calls
		hourly += c.hour.sum(now)
		talked += c.talkedBy(now)
	}
	return calls, hourly, talked
}

// A ceilingCount is the calls that a ceiling counts together.
type ceilingCount struct {
	calls int
	hour  window // calls begun
	day   window // seconds talked by calls that are over

	// The time talked by running calls is talking times now less the sum of
	// when each was answered, in seconds since base.
	base    time.Time
	talking int
	sum     float64
}

// The windows slide by the minute and by the quarter of an hour.
const (
	hourStep = time.Minute
	hourLen  = 60
	dayStep  = 15 * time.Minute
	dayLen   = 96
)

// idle reports whether nothing is counted that could matter.
func (c *ceilingCount) idle(now time.Time) bool {
	return c.calls == 0 && c.hour.sum(now) == 0 && c.day.sum(now) == 0
}

func (c *ceilingCount) begin(now time.Time) {
	c.calls++
	c.hour.add(now, hourStep, hourLen, 1)
}

func (c *ceilingCount) answered(now time.Time) {
	if c.base.IsZero() {
		c.base = now
	}
	c.talking++
	c.sum += now.Sub(c.base).Seconds()
}

func (c *ceilingCount) release(now, answered time.Time) {
	c.calls--
	if answered.IsZero() {
		return
	}
	c.talking--
	c.sum -= answered.Sub(c.base).Seconds()
	c.day.add(now, dayStep, dayLen, int(now.Sub(answered).Seconds()+0.5))
}

// talkedBy is how long calls have talked, those that run included.
func (c *ceilingCount) talkedBy(now time.Time) time.Duration {
	seconds := float64(c.day.sum(now))
	if c.talking > 0 {
		seconds += float64(c.talking)*now.Sub(c.base).Seconds() - c.sum
	}
	return time.Duration(seconds * float64(time.Second))
}

// A window is a sum over the time just past, kept in steps. The zero value is
// empty.
type window struct {
	step  time.Duration
	steps []int
	total int
	last  time.Time // the beginning of the newest step
	at    int       // its place
}

// add counts n at now in a window of length steps of step each.
func (w *window) add(now time.Time, step time.Duration, length, n int) {
	if w.steps == nil {
		w.steps, w.step, w.last = make([]int, length), step, now
	}
	w.slide(now)
	w.steps[w.at] += n
	w.total += n
}

// sum is what was counted in the time just past.
func (w *window) sum(now time.Time) int {
	if w.steps == nil {
		return 0
	}
	w.slide(now)
	return w.total
}

// slide forgets the steps that have left the window.
func (w *window) slide(now time.Time) {
	for range w.steps {
		if now.Sub(w.last) < w.step {
			return
		}
		w.last = w.last.Add(w.step)
		w.at = (w.at + 1) % len(w.steps)
		w.total -= w.steps[w.at]
		w.steps[w.at] = 0
	}
	if now.Sub(w.last) >= w.step { // all has left it
		w.last = now
	}
}
