package sip

import (
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// answeredCallee is a call that is up, with fork "x" at the other end.
func answeredCallee(t *testing.T, cfg LegConfig, lines ...string) *callee {
	t.Helper()
	c, invite := dialled(t, cfg, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 200, "x", answerSDP, append([]string{contactB}, lines...)...)
	c.wantSent("answered", "ACK")
	c.took()
	return c
}

func (c *callee) lastRequest(why, method string) *sipmsg.Request {
	c.t.Helper()
	return c.request(c.wantSent(why, method)[0].Raw)
}

func TestReinviteFromEitherSideCarriesOfferAndAnswer(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	for _, c := range []struct {
		by, other   *side
		leg, answer *Leg
	}{{p.a, p.b, p.leg, p.b.leg}, {p.b, p.a, p.b.leg, p.leg}} {
		c.leg.Offer(p.now, []byte(offerSDP))
		p.run()
		if e := event[Offered](c.other, "the offer came"); e.Method != "INVITE" || string(e.Body) != offerSDP {
			t.Errorf("offered %+v", e)
		}
		c.answer.Accept(p.now, []byte(answerSDP))
		p.run()
		if e := event[OfferAnswered](c.by, "the answer came"); e.Cause.Status != 200 || string(e.Body) != answerSDP {
			t.Errorf("answered %+v", e)
		}
	}
	p.leg.Release(p.now, Normal())
	p.run()
	p.nothingLeft()
}

// RFC 3261 §14.2: a refusal changes nothing.
func TestRefusedOfferLeavesTheCallUp(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.leg.Offer(p.now, []byte(offerSDP))
	p.run()
	event[Offered](p.b, "the first offer")
	p.b.leg.Refuse(p.now, Refusal(488))
	p.run()
	if e := event[OfferAnswered](p.a, "refused"); e.Cause.Status != 488 {
		t.Errorf("cause %v", e.Cause)
	}
	p.leg.Offer(p.now, []byte(offerSDP))
	p.run()
	event[Offered](p.b, "the next offer finds the way free")
}

// RFC 3261 §14.1, F6: both sides offer at once; the owner of the Call-ID waits
// longer, so that one gets through and then the other.
func TestGlareResolvesItself(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.leg.Offer(p.now, []byte(offerSDP))
	p.b.leg.Offer(p.now, []byte(offerSDP))
	p.run()
	if n := len(p.a.took()) + len(p.b.took()); n != 0 {
		t.Fatalf("%d events, want both offers refused with 491 and kept", n)
	}
	if d := p.leg.Deadline().Sub(p.now); d < 2100*time.Millisecond || d > 4*time.Second {
		t.Errorf("the owner of the Call-ID waits %v", d)
	}
	if d := p.b.leg.offer.retry.Sub(p.now); d < 0 || d > 2*time.Second {
		t.Errorf("the other waits %v", d)
	}
	p.after(2050 * time.Millisecond)
	event[Offered](p.a, "the other was first")
	p.leg.Accept(p.now, []byte(answerSDP))
	p.run()
	event[OfferAnswered](p.b, "accepted")
	p.after(2500 * time.Millisecond)
	event[Offered](p.b, "then the owner")
	p.b.leg.Accept(p.now, []byte(answerSDP))
	p.run()
	event[OfferAnswered](p.a, "accepted")
}

// RFC 3261 §14.2: one at a time.
func TestSecondReinviteBeforeTheAnswerToTheFirstGets500(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "INVITE", 10, "x", offerSDP, contactB)
	event[Offered](c.side, "the first")
	c.asks(t0, "INVITE", 11, "x", offerSDP, contactB)
	c.wantSent("the first is open", "500")
}

func TestReinviteWithoutOfferGetsOurs(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.leg.Offer(p.now, nil)
	p.run()
	if e := event[Offered](p.b, "asked for an offer"); e.Body != nil {
		t.Errorf("body %q", e.Body)
	}
	p.b.leg.Accept(p.now, []byte(offerSDP))
	p.run()
	if e := event[OfferAnswered](p.a, "the offer came"); !e.Delayed || string(e.Body) != offerSDP {
		t.Errorf("answered %+v", e)
	}
	p.leg.Ack(p.now, []byte(answerSDP))
	p.run()
	if e := event[OfferAnswered](p.b, "the answer came in the ACK"); string(e.Body) != answerSDP {
		t.Errorf("answered %+v", e)
	}
}

// RFC 3311 §5.1: before the answer, in the early dialog.
func TestUpdateBeforeTheAnswerCarriesAnOffer(t *testing.T) {
	cfg := LegConfig{Update: true, Reliable: ReliableSupported}
	p := newPair(t, cfg, cfg)
	p.dial()
	p.a.took()
	p.b.leg.Progress(p.now, 183, []byte(answerSDP), Extra{})
	p.run()
	d := event[Progressed](p.a, "early media").Dialog
	p.b.took()
	p.leg.OfferEarly(p.now, d, []byte(offerSDP))
	p.run()
	if e := event[Offered](p.b, "UPDATE came"); e.Method != "UPDATE" {
		t.Errorf("by %s", e.Method)
	}
	p.b.leg.Accept(p.now, []byte(answerSDP))
	p.run()
	event[OfferAnswered](p.a, "accepted")
	p.b.leg.Offer(p.now, []byte(offerSDP))
	p.run()
	if e := event[Offered](p.a, "UPDATE from the called side"); e.Method != "UPDATE" || e.Dialog != d {
		t.Errorf("offered %+v", e)
	}
	p.leg.Accept(p.now, []byte(answerSDP))
	p.run()
	event[OfferAnswered](p.b, "accepted")
}

// RFC 3311 §5.2.
func TestUpdateIsRefusedWhileAnOfferIsOpen(t *testing.T) {
	c, invite := dialled(t, LegConfig{Update: true}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 180, "x", "", contactB, "Allow: UPDATE")
	c.asks(t0, "UPDATE", 1, "x", offerSDP, contactB)
	c.wantSent("our offer has no answer yet", "491")
	c.says(t0, invite, 200, "x", answerSDP, contactB)
	c.wantSent("answered", "ACK")
	c.asks(t0, "INVITE", 2, "x", offerSDP, contactB)
	c.asks(t0, "UPDATE", 3, "x", offerSDP, contactB)
	c.wantSent("their own offer has no answer yet", "500")
}

func TestUpdateThatIsNotAllowedGets405(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "UPDATE", 2, "x", offerSDP, contactB)
	r, _ := parse(t, c.wantSent("not ours", "405")[0].Raw).(*sipmsg.Response)
	if v, _ := value(r, "allow"); v == "" || lists(r, "allow", "UPDATE") {
		t.Errorf("Allow: %s", v)
	}
}

// An offer made before the answer, to a peer without UPDATE, waits for it.
func TestOfferWithoutUpdateWaitsForTheAnswer(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.dial()
	p.b.leg.Offer(p.now, []byte(offerSDP))
	p.run()
	if es := p.a.took(); len(es) > 1 {
		t.Fatalf("events %#v", es)
	}
	p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
	p.run()
	event[Offered](p.a, "after the ACK")
}

// §12.2.1.2: the peer has no such call any more.
func TestCallEndsWhenThePeerDoesNotKnowIt(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.leg.Offer(t0, []byte(offerSDP))
	c.says(t0, c.lastRequest("offer", "INVITE"), 481, "x", "")
	c.wantSent("481 ends the dialog", "ACK", "BYE")
	if r := event[Released](c.side, "481"); r.Cause.Status != 481 || !r.Remote {
		t.Errorf("released %+v", r)
	}
}

// §12.2.1.2, F8: a peer that is gone is noticed by its silence.
func TestCallEndsWhenThePeerDoesNotAnswerAReinvite(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.leg.Offer(t0, []byte(offerSDP))
	sentAt(c.side, c.leg, 2*time.Minute)
	if r := event[Released](c.side, "silence"); r.Cause.Status != 408 {
		t.Errorf("released %+v", r)
	}
	if !c.leg.Over() {
		t.Error("leg is left")
	}
}

// §12.2.2.
func TestRequestOlderThanTheLastGets500(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "INFO", 10, "x", "Signal=1", "Content-Type: application/dtmf-relay")
	c.asks(t0, "INFO", 9, "x", "Signal=2", "Content-Type: application/dtmf-relay")
	c.wantSent("in order", "200", "500")
	if e := event[Informed](c.side, "the first"); string(e.Body) != "Signal=1" {
		t.Errorf("informed %q", e.Body)
	}
}

// RFC 6086: unknown content is refused, and says what would do.
func TestInfoOfUnknownTypeGets415(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "INFO", 1, "x", "<xml/>", "Content-Type: application/xml")
	r, _ := parse(t, c.wantSent("unknown", "415")[0].Raw).(*sipmsg.Response)
	if !lists(r, "accept", "application/dtmf-relay") {
		t.Errorf("no Accept in %s", r)
	}
	if es := c.took(); len(es) > 0 {
		t.Errorf("events %#v", es)
	}
}

func TestInfoIsReported(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.leg.Info(p.now, "", "application/dtmf-relay", []byte("Signal=5\r\nDuration=160\r\n"))
	p.run()
	if e := event[Informed](p.b, "INFO came"); string(e.Body) != "Signal=5\r\nDuration=160\r\n" {
		t.Errorf("informed %+v", e)
	}
	if e := event[InfoAnswered](p.a, "answered"); e.Cause.Status != 200 {
		t.Errorf("answered %+v", e)
	}
}

// RFC 3261 §12.2.1.2: a new Contact is where the next request goes.
func TestReinviteRefreshesTheTarget(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "INVITE", 1, "x", offerSDP, "Contact: <sip:moved@192.0.2.77:5099>")
	c.leg.Accept(t0, []byte(answerSDP))
	c.wantSent("accepted", "200")
	c.asks(t0, "ACK", 1, "x", "")
	c.leg.Release(t0, Normal())
	bye := c.wantSent("hung up", "BYE")[0]
	if got := uriString(&c.request(bye.Raw).Recipient); got != "sip:moved@192.0.2.77:5099" {
		t.Errorf("BYE is for %s", got)
	}
	if got := bye.Flow.Remote.String(); got != "192.0.2.77:5099" {
		t.Errorf("BYE is sent to %s", got)
	}
}

// A peer behind NAT is answered where it speaks from, whatever it says.
func TestSymmetricLegFollowsTheSource(t *testing.T) {
	c := answeredCallee(t, LegConfig{Symmetric: true}, "Contact: <sip:b@10.1.1.1>")
	c.leg.Release(t0, Normal())
	if bye := c.wantSent("hung up", "BYE")[0]; bye.Flow.Remote.String() != addrB {
		t.Errorf("BYE went to %v", bye.Flow.Remote)
	}
}

// F6: BYE crossing BYE.
func TestCrossingByesEndBothLegs(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.leg.Release(p.now, Normal())
	p.b.leg.Release(p.now, Normal())
	p.run()
	p.nothingLeft()
}

// §15.1.2: what is open ends with the BYE.
func TestByeEndsAnOpenReinvite(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "INVITE", 1, "x", offerSDP, contactB)
	event[Offered](c.side, "open")
	c.asks(t0, "BYE", 2, "x", "", `Reason: Q.850;cause=31;text="normal, unspecified"`)
	c.wantSent("both are answered", "200", "487")
	if r := event[Released](c.side, "BYE"); r.Cause.Q850 != 31 || !r.Remote {
		t.Errorf("released %+v", r)
	}
	c.asks(t0, "ACK", 1, "x", "")
	if !c.leg.Over() {
		t.Error("leg is left")
	}
}

// §9.2: a re-INVITE can be cancelled; the call goes on.
func TestCancelledReinviteLeavesTheCallUp(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	branch := newBranch()
	c.asksAs(t0, "INVITE", 1, "x", branch, offerSDP, contactB)
	event[Offered](c.side, "open")
	c.asksAs(t0, "CANCEL", 1, "x", branch, "")
	c.wantSent("cancelled", "200", "487")
	c.leg.Accept(t0, []byte(answerSDP))
	c.wantSent("too late to accept")
	c.asks(t0, "INVITE", 2, "x", offerSDP, contactB)
	event[Offered](c.side, "the next one")
}

func TestOptionsInADialogIsAnswered(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "OPTIONS", 1, "x", "")
	c.asks(t0, "MESSAGE", 2, "x", "hello", "Content-Type: text/plain")
	c.asks(t0, "FROBNICATE", 3, "x", "")
	c.wantSent("known, known but not taken, unknown", "200", "405", "501")
}

// F4: a connection that broke is opened again where the peer listens.
func TestRequestsOverTCPKeepTheConnectionAndKnowWhereToReopenIt(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.kind = transport.TCP
	p.up()
	p.leg.Release(p.now, Normal())
	f := p.a.wantSent("hung up", "BYE")[0].Flow
	if f.Kind != transport.TCP || f.Conn != 7 || f.Reopen.String() != addrB {
		t.Errorf("BYE goes by %+v", f)
	}
}
