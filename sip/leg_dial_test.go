package sip

import (
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
	"github.com/tandem-voip/tandem/sip/transport"
)

// F1, RFC 3263 §4.3.
func TestNextTargetIsTriedWhereNobodyHasAnswered(t *testing.T) {
	const other = "192.0.2.3:5060"
	for name, spoil := range map[string]func(c *callee){
		"503": func(c *callee) {
			invite := c.last
			c.says(t0, invite, 100, "", "")
			c.says(t0, invite, 503, "x", "", "Retry-After: 30")
			c.wantACK = true
		},
		"transport": func(c *callee) {
			c.ua.Failed(t0, transport.Failure{CallID: c.leg.CallID(), Branch: c.branch(), Err: errNet})
			c.work(t0, c.leg)
		},
		"silence": func(c *callee) { c.events = append(c.events, c.leg.Advance(t0.Add(6*time.Second))...) },
	} {
		t.Run(name, func(t *testing.T) {
			c, invite := dialled(t, LegConfig{Answer: 6 * time.Second}, outgoing(transport.UDP, addrB, other))
			c.last = invite
			spoil(c)
			out := c.take()
			if names := first(out); c.wantACK {
				if names[0] != "ACK" {
					t.Errorf("sent %v, want the ACK first", names)
				}
				out = out[1:]
			}
			if len(out) == 0 || out[0].Flow.Remote.String() != other {
				t.Fatalf("sent %v", first(out))
			}
			next := c.request(out[0].Raw)
			if next.CSeq().SeqNo == invite.CSeq().SeqNo || next.Via().Value() == invite.Via().Value() {
				t.Error("a new attempt is a new transaction")
			}
			var failed *TargetFailed
			for _, e := range c.took() {
				if x, ok := e.(TargetFailed); ok {
					failed = &x
				}
			}
			if failed == nil || failed.Target.Addr.String() != addrB {
				t.Fatalf("failed target %+v", failed)
			}
			if name == "503" && failed.RetryAfter != 30*time.Second {
				t.Errorf("retry after %v", failed.RetryAfter)
			}
			c.says(t0, next, 200, "y", answerSDP, contactB)
			event[Answered](c.side, "the second target answers")
		})
	}
}

// F2: no means no.
func TestRefusalIsNotTriedElsewhere(t *testing.T) {
	for _, status := range []int{404, 486, 500, 600, 603} {
		c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB, "192.0.2.3:5060"))
		c.says(t0, invite, status, "x", "", `Reason: Q.850;cause=21;text="rejected"`)
		c.wantSent("refused", "ACK")
		r := event[Released](c.side, "refused")
		if r.Cause.Status != status || r.Cause.Q850 != 21 || !r.Remote || r.Status != status {
			t.Errorf("released %+v", r)
		}
	}
}

// Somebody has been heard: a 503 is then the end of the call, not of a server.
func TestNoFailoverAfterRinging(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB, "192.0.2.3:5060"))
	c.says(t0, invite, 180, "x", "", contactB)
	c.says(t0, invite, 503, "x", "", "Retry-After: 5")
	c.wantSent("refused", "ACK")
	if r := event[Released](c.side, "503"); r.RetryAfter != 5*time.Second {
		t.Errorf("released %+v", r)
	}
}

// A target given up for its silence that wakes up must not ring.
func TestTargetGivenUpIsCancelledWhenItSpeaks(t *testing.T) {
	c, invite := dialled(t, LegConfig{Answer: 6 * time.Second}, outgoing(transport.UDP, addrB, "192.0.2.3:5060"))
	c.leg.Advance(t0.Add(6 * time.Second))
	c.take()
	c.says(t0, invite, 180, "x", "", contactB)
	c.wantSent("too late", "CANCEL")
	c.says(t0, invite, 200, "x", answerSDP, contactB)
	c.wantSent("far too late", "ACK", "BYE")
}

// RFC 3261 §8.1.3.4.
func TestRedirectionIsReportedBestContactFirst(t *testing.T) {
	c, invite := dialled(t, LegConfig{}, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 302, "x", "", "Contact: <sip:second@192.0.2.5>;q=0.5", "Contact: \"B\" <sip:best@192.0.2.6>;q=0.9")
	es := c.took()
	r, ok := es[0].(Redirected)
	if !ok || len(r.Contacts) != 2 || r.Contacts[0] != (Contact{Address{"B", "sip:best@192.0.2.6"}, 0.9}) {
		t.Fatalf("events %#v", es)
	}
	if _, ok := es[1].(Released); !ok {
		t.Errorf("then %#v", es[1])
	}
}

// RFC 3261 §13.3.1.1: it does not ring for ever.
func TestCallThatRingsTooLongIsCancelled(t *testing.T) {
	in := outgoing(transport.UDP, addrB)
	in.Timeout = time.Minute
	c, invite := dialled(t, LegConfig{}, in)
	c.says(t0, invite, 180, "x", "", contactB)
	c.took()
	if d := c.leg.Deadline(); d != t0.Add(time.Minute) {
		t.Errorf("deadline %v", d.Sub(t0))
	}
	c.events = c.leg.Advance(t0.Add(time.Minute))
	c.wantSent("no answer", "CANCEL")
	if r := event[Released](c.side, "no answer"); r.Cause.Status != 408 || r.Cause.Q850 != 19 {
		t.Errorf("released %+v", r)
	}
}

// RFC 3261 §18.1.1.
func TestRequestTooLargeForADatagramGoesByTCPAndFallsBack(t *testing.T) {
	in := outgoing(transport.UDP, addrB)
	in.Body = []byte(offerSDP + strings.Repeat("a=x\r\n", 300))
	s := newSide(t, addrA, LegConfig{})
	c := &callee{side: s, leg: s.ua.NewLeg(s.post, LegConfig{})}
	c.leg.Dial(t0, in)
	o := c.wantSent("by TCP", "INVITE")[0]
	if o.Flow.Kind != transport.TCP || !strings.Contains(string(o.Raw), "Via: SIP/2.0/TCP ") {
		t.Fatalf("sent by %v: %.200s", o.Flow.Kind, o.Raw)
	}
	s.ua.Failed(t0, transport.Failure{CallID: o.CallID, Branch: o.Branch, Flow: o.Flow, Err: errNet})
	s.work(t0, c.leg)
	o = c.wantSent("TCP is refused", "INVITE")[0]
	if o.Flow.Kind != transport.UDP || !strings.Contains(string(o.Raw), "Via: SIP/2.0/UDP ") {
		t.Errorf("sent by %v", o.Flow.Kind)
	}
	c.says(t0, c.request(o.Raw), 200, "x", answerSDP, contactB)
	event[Answered](c.side, "it works")

	s.net.refuse = func(f transport.Flow) error {
		if f.Kind == transport.TCP {
			return transport.ErrNoListener
		}
		return nil
	}
	c.take()
	c.leg.Offer(t0, in.Body)
	if o := c.wantSent("no TCP at all", "INVITE")[0]; o.Flow.Kind != transport.UDP {
		t.Errorf("sent by %v", o.Flow.Kind)
	}
}

// Topology: nothing of who calls whom but what the call itself hands over.
func TestLegTellsNothingButItsOwnAddress(t *testing.T) {
	_, invite := dialled(t, LegConfig{ContactHost: "gw.example.com", ContactUser: "t1"}, outgoing(transport.TLS, "192.0.2.2:5061"))
	if id := string(*invite.CallID()); strings.ContainsAny(id, "@.:") || len(id) < 16 {
		t.Errorf("Call-ID %s", id)
	}
	if tag := tagOf(invite.From().Params); len(tag) < 16 { // 64 bits in hex
		t.Errorf("tag %s", tag)
	}
	if got := header(invite, "Contact"); got != "<sip:t1@gw.example.com:5060;transport=tls>" {
		t.Errorf("Contact %s", got)
	}
	if invite.Via().Host != "gw.example.com" {
		t.Errorf("Via %s", invite.Via())
	}
}

// S8: one message in never makes two out.
func TestNothingFromOutsideMakesASecondHeader(t *testing.T) {
	in := outgoing(transport.UDP, addrB)
	in.From.Display = "a\r\nEvil: 1\"\\"
	in.Headers = []Header{
		{"X-Good", "1"},
		{"X-Bad", "1\r\nEvil: 2"},
		{"X-Bad\r\nEvil", "3"},
		{"X-Nul", "a\x00b"},
		{"Via", "SIP/2.0/UDP evil"},
		{"v", "SIP/2.0/UDP evil"},
		{"Content-Length", "0"},
		{"", "x"},
		{"X Y", "z"},
	}
	in.ReferredBy = "<sip:a@b>\r\nEvil: 4"
	in.Supported = []string{"a\r\nEvil: 5"}
	in.ContentType = "application/sdp\r\nEvil: 6"
	_, invite := dialled(t, LegConfig{}, in)
	for _, h := range invite.Headers() {
		if strings.EqualFold(h.Name(), "evil") {
			t.Errorf("smuggled %s", h)
		}
	}
	if len(invite.GetHeaders("Via")) != 1 || header(invite, "X-Good") != "1" || string(invite.Body()) != offerSDP {
		t.Errorf("spoiled: %s", invite)
	}
	for _, uri := range []string{"", "sip:a@b\r\nEvil: 1", "sip:a@b> ;x=<", "sip:a b@c"} {
		in := outgoing(transport.UDP, addrB)
		in.RequestURI = uri
		s := newSide(t, addrA, LegConfig{})
		l := s.ua.NewLeg(s.post, LegConfig{})
		l.Dial(t0, in)
		s.wantSent("not an address")
		s.events = l.Advance(l.Deadline())
		event[Released](s, "not an address")
	}
}

// S8: a header that goes back as it came stays one, whatever a parser let through.
func TestNothingCopiedMakesASecondHeader(t *testing.T) {
	var w wire
	for _, mark := range []string{"\r\n", "\n", "\r", "\x00"} {
		via := &sipmsg.ViaHeader{ProtocolName: "SIP", ProtocolVersion: "2.0", Transport: "UDP", Host: "a" + mark + "Evil: 1"}
		id := sipmsg.CallIDHeader("1" + mark + "Evil: 2")
		w.copied(via)
		w.copied(&id)
	}
	if len(w.b) != 0 {
		t.Errorf("wrote %q", w.b)
	}
}

// S7, RFC 8760: the strongest challenge; nc counts; stale is tried again; a
// wrong password is not.
func TestDigestAnswersTheStrongestChallenge(t *testing.T) {
	cfg := LegConfig{Credentials: Credentials{Username: "u", Password: "p"}}
	c, invite := dialled(t, cfg, outgoing(transport.UDP, addrB))
	c.says(t0, invite, 407, "x", "",
		`Proxy-Authenticate: Digest realm="r", nonce="n1", algorithm=MD5, qop="auth"`,
		`Proxy-Authenticate: Digest realm="r", nonce="n2", algorithm=SHA-256, qop="auth,auth-int"`,
		`Proxy-Authenticate: Digest realm="r", nonce="n3", algorithm=WHIRLPOOL`)
	second := c.request(c.wantSent("challenged", "ACK", "INVITE")[1].Raw)
	got, err := digest.ParseCredentials(header(second, "Proxy-Authorization"))
	if err != nil || got.Nonce != "n2" || got.Algorithm != "SHA-256" || got.QOP != "auth" || got.Nc != 1 {
		t.Fatalf("credentials %+v, %v", got, err)
	}
	want, err := digest.Digest(&digest.Challenge{Realm: "r", Nonce: "n2", Algorithm: "SHA-256", QOP: []string{"auth"}},
		digest.Options{Method: "INVITE", URI: got.URI, Count: 1, Username: "u", Password: "p", Cnonce: got.Cnonce})
	if err != nil || got.Response != want.Response {
		t.Errorf("response %s", got.Response)
	}
	if second.CSeq().SeqNo != invite.CSeq().SeqNo+1 || tagOf(second.From().Params) != tagOf(invite.From().Params) {
		t.Error("same call, next CSeq (§22.2)")
	}
	c.says(t0, second, 407, "x", "", `Proxy-Authenticate: Digest realm="r", nonce="n4", algorithm=SHA-256, qop="auth", stale=true`)
	third := c.request(c.wantSent("stale", "ACK", "INVITE")[1].Raw)
	c.says(t0, third, 200, "x", answerSDP, contactB)
	ack := c.lastRequest("answered", "ACK")
	if header(ack, "Proxy-Authorization") != "" {
		t.Error("an ACK is not challenged")
	}
	c.leg.Release(t0, Normal())
	bye, err := digest.ParseCredentials(header(c.lastRequest("hung up", "BYE"), "Proxy-Authorization"))
	if err != nil || bye.Nonce != "n4" || bye.Nc != 2 {
		t.Errorf("BYE has %+v: the nonce is used on, counted", bye)
	}
}

func TestWrongPasswordEndsTheCall(t *testing.T) {
	cfg := LegConfig{Credentials: Credentials{Username: "u", Password: "p"}}
	c, invite := dialled(t, cfg, outgoing(transport.UDP, addrB))
	const challenge = `WWW-Authenticate: Digest realm="r", nonce="n1", qop="auth"`
	c.says(t0, invite, 401, "x", "", challenge)
	c.says(t0, c.request(c.wantSent("challenged", "ACK", "INVITE")[1].Raw), 401, "x", "", challenge)
	c.wantSent("once is enough", "ACK")
	if r := event[Released](c.side, "refused"); r.Cause.Status != 401 {
		t.Errorf("released %+v", r)
	}
}

// S7: a peer that asks again and again, each time anew, is given up.
func TestChallengesWithoutEndAreGivenUp(t *testing.T) {
	c, invite := dialled(t, LegConfig{Credentials: Credentials{Username: "u", Password: "p"}}, outgoing(transport.UDP, addrB))
	for n := range maxAnswers {
		c.says(t0, invite, 401, "x", "", `WWW-Authenticate: Digest realm="r", nonce="n`+itoa(n)+`", qop="auth"`)
		invite = c.request(c.wantSent("challenged", "ACK", "INVITE")[1].Raw)
	}
	c.says(t0, invite, 401, "x", "", `WWW-Authenticate: Digest realm="r", nonce="last", qop="auth"`)
	c.wantSent("enough", "ACK")
	event[Released](c.side, "refused")
}

// S7: no digest for others to attack.
func TestChallengeIsAnsweredOnlyForOurRealmAndWithOurCredentials(t *testing.T) {
	const challenge = `WWW-Authenticate: Digest realm="evil.example", nonce="n1", qop="auth"`
	for _, creds := range []Credentials{{}, {Username: "u", Password: "p", Realm: "carrier.example"}} {
		c, invite := dialled(t, LegConfig{Credentials: creds}, outgoing(transport.UDP, addrB))
		c.says(t0, invite, 401, "x", "", challenge)
		c.wantSent("not answered", "ACK")
		event[Released](c.side, "refused")
	}
	for _, bad := range []string{
		`Digest realm="r", nonce="", qop="auth"`, `Digest realm="r", nonce="n", qop="auth-int"`,
		`Basic realm="r"`, `Digest realm="r", nonce="n", algorithm=NULL`, "Digest " + strings.Repeat("a", 5000), "",
	} {
		if parseChallenge(bad) != nil {
			t.Errorf("%.60s is answered", bad)
		}
	}
}

// In a dialog a challenge is answered as well.
func TestReinviteIsSentAgainWithCredentials(t *testing.T) {
	c := answeredCallee(t, LegConfig{Credentials: Credentials{Username: "u", Password: "p"}})
	c.leg.Offer(t0, []byte(offerSDP))
	c.says(t0, c.lastRequest("offer", "INVITE"), 401, "x", "", `WWW-Authenticate: Digest realm="r", nonce="n1"`)
	again := c.request(c.wantSent("challenged", "ACK", "INVITE")[1].Raw)
	c.says(t0, again, 200, "x", answerSDP, contactB)
	if e := event[OfferAnswered](c.side, "accepted"); e.Cause.Status != 200 {
		t.Errorf("answered %+v", e)
	}
	c.wantSent("accepted", "ACK")
}

// The same when it was the last one and the leg is gone: a phone must not ring
// for nobody.
func TestLastTargetGivenUpIsCancelledWhenItSpeaks(t *testing.T) {
	c, invite := dialled(t, LegConfig{Answer: 6 * time.Second}, outgoing(transport.UDP, addrB))
	c.events = c.leg.Advance(t0.Add(6 * time.Second))
	if r := event[Released](c.side, "silence"); r.Cause.Status != 408 || !c.leg.Over() {
		t.Fatalf("released %+v", r)
	}
	c.says(t0, invite, 180, "x", "", contactB)
	cancel := c.lastRequest("too late", "CANCEL")
	if cancel.Via().Value() != invite.Via().Value() || tagOf(cancel.To().Params) != "" {
		t.Errorf("not the CANCEL of the INVITE: %s", cancel)
	}
	c.says(t0, invite, 487, "x", "")
	c.wantSent("cancelled", "ACK")
}
