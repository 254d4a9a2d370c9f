package sip

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// callee answers requests by hand, as any number of forks.
type callee struct {
	*side
	leg     *Leg
	last    *sipmsg.Request
	wantACK bool
}

// branch is that of the leg's INVITE.
func (c *callee) branch() string { return c.leg.dial.client.branch }

// dialled dials and returns the callee's view of the INVITE.
func dialled(t *testing.T, cfg LegConfig, in Invite) (*callee, *sipmsg.Request) {
	t.Helper()
	s := newSide(t, addrA, cfg)
	cfg.Peer = "trunk"
	c := &callee{side: s}
	c.leg = s.ua.NewLeg(s.post, cfg)
	c.leg.Dial(t0, in)
	return c, c.request(c.wantSent("dialled", "INVITE")[0].Raw)
}

func (c *callee) request(raw []byte) *sipmsg.Request {
	c.t.Helper()
	r, ok := parse(c.t, raw).(*sipmsg.Request)
	if !ok {
		c.t.Fatalf("not a request: %s", raw)
	}
	return r
}

// says makes the response of a fork to r arrive; lines are "Name: value".
func (c *callee) says(now time.Time, r *sipmsg.Request, status int, tag, body string, lines ...string) {
	c.t.Helper()
	var w wire
	w.str("SIP/2.0 ", itoa(status), " ", phrase(status), "\r\n")
	for _, name := range []string{"Via", "From", "Call-ID", "CSeq"} {
		w.copied(r.GetHeader(name))
	}
	w.str("To: ", nameAddr("", &r.To().Address))
	if tag != "" {
		w.str(";tag=", tag)
	}
	w.str("\r\n")
	for _, l := range lines {
		w.str(l, "\r\n")
	}
	c.arrive(now, w.body("", []byte(body)), transport.UDP, mustAddr(addrB))
	c.work(now, c.leg)
}

// asks makes a request of fork tag arrive in the leg's dialog.
func (c *callee) asks(now time.Time, method string, seq int, tag, body string, lines ...string) {
	c.t.Helper()
	c.asksAs(now, method, seq, tag, newBranch(), body, lines...)
}

func (c *callee) asksAs(now time.Time, method string, seq int, tag, branch, body string, lines ...string) {
	c.t.Helper()
	l := c.leg
	var w wire
	w.str(method, " sip:192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.2:5060;branch=", branch, "\r\n")
	w.str("Max-Forwards: 70\r\nFrom: ", l.remote, ";tag=", tag, "\r\nTo: ", l.local, ";tag=", l.entry.tag, "\r\n")
	w.str("Call-ID: ", l.entry.callID, "\r\nCSeq: ", itoa(seq), " ", method, "\r\n")
	contentType := ""
	for _, x := range lines {
		if v, ok := strings.CutPrefix(x, "Content-Type: "); ok {
			contentType = v
			continue
		}
		w.str(x, "\r\n")
	}
	c.arrive(now, w.body(contentType, []byte(body)), transport.UDP, mustAddr(addrB))
	c.work(now, c.leg)
}

func header(r *sipmsg.Request, name string) string {
	v, _ := value(r, strings.ToLower(name))
	return v
}

func mustAddr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

const contactB = "Contact: <sip:b@192.0.2.2:5070>"

// §13.2.2.1: each fork is a dialog of its own.
func TestEachForkIsAnEarlyDialog(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	for _, tag := range []string{"fork1", "fork2"} {
		c.says(t0, invite, 183, tag, answerSDP, contactB)
		if e := event[Progressed](c.side, "183 came"); e.Dialog != tag || string(e.Body) != answerSDP {
			t.Errorf("progressed in %q with body %q", e.Dialog, e.Body)
		}
	}
	c.says(t0, invite, 200, "fork2", answerSDP, contactB)
	es := c.took()
	if e, ok := es[0].(DialogEnded); !ok || e.Dialog != "fork1" {
		t.Errorf("first event %#v, want the end of fork1", es[0])
	}
	if e, ok := es[1].(Answered); !ok || e.Dialog != "fork2" {
		t.Errorf("second event %#v, want the answer of fork2", es[1])
	}
	ack := c.request(c.wantSent("the answer has its ACK", "ACK")[0].Raw)
	if got := tagOf(ack.To().Params); got != "fork2" {
		t.Errorf("ACK goes to %q", got)
	}
	if got := uriString(&ack.Recipient); got != "sip:b@192.0.2.2:5070" {
		t.Errorf("ACK is for %s, not for the Contact", got)
	}
}

// F7, §13.2.2.4: the others get ACK and BYE, each in its own dialog.
func TestAnswersOfOtherForksAreAcknowledgedAndEnded(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 200, "fork1", answerSDP, contactB)
	c.wantSent("the winner", "ACK")
	c.says(t0, invite, 200, "fork2", answerSDP, "Contact: <sip:c@192.0.2.2:5080>",
		"Record-Route: <sip:192.0.2.7;lr>", "Record-Route: <sip:192.0.2.8;lr>")
	out := c.wantSent("the loser", "ACK", "BYE")
	for _, o := range out {
		r := c.request(o.Raw)
		if tagOf(r.To().Params) != "fork2" || uriString(&r.Recipient) != "sip:c@192.0.2.2:5080" {
			t.Errorf("%s goes to %s", r.Method, r.To())
		}
		if routes := r.GetHeaders("Route"); len(routes) != 2 || !strings.Contains(routes[0].Value(), "192.0.2.8") {
			t.Errorf("%s has routes %v, want Record-Route in reverse", r.Method, routes)
		}
		if got := o.Flow.Remote.String(); got != "192.0.2.8:5060" {
			t.Errorf("%s is sent to %s, want the first route", r.Method, got)
		}
	}
	event[Answered](c.side, "the first answer alone")
	c.says(t0, invite, 200, "fork2", answerSDP, contactB)
	c.wantSent("the loser's 200 came again", "ACK")
	c.says(t0, c.request(out[1].Raw), 200, "fork2", "")
	c.leg.Release(t0, Normal())
	c.says(t0, c.request(c.wantSent("hung up", "BYE")[0].Raw), 200, "fork1", "")
	if !c.leg.Over() {
		t.Error("leg is left")
	}
}

// F6, §9.1: the answer was faster than the CANCEL.
func TestAnswerAfterCancelIsAcknowledgedAndEnded(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 180, "x", "", contactB)
	c.leg.Release(t0, Refusal(487))
	cancel := c.request(c.wantSent("it rang", "CANCEL")[0].Raw)
	if cancel.Via().Value() != invite.Via().Value() {
		t.Errorf("CANCEL has Via %s, the INVITE %s", cancel.Via(), invite.Via())
	}
	if cancel.CSeq().SeqNo != invite.CSeq().SeqNo || uriString(&cancel.Recipient) != uriString(&invite.Recipient) {
		t.Error("CANCEL does not name its INVITE")
	}
	c.says(t0, invite, 200, "x", answerSDP, contactB)
	bye := c.wantSent("too late", "ACK", "BYE")[1]
	c.says(t0, cancel, 200, "x", "")
	c.says(t0, c.request(bye.Raw), 200, "x", "")
	if !c.leg.Over() {
		t.Error("leg is left")
	}
}

// §9.1: CANCEL before the first response could overtake the INVITE.
func TestCancelWaitsForAProvisionalResponse(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.leg.Release(t0, Refusal(487))
	c.wantSent("nothing has been heard yet")
	c.says(t0, invite, 100, "", "")
	c.wantSent("now it may", "CANCEL")
	c.says(t0, invite, 487, "x", "")
	c.wantSent("the INVITE is over", "ACK")
	if !c.leg.Over() {
		t.Error("leg is left")
	}
}

// §9.1: 64*T1 after the CANCEL the INVITE is over, whatever the peer does.
func TestCancelledInviteEndsWithoutFinalResponse(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 180, "x", "", contactB)
	c.leg.Release(t0, Refusal(487))
	sentAt(c.side, c.leg, time.Minute)
	if !c.leg.Over() {
		t.Error("leg is left")
	}
}

// RFC 6026 §8.4: also when the leg is gone.
func TestLateAnswerAfterTheLegIsGoneIsEnded(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 486, "x", "")
	c.wantSent("refused", "ACK")
	if !c.leg.Over() {
		t.Fatal("leg is left")
	}
	c.says(t0, invite, 200, "y", answerSDP, contactB)
	out := c.wantSent("another fork answers", "ACK", "BYE")
	if r := c.request(out[1].Raw); tagOf(r.To().Params) != "y" || r.CSeq().SeqNo != invite.CSeq().SeqNo+1 {
		t.Errorf("BYE: %s %s", r.To(), r.CSeq())
	}
	c.says(t0, invite, 486, "x", "")
	c.wantSent("the refusal came again", "ACK")
}

// RFC 6228.
func Test199EndsOneEarlyDialog(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 183, "fork1", answerSDP, contactB)
	c.took()
	c.says(t0, invite, 199, "fork1", "", `Reason: SIP;cause=486;text="Busy Here"`)
	if e := event[DialogEnded](c.side, "199 came"); e.Dialog != "fork1" {
		t.Errorf("ended %q", e.Dialog)
	}
}

// A peer cannot make us keep any number of dialogs.
func TestForksBeyondTheBoundAreLeftAlone(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	for i := range 100 {
		c.says(t0, invite, 180, fmt.Sprint("fork", i), "", contactB)
	}
	if got, want := len(c.took()), DefaultConfig().MaxForks; got != want {
		t.Errorf("%d forks reported, want %d", got, want)
	}
	if n := c.ua.Stats().Counters["fork.too_many"]; n == 0 {
		t.Error("not counted")
	}
	c.says(t0, invite, 200, "late", answerSDP, contactB)
	event[Answered](c.side, "an answer counts all the same")
	c.wantSent("and has its ACK", "ACK")
}

// F7: 18x after the answer has no meaning.
func TestProvisionalResponseAfterTheAnswerIsIgnored(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 200, "x", answerSDP, contactB)
	c.took()
	c.says(t0, invite, 180, "y", "", contactB)
	if es := c.took(); len(es) > 0 {
		t.Errorf("events %#v", es)
	}
}

// §12.2.1.1: a strict router wants the target in the last Route.
func TestStrictRouterGetsItsOwnURI(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 200, "x", answerSDP, contactB, "Record-Route: <sip:192.0.2.9>")
	ack := c.request(c.wantSent("answered", "ACK")[0].Raw)
	if got := uriString(&ack.Recipient); got != "sip:192.0.2.9" {
		t.Errorf("Request-URI %s", got)
	}
	if got := header(ack, "Route"); got != "<sip:b@192.0.2.2:5070>" {
		t.Errorf("Route %s", got)
	}
}

// S9: a route set is bounded, or each request of ours would carry it.
func TestRouteSetIsBounded(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	lines := []string{contactB}
	for range maxRoutes + 10 {
		lines = append(lines, "Record-Route: <sip:192.0.2.9;lr>")
	}
	c.says(t0, invite, 200, "x", answerSDP, lines...)
	ack := c.request(c.wantSent("answered", "ACK")[0].Raw)
	if n := len(ack.GetHeaders("Route")); n != maxRoutes {
		t.Errorf("%d routes, want %d", n, maxRoutes)
	}
}

// A name in Contact is looked up; the ACK does not wait for it.
func TestNameInContactIsLookedUp(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.net.names = map[string]netip.AddrPort{"edge.example.net": mustAddr("198.51.100.4:5062")}
	c.says(t0, invite, 200, "x", answerSDP, "Contact: <sip:edge.example.net:5062>")
	if ack := c.wantSent("at once", "ACK")[0]; ack.Flow.Remote.String() != addrB {
		t.Errorf("ACK went to %v", ack.Flow.Remote)
	}
	c.work(t0, c.leg)
	c.leg.Release(t0, Normal())
	if bye := c.wantSent("hung up", "BYE")[0]; bye.Flow.Remote.String() != "198.51.100.4:5062" {
		t.Errorf("BYE went to %v", bye.Flow.Remote)
	}
}

// RFC 3261 §13.2.1: the answer to an offer in the 200 is in the ACK.
func TestDelayedOfferIsAnsweredInTheACK(t *testing.T) {
	in := outgoing(transport.UDP, addrB)
	in.Body = nil
	c, invite := dialled(t, LegConfig{}, in)
	c.says(t0, invite, 200, "x", offerSDP, contactB)
	if e := event[Answered](c.side, "answered"); !e.Delayed || string(e.Body) != offerSDP {
		t.Errorf("answered %+v", e)
	}
	c.wantSent("the call has to answer first")
	c.says(t0, invite, 200, "x", offerSDP, contactB)
	c.wantSent("nor when it comes again")
	c.leg.Ack(t0, []byte(answerSDP))
	if ack := c.request(c.wantSent("answered", "ACK")[0].Raw); string(ack.Body()) != answerSDP {
		t.Errorf("ACK has body %q", ack.Body())
	}
	c.says(t0, invite, 200, "x", offerSDP, contactB)
	if ack := c.request(c.wantSent("it came again", "ACK")[0].Raw); string(ack.Body()) != answerSDP {
		t.Errorf("repeated ACK has body %q", ack.Body())
	}
	if es := c.took(); len(es) > 0 {
		t.Errorf("events %#v", es)
	}
}
