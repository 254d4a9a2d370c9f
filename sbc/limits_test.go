package sbc

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limited is a dialplan with trunks west and east.
func limited(t *testing.T, l LimitsConfig, west TrunkLimits) *Dialplan {
	t.Helper()
	c := DefaultConfig()
	c.Limits = l
	if c.Limits.RetryAfter == 0 {
		c.Limits.RetryAfter = 5 * time.Second
	}
	c.Trunks = []TrunkConfig{
		namedTrunk("west", "192.0.2.1", func(c *TrunkConfig) { c.Limits = west }),
		namedTrunk("east", "192.0.2.2"),
	}
	return ready(t, c)
}

func overloaded(t *testing.T, err error, limit string) {
	t.Helper()
	var o *Overload
	if !errors.As(err, &o) || o.Limit != limit {
		t.Errorf("%v, want the limit %s reached", err, limit)
	}
	if o != nil && o.RetryAfter <= 0 {
		t.Error("nobody is told when to come again")
	}
}

// Calls are admitted up to each limit, in their direction, and again when one
// was released.
func TestCallsAreAdmittedUpToTheLimits(t *testing.T) {
	d := limited(t, LimitsConfig{Calls: 3}, TrunkLimits{Calls: 3, CallsIn: 2, CallsOut: 2})
	west, east, l := d.Trunks.Named("west"), d.Trunks.Named("east"), d.Limits
	out := Hop{Trunk: west, Called: "+1"}

	in1, err1 := l.AdmitIn(t0, west)
	_, err2 := l.AdmitIn(t0, west)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	_, err := l.AdmitIn(t0, west)
	overloaded(t, err, "trunks.west.in.calls")

	if _, err = l.AdmitOut(t0, east, out); err != nil {
		t.Fatal(err)
	}
	_, err = l.AdmitOut(t0, east, out)
	overloaded(t, err, "trunks.west.calls")

	if _, err = l.AdmitIn(t0, east); err != nil {
		t.Fatal(err)
	}
	_, err = l.AdmitIn(t0, east)
	overloaded(t, err, "limits.calls")

	l.Release(t0, in1)
	l.Release(t0, in1) // a second time gives nothing back
	if _, err = l.AdmitIn(t0, east); err != nil {
		t.Errorf("no room after a release: %v", err)
	}
	_, err = l.AdmitIn(t0, east)
	overloaded(t, err, "limits.calls")
	l.Release(t0, nil)
}

// New calls come at the rate allowed after a burst of one second's worth.
func TestNewCallsComeAtTheRateAllowed(t *testing.T) {
	d := limited(t, LimitsConfig{}, TrunkLimits{RateIn: 10})
	west := d.Trunks.Named("west")
	admitted := 0
	for ms := range 3000 {
		if _, err := d.Limits.AdmitIn(t0.Add(time.Duration(ms)*time.Millisecond), west); err == nil {
			admitted++
		}
	}
	if admitted < 38 || admitted > 40 {
		t.Errorf("%d calls in three seconds, want 10 at once and 10 a second", admitted)
	}
	slow := limited(t, LimitsConfig{}, TrunkLimits{RateIn: 0.5})
	if _, err := slow.Limits.AdmitIn(t0, slow.Trunks.Named("west")); err != nil {
		t.Errorf("the first call at a rate below one: %v", err)
	}
	_, err := slow.Limits.AdmitIn(t0.Add(time.Second), slow.Trunks.Named("west"))
	overloaded(t, err, "trunks.west.in.rate")
	if _, err := slow.Limits.AdmitIn(t0.Add(2*time.Second), slow.Trunks.Named("west")); err != nil {
		t.Errorf("the second call in time: %v", err)
	}
}

// A refused call takes no room and no token anywhere.
func TestRefusedCallTakesNoRoom(t *testing.T) {
	d := limited(t, LimitsConfig{Calls: 10}, TrunkLimits{CallsIn: 1})
	west := d.Trunks.Named("west")
	if _, err := d.Limits.AdmitIn(t0, west); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		_, err := d.Limits.AdmitIn(t0, west)
		overloaded(t, err, "trunks.west.in.calls")
	}
	v := d.Limits.View(t0, d.Trunks)
	if v[0].Calls != 1 || v[0].Admitted != 1 {
		t.Errorf("the whole counts %+v after one call and 100 refusals", v[0])
	}
	for _, one := range v {
		if one.Name == "trunks.west.in" && (one.Refused != 100 || one.Calls != 1) {
			t.Errorf("west counts %+v", one)
		}
	}
}

// S13: calls to an expensive prefix are bounded at one time, by the hour and by
// the minutes of a day, and every refusal asks for an alarm.
func TestTollFraudMeetsCeilings(t *testing.T) {
	d := limited(t, LimitsConfig{Ceilings: []CeilingConfig{
		{Name: "satellite", Prefixes: []string{"+881", "+882"}, Calls: 2, Hourly: 5, Minutes: 60},
	}}, TrunkLimits{})
	west, l := d.Trunks.Named("west"), d.Limits
	dear := Hop{Trunk: d.Trunks.Named("east"), Called: "+88216100"}

	var seats []*Seat
	for range 2 {
		s, err := l.AdmitOut(t0, west, dear)
		if err != nil {
			t.Fatal(err)
		}
		l.Answered(t0, s)
		seats = append(seats, s)
	}
	_, err := l.AdmitOut(t0, west, dear)
	overloaded(t, err, "ceilings.satellite.calls")
	var o *Overload
	if !errors.As(err, &o) || !o.Fraud {
		t.Error("a ceiling raises no alarm")
	}
	if _, err := l.AdmitOut(t0, west, Hop{Trunk: dear.Trunk, Called: "+15550199"}); err != nil {
		t.Errorf("an ordinary number: %v", err)
	}

	// Two calls for 20 minutes each, while they run and when they are over.
	at := t0.Add(20 * time.Minute)
	if got := talked(l, at, d); got != 40*time.Minute {
		t.Errorf("%s talked while two calls run for 20m", got)
	}
	for _, s := range seats {
		l.Release(at, s)
	}
	if got := talked(l, at.Add(time.Minute), d); got != 40*time.Minute {
		t.Errorf("%s talked after two calls of 20m", got)
	}

	// One more of 21 minutes uses up the hour of talk.
	s, err := l.AdmitOut(at, west, dear)
	if err != nil {
		t.Fatal(err)
	}
	l.Answered(at, s)
	at = at.Add(21 * time.Minute)
	_, err = l.AdmitOut(at, west, dear)
	overloaded(t, err, "ceilings.satellite.minutes")
	l.Release(at, s)
	_, err = l.AdmitOut(at, west, dear)
	overloaded(t, err, "ceilings.satellite.minutes")
	if _, err = l.AdmitOut(at.Add(25*time.Hour), west, dear); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

func talked(l *Limits, now time.Time, d *Dialplan) time.Duration {
	v := l.View(now, d.Trunks)
	return v[len(v)-1].Talked
}

// S13: a burst of short calls is stopped by the hour's count, which slides.
func TestBurstOfShortCallsIsStopped(t *testing.T) {
	d := limited(t, LimitsConfig{Ceilings: []CeilingConfig{{Name: "all", Hourly: 3}}}, TrunkLimits{})
	hop := Hop{Trunk: d.Trunks.Named("east"), Called: "+15550199"}
	call := func(at time.Duration) error {
		s, err := d.Limits.AdmitOut(t0.Add(at), nil, hop)
		d.Limits.Release(t0.Add(at), s)
		return err
	}
	for _, at := range []time.Duration{0, 20 * time.Minute, 40 * time.Minute} {
		if err := call(at); err != nil {
			t.Fatal(err)
		}
	}
	overloaded(t, call(59*time.Minute), "ceilings.all.hourly")
	if err := call(61 * time.Minute); err != nil {
		t.Errorf("an hour after the first: %v", err)
	}
	overloaded(t, call(62*time.Minute), "ceilings.all.hourly")
}

// A ceiling may be for a time of day, over midnight, and for calls of some
// trunks.
func TestCeilingIsForItsTimeAndTrunks(t *testing.T) {
	d := limited(t, LimitsConfig{Ceilings: []CeilingConfig{
		{Name: "night", Trunks: []string{"west"}, Hourly: 1, From: "22:00", Until: "06:00", Zone: "UTC"},
	}}, TrunkLimits{})
	west, east := d.Trunks.Named("west"), d.Trunks.Named("east")
	hop := Hop{Trunk: east, Called: "+15550199"}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(hour int) time.Time { return day.Add(time.Duration(hour) * time.Hour) }
	if _, err := d.Limits.AdmitOut(at(5), west, hop); err != nil {
		t.Fatal(err)
	}
	_, err := d.Limits.AdmitOut(at(5), west, hop)
	overloaded(t, err, "ceilings.night.hourly")
	for _, free := range []struct {
		from *Trunk
		hour int
	}{{west, 6}, {west, 12}, {west, 21}, {east, 5}, {nil, 5}} {
		for range 3 {
			if _, err := d.Limits.AdmitOut(at(free.hour), free.from, hop); err != nil {
				t.Errorf("at %d:00 from %v: %v", free.hour, free.from, err)
			}
		}
	}
	if _, err := d.Limits.AdmitOut(at(22), west, hop); err != nil {
		t.Fatal(err)
	}
	_, err = d.Limits.AdmitOut(at(22), west, hop)
	overloaded(t, err, "ceilings.night.hourly")
}

// A reload goes on counting: calls that are up count against the new limits,
// and what the old dialplan admitted is released from the new one's counts.
func TestReloadGoesOnCounting(t *testing.T) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1")}
	c.Limits.Ceilings = []CeilingConfig{{Name: "all", Calls: 9}}
	first := ready(t, c)
	seat, err := first.Limits.AdmitIn(t0, first.Trunks.Named("west"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := first.Limits.AdmitOut(t0, nil, Hop{Trunk: first.Trunks.Named("west")})
	if err != nil {
		t.Fatal(err)
	}
	c.Limits.Calls, c.Limits.Ceilings[0].Calls = 1, 1
	second, err := NewDialplan(c, first)
	if err != nil {
		t.Fatal(err)
	}
	west := second.Trunks.Named("west")
	_, err = second.Limits.AdmitIn(t0, west)
	overloaded(t, err, "limits.calls")
	_, err = second.Limits.AdmitOut(t0, nil, Hop{Trunk: west})
	overloaded(t, err, "ceilings.all.calls")
	first.Limits.Release(t0, seat)
	first.Limits.Release(t0, out)
	if _, err = second.Limits.AdmitIn(t0, west); err != nil {
		t.Errorf("after the release: %v", err)
	}
	if _, err = second.Limits.AdmitOut(t0, nil, Hop{Trunk: west}); err != nil {
		t.Errorf("after the release: %v", err)
	}
}

func BenchmarkAdmit(b *testing.B) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1"), namedTrunk("east", "192.0.2.2")}
	c.Limits = LimitsConfig{Calls: 2000, RetryAfter: time.Second, Ceilings: []CeilingConfig{
		{Name: "a", Prefixes: []string{"+881"}, Calls: 2}, {Name: "b", Calls: 2000, Hourly: 1 << 40, Minutes: 1 << 20},
	}}
	d, err := NewDialplan(c, nil)
	if err != nil {
		b.Fatal(err)
	}
	hop := Hop{Trunk: d.Trunks.Named("east"), Called: "+15550199"}
	b.ReportAllocs()
	for b.Loop() {
		in, err1 := d.Limits.AdmitIn(t0, d.Trunks.Named("west"))
		out, err2 := d.Limits.AdmitOut(t0, d.Trunks.Named("west"), hop)
		if err1 != nil || err2 != nil {
			b.Fatal(err1, err2)
		}
		d.Limits.Answered(t0, out)
		d.Limits.Release(t0, in)
		d.Limits.Release(t0, out)
	}
}

// S13: a ceiling may count each caller or each trunk apart; the number that
// counts is the one the caller came with, not what a route made of it.
func TestCeilingCountsEachApart(t *testing.T) {
	for each, want := range map[Each]string{
		EachAll:    "alice",
		EachTrunk:  "alice alice@east",
		EachCaller: "alice bob",
	} {
		d := limited(t, LimitsConfig{Ceilings: []CeilingConfig{{Name: "x", Hourly: 1, Each: each}}}, TrunkLimits{})
		west, east := d.Trunks.Named("west"), d.Trunks.Named("east")
		var got []string
		for _, c := range []struct {
			name, caller string
			from         *Trunk
		}{{"alice", "alice", west}, {"bob", "bob", west}, {"alice", "alice", west}, {"alice@east", "alice", east}} {
			hop := Hop{Trunk: east, Called: "+15550199", Caller: "+1main", by: c.caller}
			if _, err := d.Limits.AdmitOut(t0, c.from, hop); err == nil {
				got = append(got, c.name)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("each %s: admitted %s, want %s", each, s, want)
		}
	}
}

// However many callers there are, what is counted is bounded, and nobody escapes
// the ceiling by being one too many.
func TestCountedCallersAreBounded(t *testing.T) {
	table := newCeilingTable()
	for i := range maxCounted + 100 {
		c := table.of(t0, strconv.Itoa(i))
		c.begin(t0)
		c.release(t0, time.Time{})
	}
	if n := len(table.counts); n > maxCounted+1 {
		t.Errorf("%d callers are counted", n)
	}
	if shared := table.of(t0, "one too many"); shared.hour.sum(t0) < 99 {
		t.Errorf("newcomers share a count of %d, want about 100", shared.hour.sum(t0))
	}
	later := t0.Add(25 * time.Hour)
	table.of(later, "tomorrow")
	if n := len(table.counts); n != 1 {
		t.Errorf("%d callers are counted a day later, want the one who called", n)
	}
}
