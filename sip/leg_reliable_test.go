package sip

import (
	"slices"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// RFC 3262 §3: which side asks for what, in all modes.
func TestModesOf100rel(t *testing.T) {
	for _, c := range []struct {
		mode               Reliable
		supported, require bool // what our INVITE says
		withSupport        bool // our 180 is reliable to a peer that supports it
		withRequire        bool // and to one that requires it
		refuses            int  // what a peer that requires it gets
		prack              bool // we acknowledge a reliable 180
	}{
		{mode: ReliableOff, refuses: 420},
		{mode: ReliableSupported, supported: true, withSupport: true, withRequire: true, prack: true},
		{mode: ReliableSilent, withRequire: true, prack: true},
		{mode: ReliableRequired, supported: true, require: true, withSupport: true, withRequire: true, prack: true},
		{mode: ReliableIgnored},
	} {
		cfg := LegConfig{Reliable: c.mode}
		out, invite := dialled(t, cfg, outgoing(transport.UDP, addrB))
		if got := lists(invite, "supported", "100rel"); got != c.supported {
			t.Errorf("mode %d: supported %v", c.mode, got)
		}
		if got := lists(invite, "require", "100rel"); got != c.require {
			t.Errorf("mode %d: require %v", c.mode, got)
		}
		out.says(t0, invite, 180, "x", "", contactB, "Require: 100rel", "RSeq: 1")
		if got := slices.Contains(first(out.take()), "PRACK"); got != c.prack {
			t.Errorf("mode %d: PRACK %v", c.mode, got)
		}
		for _, header := range []string{"Supported", "Require"} {
			s := newSide(t, addrB, cfg)
			s.arrive(t0, rawInvite("call", "1", newBranch(), header+": 100rel"), transport.UDP, mustAddr(addrA))
			if s.leg == nil {
				if got := first(s.take()); got[0] != itoa(c.refuses) {
					t.Errorf("mode %d, %s: refused with %v", c.mode, header, got)
				}
				continue
			}
			s.take()
			s.leg.Progress(t0, 180, nil, Extra{})
			r, _ := parse(t, s.wantSent("ringing", "180")[0].Raw).(*sipmsg.Response)
			want := c.withSupport
			if header == "Require" {
				want = c.withRequire
			}
			if got := lists(r, "require", "100rel"); got != want {
				t.Errorf("mode %d, peer says %s: reliable %v, want %v", c.mode, header, got, want)
			}
		}
	}
}

// rawInvite is an INVITE to a UA at addrB.
func rawInvite(callID, tag, branch string, lines ...string) []byte {
	var w wire
	w.str("INVITE sip:+15550100@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=", branch,
		"\r\nMax-Forwards: 70\r\nFrom: \"A\" <sip:a@192.0.2.1>;tag=", tag, "\r\nTo: <sip:+15550100@192.0.2.2>\r\n",
		"Call-ID: ", callID, "\r\nCSeq: 1 INVITE\r\nContact: <sip:a@192.0.2.1:5060>\r\n")
	for _, l := range lines {
		w.str(l, "\r\n")
	}
	return w.body("", []byte(offerSDP))
}

// RFC 3262 §3: with doubling intervals that have no bound, then the call fails.
func TestReliableResponseIsRepeatedUntilItsPRACK(t *testing.T) {
	s := newSide(t, addrB, LegConfig{Reliable: ReliableSupported})
	s.arrive(t0, rawInvite("call", "1", newBranch(), "Supported: 100rel"), transport.UDP, mustAddr(addrA))
	s.leg.Progress(t0, 183, []byte(answerSDP), Extra{})
	s.take()
	times, what := sentAt(s, s.leg, 32*time.Second)
	want := seconds2durations(.5, 1.5, 3.5, 7.5, 15.5, 31.5, 32)
	if !slices.Equal(times, want) {
		t.Errorf("sent at %v, want %v", times, want)
	}
	if what[len(what)-1] != "504" {
		t.Errorf("sent %v, want a 504 at the end", what)
	}
	event[Released](s, "no PRACK")
}

// RFC 3262 §3: one at a time; the answer waits where it must.
func TestReliableResponsesGoOneByOne(t *testing.T) {
	s := newSide(t, addrB, LegConfig{Reliable: ReliableSupported})
	s.arrive(t0, rawInvite("call", "1", newBranch(), "Supported: 100rel"), transport.UDP, mustAddr(addrA))
	s.take()
	s.leg.Progress(t0, 183, []byte(answerSDP), Extra{})
	s.leg.Progress(t0, 180, nil, Extra{})
	s.leg.Answer(t0, []byte(answerSDP), Extra{})
	r, _ := parse(t, s.wantSent("the first", "183")[0].Raw).(*sipmsg.Response)
	rseq, _ := value(r, "rseq")
	prack := func(rack string, seq int) {
		var w wire
		w.str("PRACK sip:192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=", newBranch(),
			"\r\nMax-Forwards: 70\r\nFrom: <sip:a@192.0.2.1>;tag=1\r\nTo: <sip:b@192.0.2.2>;tag=", tagOf(r.To().Params),
			"\r\nCall-ID: call\r\nCSeq: ", itoa(seq), " PRACK\r\nRAck: ", rack, "\r\n")
		s.arrive(t0, w.body("", nil), transport.UDP, mustAddr(addrA))
		s.work(t0)
	}
	prack("1 1 INVITE", 2)
	s.wantSent("for another response", "481")
	prack(rseq+" 1 INVITE", 3)
	out := s.wantSent("then the answer, which needs no 180 before it", "200", "200")
	event[Pracked](s, "acknowledged")
	ok, _ := parse(t, out[1].Raw).(*sipmsg.Response)
	if ok.CSeq().MethodName != "INVITE" || len(ok.Body()) != 0 {
		t.Errorf("answer %s", ok)
	}
}

// RFC 3262 §4: each dialog counts for itself; repeats and gaps are not reported.
func TestEachForkHasItsOwnRSeq(t *testing.T) {
	c, invite := dialled(t, LegConfig{Reliable: ReliableSupported}, outgoing(transport.UDP, addrB))
	for _, r := range []struct {
		tag, rseq string
		fresh     bool
	}{
		{"f1", "100", true},
		{"f2", "7", true},
		{"f1", "101", true},
		{"f1", "101", false},
		{"f2", "9", false},
		{"f2", "8", true},
		{"f1", "100", false},
	} {
		c.says(t0, invite, 183, r.tag, answerSDP, contactB, "Require: 100rel", "RSeq: "+r.rseq)
		out := c.take()
		if got := len(out) == 1; got != r.fresh || len(c.took()) != len(out) {
			t.Fatalf("%s RSeq %s: sent %v", r.tag, r.rseq, first(out))
		}
		if !r.fresh {
			continue
		}
		p := c.request(out[0].Raw)
		if got, want := header(p, "RAck"), r.rseq+" "+itoa(int(invite.CSeq().SeqNo))+" INVITE"; got != want {
			t.Errorf("RAck %q, want %q", got, want)
		}
		if tagOf(p.To().Params) != r.tag {
			t.Errorf("PRACK goes to %s", p.To())
		}
	}
}

// RFC 3262 §5: an INVITE without offer, an offer in the 183, the answer in PRACK.
func TestOfferInAReliableResponseIsAnsweredInThePRACK(t *testing.T) {
	cfg := LegConfig{Reliable: ReliableSupported}
	p := newPair(t, cfg, cfg)
	in := outgoing(p.kind, addrB)
	in.Body = nil
	p.leg.Dial(p.now, in)
	p.run()
	p.b.leg.Progress(p.now, 183, []byte(offerSDP), Extra{})
	p.run()
	es := p.a.took()
	e, _ := es[len(es)-1].(Progressed)
	if !e.Delayed || !e.Reliable || string(e.Body) != offerSDP {
		t.Fatalf("progressed %+v", e)
	}
	p.leg.Prack(p.now, e.Dialog, []byte(answerSDP))
	p.run()
	if x := event[Pracked](p.b, "the answer came"); string(x.Body) != answerSDP {
		t.Errorf("pracked %+v", x)
	}
	p.b.leg.Answer(p.now, nil, Extra{})
	p.run()
	if x := event[Answered](p.a, "answered"); x.Delayed {
		t.Error("offer and answer had passed already")
	}
	event[Confirmed](p.b, "ACK came by itself")
}

// RFC 3262 §5: a further offer in the PRACK, answered in its 200.
func TestPRACKCanCarryAnOffer(t *testing.T) {
	a := LegConfig{Reliable: ReliableSupported, HoldPRACK: true}
	p := newPair(t, a, LegConfig{Reliable: ReliableSupported})
	p.dial()
	p.b.leg.Progress(p.now, 183, []byte(answerSDP), Extra{})
	p.run()
	es := p.a.took()
	e, _ := es[len(es)-1].(Progressed)
	p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
	p.leg.Prack(p.now, e.Dialog, []byte(offerSDP))
	p.run()
	if x := event[Offered](p.b, "offer in PRACK"); x.Method != "PRACK" {
		t.Errorf("offered %+v", x)
	}
	p.b.leg.Accept(p.now, []byte(answerSDP))
	p.run()
	got := p.a.took()
	if len(got) != 2 {
		t.Fatalf("events %#v", got)
	}
	if x, ok := got[0].(OfferAnswered); !ok || x.Cause.Status != 200 || string(x.Body) != answerSDP {
		t.Errorf("offer: %#v", got[0])
	}
	if _, ok := got[1].(Answered); !ok {
		t.Errorf("then %#v, want the answer that had waited", got[1])
	}
}

// LegConfig.HoldPRACK: acknowledged end to end.
func TestHeldPRACKIsSentWhenTheCallSaysSo(t *testing.T) {
	c, invite := dialled(t, LegConfig{Reliable: ReliableSupported, HoldPRACK: true}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 180, "x", "", contactB, "Require: 100rel", "RSeq: 5")
	c.wantSent("not yet")
	c.leg.Prack(t0, "x", nil)
	if p := c.lastRequest("now", "PRACK"); !strings.HasPrefix(header(p, "RAck"), "5 ") {
		t.Errorf("RAck %s", header(p, "RAck"))
	}
	c.leg.Prack(t0, "x", nil)
	c.wantSent("once")
}
