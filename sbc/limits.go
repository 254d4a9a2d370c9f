package sbc

import (
	"fmt"
	"sync"
	"time"
)

// A Direction is which way a call passes a trunk.
type Direction uint8

// The directions.
const (
	In  Direction = iota + 1 // from the peer
	Out                      // to the peer
)

// String returns "in" or "out".
func (d Direction) String() string {
	switch d {
	case In:
		return "in"
	case Out:
		return "out"
	}
	return "unknown"
}

// Limits admits calls and counts them. What it counts is shared by all that
// reloads make of it, so that a call counts until it is released, whatever it
// was admitted by. Safe for concurrent use: a mutex guards the counts for the
// time of one call's admission.
type Limits struct {
	cfg      LimitsConfig
	ceilings []ceiling
	usage    *usage
}

// usage is what is counted, by name.
type usage struct {
	mu       sync.Mutex
	total    counter
	trunks   map[string]*trunkCount
	ceilings map[string]*ceilingTable
}

// A trunkCount is the calls of a trunk: both directions, and each.
type trunkCount struct{ both, in, out counter }

// newLimits makes limits ready, which go on counting where old is.
func newLimits(c Config, old *Limits) *Limits {
	l := &Limits{cfg: c.Limits}
	if old != nil {
		l.usage = old.usage
	} else {
		l.usage = &usage{trunks: make(map[string]*trunkCount), ceilings: make(map[string]*ceilingTable)}
	}
	l.usage.mu.Lock()
	defer l.usage.mu.Unlock()
	for _, t := range c.Trunks {
		if l.usage.trunks[t.Name] == nil {
			l.usage.trunks[t.Name] = &trunkCount{}
		}
	}
	for _, cc := range c.Limits.Ceilings {
		if l.usage.ceilings[cc.Name] == nil {
			l.usage.ceilings[cc.Name] = newCeilingTable()
		}
		l.ceilings = append(l.ceilings, newCeiling(cc, l.usage.ceilings[cc.Name]))
	}
	return l
}

// An Overload says that a limit does not admit a call: 503 with Retry-After.
type Overload struct {
	Limit      string // its key, as "trunks.west.calls" or "ceilings.satellite.hourly"
	RetryAfter time.Duration
	// Fraud is set for a ceiling on expensive numbers, which deserves an alarm.
	Fraud bool
}

// Error names the limit.
func (o *Overload) Error() string { return "limit " + o.Limit + " is reached" }

// A Seat is the room that an admitted call takes on one trunk. It must be
// released once. Its methods are those of Limits.
type Seat struct {
	counters []*counter
	ceilings []*ceilingCount
	answered time.Time
}

// AdmitIn admits a call that came in on a trunk. The error is an *[Overload].
func (l *Limits) AdmitIn(now time.Time, from *Trunk) (*Seat, error) {
	u := l.usage
	u.mu.Lock()
	defer u.mu.Unlock()
	t := u.trunk(from)
	lim := &from.cfg.Limits
	key := "trunks." + from.Name()
	return l.take(now, nil, []claim{
		{&u.total, l.cfg.Calls, l.cfg.Rate, "limits"},
		{&t.both, lim.Calls, lim.Rate, key},
		{&t.in, lim.CallsIn, lim.RateIn, key + ".in"},
	})
}

// AdmitOut admits a call that came in on from (nil: it is of our own making)
// to go out to the hop's trunk and number. Internal hops take no room. The
// error is an *[Overload].
func (l *Limits) AdmitOut(now time.Time, from *Trunk, to Hop) (*Seat, error) {
	u := l.usage
	u.mu.Lock()
	defer u.mu.Unlock()
	if to.Trunk == nil {
		return &Seat{}, nil
	}
	t := u.trunk(to.Trunk)
	lim := &to.Trunk.cfg.Limits
	key := "trunks." + to.Trunk.Name()
	var over []held
	for i := range l.ceilings {
		if c := &l.ceilings[i]; c.fits(now, from, to.Called) {
			over = append(over, c.hold(now, from, to.by))
		}
	}
	return l.take(now, over, []claim{
		{&t.both, lim.Calls, lim.Rate, key},
		{&t.out, lim.CallsOut, lim.RateOut, key + ".out"},
	})
}

// Answered says that the call of a seat was answered, so that its minutes
// count.
func (l *Limits) Answered(now time.Time, s *Seat) {
	l.usage.mu.Lock()
	defer l.usage.mu.Unlock()
	if !s.answered.IsZero() {
		return
	}
	s.answered = now
	for _, c := range s.ceilings {
		c.answered(now)
	}
}

// Release gives the room of a call back. A nil or released seat has none.
func (l *Limits) Release(now time.Time, s *Seat) {
	if s == nil {
		return
	}
	l.usage.mu.Lock()
	defer l.usage.mu.Unlock()
	for _, c := range s.counters {
		c.calls--
	}
	for _, c := range s.ceilings {
		c.release(now, s.answered)
	}
	s.counters, s.ceilings = nil, nil
}

// trunk returns the counts of a trunk; the caller holds the mutex. A trunk that
// is not configured any more goes on counting until its calls are over.
func (u *usage) trunk(t *Trunk) *trunkCount {
	c := u.trunks[t.Name()]
	if c == nil {
		c = &trunkCount{}
		u.trunks[t.Name()] = c
	}
	return c
}

// A claim is a counter and what it may come to.
type claim struct {
	counter *counter
	calls   int
	rate    float64
	key     string
}

// take takes a place in all counters and ceilings, or in none.
func (l *Limits) take(now time.Time, ceilings []held, claims []claim) (*Seat, error) {
	for _, c := range claims {
		if c.calls > 0 && c.counter.calls >= c.calls {
			return nil, l.refuse(c.counter, c.key+".calls")
		}
		if !c.counter.allows(now, c.rate) {
			return nil, l.refuse(c.counter, c.key+".rate")
		}
	}
	for _, c := range ceilings {
		if what := c.reached(now); what != "" {
			c.table.refused++
			return nil, &Overload{
				Limit: fmt.Sprintf("ceilings.%s.%s", c.name, what), RetryAfter: l.cfg.RetryAfter, Fraud: true,
			}
		}
	}
	s := &Seat{counters: make([]*counter, 0, len(claims))}
	for _, c := range claims {
		c.counter.take(c.rate)
		s.counters = append(s.counters, c.counter)
	}
	for _, c := range ceilings {
		c.table.admitted++
		c.count.begin(now)
		s.ceilings = append(s.ceilings, c.count)
	}
	return s, nil
}

func (l *Limits) refuse(c *counter, key string) error {
	c.refused++
	return &Overload{Limit: key, RetryAfter: l.cfg.RetryAfter}
}

// A counter counts calls and their rate.
type counter struct {
	calls    int
	admitted uint64
	refused  uint64
	tokens   float64
	filled   time.Time // when tokens were last reckoned; zero: never
}

// allows reports whether one more call fits the rate, 0 being any.
func (c *counter) allows(now time.Time, rate float64) bool {
	if rate <= 0 {
		return true
	}
	burst := max(rate, 1)
	if c.filled.IsZero() {
		c.tokens = burst
	} else if d := now.Sub(c.filled); d > 0 {
		c.tokens += d.Seconds() * rate
	}
	c.tokens = min(c.tokens, burst)
	c.filled = now
	return c.tokens >= 1
}

// take counts a call that was allowed.
func (c *counter) take(rate float64) {
	c.calls++
	c.admitted++
	if rate > 0 {
		c.tokens--
	}
}

// A LimitView is a limit as others see it: a copy.
type LimitView struct {
	Name     string // "limits", "trunks.west", "trunks.west.in", "ceilings.satellite"
	Calls    int    // at this time
	Max      int    // 0: no limit
	Admitted uint64
	Refused  uint64
	Ceiling  bool          // it is one on expensive numbers
	Hourly   int           // begun in the last hour; ceilings only
	Talked   time.Duration // in the last 24 hours; ceilings only
}

// View returns all counters: the whole, each trunk of trunks, each ceiling.
func (l *Limits) View(now time.Time, trunks *Trunks) []LimitView {
	u := l.usage
	u.mu.Lock()
	defer u.mu.Unlock()
	view := func(name string, c *counter, limit int) LimitView {
		return LimitView{Name: name, Calls: c.calls, Max: limit, Admitted: c.admitted, Refused: c.refused}
	}
	out := []LimitView{view("limits", &u.total, l.cfg.Calls)}
	for _, t := range trunks.All() {
		c, lim, name := u.trunk(t), t.cfg.Limits, "trunks."+t.Name()
		out = append(out, view(name, &c.both, lim.Calls),
			view(name+".in", &c.in, lim.CallsIn), view(name+".out", &c.out, lim.CallsOut))
	}
	for _, c := range l.ceilings {
		calls, hourly, talked := c.table.sum(now)
		out = append(out, LimitView{
			Name: "ceilings." + c.name, Calls: calls, Max: c.cfg.Calls,
			Admitted: c.table.admitted, Refused: c.table.refused, Ceiling: true,
			Hourly: hourly, Talked: talked,
		})
	}
	return out
}
