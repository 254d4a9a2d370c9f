package sip

import (
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// §15: no BYE before the ACK.
func TestReleaseBeforeTheACKWaitsForIt(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.dial()
	p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
	ok := p.b.take()
	p.b.leg.Release(p.now, Normal())
	p.b.wantSent("not yet")
	p.a.arrive(p.now, ok[0].Raw, transport.UDP, p.b.net.local)
	p.run()
	if r := event[Released](p.a, "the BYE followed the ACK"); !r.Remote {
		t.Errorf("released %+v", r)
	}
	p.nothingLeft()
}

// The same when the ACK never comes.
func TestReleaseBeforeTheACKEndsWithoutIt(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.dial()
	p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
	p.b.leg.Release(p.now, Normal())
	_, what := sentAt(p.b, p.b.leg, 2*time.Minute)
	if what[len(what)-1] != "BYE" || !p.b.leg.Over() {
		t.Errorf("sent %v", what)
	}
}

// An offer in the 200 must have its ACK even if nobody wants it any more.
func TestReleaseBeforeTheDelayedACKSendsIt(t *testing.T) {
	in := outgoing(transport.UDP, addrB)
	in.Body = nil
	c, invite := dialled(t, LegConfig{}, in)
	c.says(t0, invite, 200, "x", offerSDP, contactB)
	c.leg.Release(t0, Normal())
	c.wantSent("in this order", "ACK", "BYE")
}

// What status an answered call's cause has for one that is not answered.
func TestRefusalHasAFinalStatus(t *testing.T) {
	for _, c := range []struct {
		cause Cause
		want  int
	}{{Normal(), 480}, {Refusal(486), 486}, {Cause{Q850: 17}, 486}, {Cause{}, 480}, {Cause{Status: 999}, 480}, {Refusal(302), 302}} {
		s := newSide(t, addrB, LegConfig{})
		s.arrive(t0, rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
		s.take()
		s.leg.Release(t0, c.cause, Header{"Contact", "<sip:other@192.0.2.9>"}, Header{"Retry-After", "9"})
		r := s.answer("refused", c.want)
		if v, _ := value(r, "retry-after"); v != "9" {
			t.Errorf("%v: Retry-After %q", c.cause, v)
		}
		if v, _ := value(r, "contact"); (v != "") != (c.want == 302) {
			t.Errorf("%v: Contact %q", c.cause, v)
		}
	}
}

// A call that has a Reason of its own says that one.
func TestReasonOfTheCallIsNotDoubled(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.leg.Release(t0, Normal(), Header{"Reason", "Q.850;cause=31"})
	bye := c.lastRequest("hung up", "BYE")
	if got := values(bye, "reason"); len(got) != 1 || got[0] != "Q.850;cause=31" {
		t.Errorf("Reason %v", got)
	}
}

// §15: BYE of the called side before the answer is none; of the caller it is.
func TestByeBeforeTheAnswer(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 180, "x", "", contactB)
	c.took()
	c.asks(t0, "BYE", 1, "x", "")
	c.wantSent("only the caller may", "481")
	if es := c.took(); len(es) > 0 {
		t.Errorf("events %#v", es)
	}
	s := newSide(t, addrB, LegConfig{})
	s.arrive(t0, rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
	s.leg.Progress(t0, 180, nil, Extra{})
	s.take()
	local, _ := s.leg.Tags()
	s.arrive(t0, rawRequest("BYE", "Call-ID: call", "To: <sip:b@c>;tag="+local, "CSeq: 2 BYE"), transport.UDP, mustAddr(addrA))
	s.work(t0)
	s.wantSent("both end", "200", "487")
	event[Released](s, "the caller hung up")
}

// A dialog that lost may say BYE as well; the call does not mind.
func TestByeOfALosingForkDoesNotEndTheCall(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.says(t0, lastInvite(c), 200, "y", answerSDP, contactB)
	c.wantSent("the loser", "ACK", "BYE")
	c.asks(t0, "BYE", 1, "y", "")
	c.wantSent("answered", "200")
	if es := c.took(); len(es) > 0 {
		t.Errorf("events %#v", es)
	}
}

// lastInvite reads the INVITE back from its transaction.
func lastInvite(c *callee) *sipmsg.Request { return c.request(c.leg.dial.client.raw) }

// A peer cannot make a leg keep any number of answers.
func TestAnswersKeptForRepeatedRequestsAreBounded(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	for i := range 200 {
		c.asks(t0, "INVITE", i+1, "x", offerSDP, contactB) // the first is open, the rest refused and never acknowledged
	}
	if n := len(c.leg.servers); n > maxServers {
		t.Errorf("%d are kept", n)
	}
	c = answeredCallee(t, LegConfig{})
	for i := range 200 {
		c.asks(t0.Add(time.Duration(i)*time.Minute), "OPTIONS", i+1, "x", "")
	}
	if n := len(c.leg.servers); n > 8 {
		t.Errorf("%d are kept beyond their time", n)
	}
	c = answeredCallee(t, LegConfig{})
	for i := range 200 {
		c.says(t0, lastInvite(c), 200, "fork"+itoa(i), answerSDP, contactB)
	}
	if n := len(c.leg.clients); n > 1+2*DefaultConfig().MaxForks {
		t.Errorf("%d transactions for losing forks", n)
	}
}

// F4: the peer's connection broke and it opened another.
func TestLegFollowsThePeerToItsNewConnection(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.kind = transport.TCP
	p.up()
	local, remote := p.b.leg.Tags()
	raw := rawRequest("OPTIONS", "Call-ID: "+p.leg.CallID(), "To: <sip:b@c>;tag="+local, "From: <sip:a@b>;tag="+remote, "CSeq: 50 OPTIONS")
	f := transport.Flow{Kind: transport.TCP, Remote: mustAddr("192.0.2.1:40001"), Conn: 8}
	p.b.ua.Receive(p.now, transport.Inbound{Msg: parse(t, raw), Flow: f, Reply: f})
	p.b.work(p.now)
	p.b.wantSent("answered", "200")
	p.b.leg.Release(p.now, Normal())
	if f := p.b.wantSent("hung up", "BYE")[0].Flow; f.Conn != 8 || f.Remote.Port() != 40001 {
		t.Errorf("BYE goes by %+v", f)
	}
}

// RFC 7118: a browser is behind its WebSocket and nowhere else.
func TestWebSocketPeerIsReachedByItsConnection(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	f := transport.Flow{Kind: transport.WSS, Remote: mustAddr("203.0.113.5:50000"), Conn: 3}
	raw := rawInvite("call", "1", newBranch(), "Contact: <sip:x@abc.invalid;transport=ws>")
	s.ua.Receive(t0, transport.Inbound{Msg: parse(t, raw), Flow: f, Reply: f})
	if got := s.leg.dialog.flow; got != f {
		t.Errorf("requests go by %+v", got)
	}
}

// Whatever a request of ours was for, its silence is told.
func TestUnansweredRequestsAreReported(t *testing.T) {
	for method, send := range map[string]func(l *Leg){
		"INFO":  func(l *Leg) { l.Info(t0, "", "application/dtmf", []byte("1")) },
		"REFER": func(l *Leg) { l.Refer(t0, Address{URI: "sip:a@b"}, nil, "") },
	} {
		c := answeredCallee(t, LegConfig{})
		send(c.leg)
		sentAt(c.side, c.leg, 33*time.Second)
		es := c.took()
		if len(es) == 0 {
			t.Fatalf("%s: no event", method)
		}
		switch e := es[0].(type) {
		case InfoAnswered:
			if e.Cause.Status != 408 {
				t.Errorf("%+v", e)
			}
		case ReferAnswered:
			if e.Cause.Status != 408 {
				t.Errorf("%+v", e)
			}
		default:
			t.Errorf("%s: %#v", method, e)
		}
	}
}

// RFC 5057 §5.1: a NOTIFY nobody wants ends the subscription, not the call.
func TestRefusedNotifyEndsTheSubscriptionOnly(t *testing.T) {
	c := answeredCallee(t, LegConfig{Refer: true})
	c.asks(t0, "REFER", 1, "x", "", "Refer-To: <sip:a@192.0.2.9>")
	c.leg.AcceptRefer(t0)
	notify := c.request(c.wantSent("accepted", "202", "NOTIFY")[1].Raw)
	c.says(t0, notify, 481, "x", "")
	c.leg.Notify(t0, 200, "")
	c.wantSent("nobody listens")
	event[Referred](c.side, "and the call goes on")
	c.asks(t0, "REFER", 2, "x", "", "Refer-To: <sip:a@192.0.2.9>")
	c.leg.RefuseRefer(t0, Refusal(603))
	c.wantSent("refused", "603")
}

// INFO before the answer goes to the fork that is named, or the newest.
func TestInfoBeforeTheAnswerGoesToAnEarlyDialog(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	for _, tag := range []string{"f1", "f2"} {
		c.says(t0, invite, 183, tag, answerSDP, contactB)
	}
	c.leg.Info(t0, "f1", "application/dtmf", []byte("1"))
	c.leg.Info(t0, "", "application/dtmf", []byte("2"))
	c.leg.Info(t0, "f3", "application/dtmf", []byte("3"))
	out := c.wantSent("two of three", "INFO", "INFO")
	for i, want := range []string{"f1", "f2"} {
		if got := tagOf(c.request(out[i].Raw).To().Params); got != want {
			t.Errorf("INFO %d goes to %s", i, got)
		}
	}
}

func TestLadderTellsTheMessagesInOrder(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 200, "x", answerSDP, contactB)
	rungs := c.leg.Ladder()
	if len(rungs) != 3 || !rungs[0].Sent || rungs[0].Method != "INVITE" || !rungs[0].SDP ||
		rungs[1].Sent || rungs[1].Status != 200 || rungs[2].Method != "ACK" {
		t.Errorf("ladder %+v", rungs)
	}
}
