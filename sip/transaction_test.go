package sip

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// sentAt lets a leg alone until it is over and returns when it sent what, in
// time since t0.
func sentAt(s *side, l *Leg, limit time.Duration) (times []time.Duration, what []string) {
	for range 100 {
		what = append(what, first(s.take())...)
		d := l.Deadline()
		if d.IsZero() || d.Sub(t0) > limit {
			break
		}
		before := len(s.net.sent)
		s.events = append(s.events, l.Advance(d)...)
		if len(s.net.sent) > before {
			times = append(times, d.Sub(t0))
		}
	}
	return times, what
}

func seconds2durations(ss ...float64) []time.Duration {
	var ds []time.Duration
	for _, s := range ss {
		ds = append(ds, time.Duration(s*float64(time.Second)))
	}
	return ds
}

// RFC 3261 §17.1.1.2, Timers A and B.
func TestInviteIsRepeatedWithDoublingIntervalsUntilTimerB(t *testing.T) {
	s := newSide(t, addrA, LegConfig{})
	l := s.ua.NewLeg(s.post, LegConfig{})
	l.Dial(t0, outgoing(transport.UDP, addrB))
	times, _ := sentAt(s, l, time.Minute)
	if want := seconds2durations(.5, 1.5, 3.5, 7.5, 15.5, 31.5); !slices.Equal(times, want) {
		t.Errorf("repeated at %v, want %v", times, want)
	}
	r := event[Released](s, "nobody answered")
	if r.Cause.Status != 408 || !l.Over() {
		t.Errorf("released with %v, over %v", r.Cause, l.Over())
	}
}

// RFC 3261 §17.1.1.2: only over UDP.
func TestInviteIsNotRepeatedOverTCP(t *testing.T) {
	s := newSide(t, addrA, LegConfig{})
	l := s.ua.NewLeg(s.post, LegConfig{})
	l.Dial(t0, outgoing(transport.TCP, addrB))
	if times, _ := sentAt(s, l, time.Minute); len(times) > 0 {
		t.Errorf("repeated at %v", times)
	}
	if r := event[Released](s, "nobody answered"); r.Cause.Status != 408 {
		t.Errorf("released with %v", r.Cause)
	}
}

// RFC 3261 §17.1.2.2, Timers E and F.
func TestByeIsRepeatedUpToT2UntilTimerF(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.leg.Release(p.now, Normal())
	times, _ := sentAt(p.a, p.leg, time.Minute)
	if want := seconds2durations(.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5); !slices.Equal(times, want) {
		t.Errorf("repeated at %v, want %v", times, want)
	}
	if !p.leg.Over() {
		t.Error("the leg waits for ever for the answer to its BYE")
	}
}

// RFC 3261 §17.2.1, Timers G and H.
func TestRefusalIsRepeatedUntilItsACK(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.dial()
	p.b.leg.Release(p.now, Refusal(486))
	p.b.take()
	times, _ := sentAt(p.b, p.b.leg, time.Minute)
	if want := seconds2durations(.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5); !slices.Equal(times, want) {
		t.Errorf("repeated at %v, want %v", times, want)
	}
	if !p.b.leg.Over() {
		t.Error("the leg waits for ever for the ACK")
	}
}

// RFC 3261 §13.3.1.4: end to end, hence over TCP as well, then BYE.
func TestAnswerIsRepeatedUntilItsACKAndThenEndedByBYE(t *testing.T) {
	for _, kind := range []transport.Kind{transport.UDP, transport.TCP} {
		p := newPair(t, LegConfig{}, LegConfig{})
		p.kind = kind
		p.dial()
		p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
		p.b.take()
		times, what := sentAt(p.b, p.b.leg, 31900*time.Millisecond)
		if want := seconds2durations(.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5); !slices.Equal(times, want) {
			t.Errorf("%v: repeated at %v, want %v", kind, times, want)
		}
		if slices.Contains(what, "BYE") {
			t.Errorf("%v: BYE before 64*T1", kind)
		}
		p.b.events = append(p.b.events, p.b.leg.Advance(t0.Add(32*time.Second))...)
		p.b.wantSent("no ACK came", "BYE")
		if r := event[Released](p.b, "no ACK came"); r.Remote || r.Cause.Status != 408 {
			t.Errorf("%v: released %+v", kind, r)
		}
	}
}

// RFC 3261 §17.2.1: the same answer, and only one call.
func TestRepeatedInviteGetsTheLastResponseAgain(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.leg.Dial(p.now, outgoing(transport.UDP, addrB))
	raw := p.a.take()[0].Raw
	p.b.arrive(t0, raw, transport.UDP, p.a.net.local)
	leg := p.b.leg
	p.b.wantSent("at once", "100")
	p.b.leg.Progress(t0, 180, nil, Extra{})
	p.b.wantSent("ringing", "180")
	p.b.arrive(t0, raw, transport.UDP, p.a.net.local)
	p.b.work(t0)
	p.b.wantSent("it came again", "180")
	if p.b.leg != leg {
		t.Error("the repeated INVITE became a second call")
	}
}

// RFC 3261 §17.1.1.2, Timer D; the leg itself is gone by then.
func TestRefusalThatComesAgainIsAcknowledgedAgain(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.dial()
	p.b.leg.Release(p.now, Refusal(486))
	refusal := p.b.take()[0].Raw
	for i := range 3 {
		p.a.arrive(p.now, refusal, transport.UDP, p.b.net.local)
		p.a.work(p.now, p.leg)
		ack := p.a.wantSent("each refusal has its ACK", "ACK")[0]
		p.b.arrive(p.now, ack.Raw, transport.UDP, p.a.net.local)
		p.b.work(p.now)
		if !p.leg.Over() || !p.b.leg.Over() {
			t.Fatalf("not over after ACK %d", i+1)
		}
	}
	p.b.wantSent("an ACK has no answer")
	p.nothingLeft()
}

// RFC 3261 §17.2.2, Timer J: the leg is gone, the answer is not.
func TestByeThatComesAgainIsAnsweredAgain(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.leg.Release(p.now, Normal())
	bye := p.a.take()[0].Raw
	for range 2 {
		p.b.arrive(p.now, bye, transport.UDP, p.a.net.local)
		p.b.work(p.now)
		p.b.wantSent("each BYE has its answer", "200")
	}
	p.b.ua.remnants.sweep(p.now.Add(33 * time.Second))
	p.b.arrive(p.now, bye, transport.UDP, p.a.net.local)
	p.b.wantSent("the dialog is long gone", "481")
}

// RFC 6026 §7.1: an INVITE that was long on its way is no second call.
func TestInviteThatComesAgainAfterItsCallIsAbsorbed(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.leg.Dial(p.now, outgoing(transport.UDP, addrB))
	invite := p.a.take()[0].Raw
	p.b.arrive(p.now, invite, transport.UDP, p.a.net.local)
	p.run()
	p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
	p.run()
	p.leg.Release(p.now, Normal())
	p.run()
	served := p.b.leg
	p.b.arrive(p.now, invite, transport.UDP, p.a.net.local)
	p.b.work(p.now)
	if p.b.leg != served {
		t.Error("a duplicate INVITE became a ghost call")
	}
	p.b.wantSent("absorbed")
	p.nothingLeft()
}

// F4, RFC 3261 §18.4.
func TestTransportFailureIsAnAnswer(t *testing.T) {
	s := newSide(t, addrA, LegConfig{})
	l := s.ua.NewLeg(s.post, LegConfig{})
	l.Dial(t0, outgoing(transport.TCP, addrB))
	o := s.take()[0]
	s.ua.Failed(t0, transport.Failure{CallID: o.CallID, Branch: o.Branch, Flow: o.Flow, Err: errNet})
	s.work(t0, l)
	if r := event[Released](s, "nobody can be reached"); r.Cause.Status != 503 || r.Remote {
		t.Errorf("released %+v", r)
	}
	if !l.Over() {
		t.Error("leg is left")
	}
}

// F1, RFC 3261 §18.4: ICMP about a request over UDP ends it at once, and only
// the one it is about, where it went, until somebody has answered.
func TestRefusedDatagramEndsItsRequestOnly(t *testing.T) {
	s := newSide(t, addrA, LegConfig{})
	l := s.ua.NewLeg(s.post, LegConfig{})
	l.Dial(t0, outgoing(transport.UDP, addrB))
	o := s.take()[0]
	about := transport.Failure{CallID: o.CallID, Branch: o.Branch, Flow: o.Flow, Err: transport.ErrRefused}
	other, elsewhere := about, about
	other.Branch = "z9hG4bKforged"
	elsewhere.Flow.Remote = netip.MustParseAddrPort("203.0.113.99:5060")
	for _, f := range []transport.Failure{other, elsewhere} {
		s.ua.Failed(t0, f)
		s.work(t0, l)
		s.wantSent("ICMP about another datagram")
		if l.Over() {
			t.Fatalf("ended by %+v", f)
		}
	}
	s.ua.Failed(t0, about)
	s.work(t0, l)
	if r := event[Released](s, "nobody can be reached"); r.Cause.Status != 503 || r.Remote {
		t.Errorf("released %+v", r)
	}

	s = newSide(t, addrA, LegConfig{})
	c := &callee{side: s, leg: s.ua.NewLeg(s.post, LegConfig{})}
	c.leg.Dial(t0, outgoing(transport.UDP, addrB))
	o = s.take()[0]
	c.says(t0, c.request(o.Raw), 180, "x", "", contactB)
	s.ua.Failed(t0, transport.Failure{CallID: o.CallID, Branch: o.Branch, Flow: o.Flow, Err: transport.ErrRefused})
	s.work(t0, c.leg)
	if c.leg.Over() {
		t.Error("ended by ICMP after an answer")
	}
}

// A stall of the process is not a burst of repeats (F19).
func TestStallOfASecondMakesOneRepeat(t *testing.T) {
	s := newSide(t, addrA, LegConfig{})
	l := s.ua.NewLeg(s.post, LegConfig{})
	l.Dial(t0, outgoing(transport.UDP, addrB))
	s.take()
	l.Advance(t0.Add(3 * time.Second))
	s.wantSent("late, once", "INVITE")
	if d := l.Deadline(); d.Before(t0.Add(4 * time.Second)) {
		t.Errorf("next repeat at %v", d.Sub(t0))
	}
}
