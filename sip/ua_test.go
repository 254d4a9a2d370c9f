package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// raw is a request outside a dialog to a UA at addrB.
func rawRequest(method string, lines ...string) []byte {
	var w wire
	w.str(method, " sip:+15550100@192.0.2.2 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=", newBranch(), "\r\n")
	has := func(name string) bool {
		for _, l := range lines {
			if strings.HasPrefix(l, name) {
				return true
			}
		}
		return false
	}
	for _, l := range []string{
		"Max-Forwards: 70", "From: <sip:a@192.0.2.1>;tag=1", "To: <sip:b@192.0.2.2>", "Call-ID: out", "CSeq: 1 " + method,
	} {
		if !has(l[:strings.Index(l, ":")+1]) {
			w.str(l, "\r\n")
		}
	}
	for _, l := range lines {
		w.str(l, "\r\n")
	}
	return w.body("", nil)
}

func (s *side) answer(why string, status int) *sipmsg.Response {
	s.t.Helper()
	r, _ := parse(s.t, s.wantSent(why, itoa(status))[0].Raw).(*sipmsg.Response)
	return r
}

func TestRequestsOutsideDialogsGetTheirAnswer(t *testing.T) {
	for _, c := range []struct {
		raw    []byte
		status int
		why    string
	}{
		{rawRequest("OPTIONS"), 200, "§11.2"},
		{rawRequest("OPTIONS", "Max-Forwards: 0"), 200, "§11: it is for us"},
		{rawRequest("OPTIONS", "Require: frob"), 420, "§8.2.2.3"},
		{rawRequest("INVITE", "Max-Forwards: 0"), 483, "§16.3"},
		{rawRequest("INVITE", "Require: 100rel, frob"), 420, "§8.2.2.3"},
		{rawRequest("INVITE", "To: <sip:b@192.0.2.2>;tag=gone"), 481, "§12.2.2"},
		{rawRequest("INVITE", "Replaces: nothing"), 400, "RFC 3891 §3"},
		{rawRequest("INVITE", "Replaces: a;to-tag=1;from-tag=2", "Replaces: b;to-tag=1;from-tag=2"), 400, "RFC 3891 §3"},
		{rawRequest("INVITE", "Content-Encoding: gzip"), 415, "§8.2.3"},
		{rawRequest("BYE"), 481, "§15.1.2"},
		{rawRequest("BYE", "To: <sip:b@192.0.2.2>;tag=gone"), 481, "§15.1.2"},
		{rawRequest("CANCEL"), 481, "§9.2"},
		{rawRequest("UPDATE"), 481, "§12.2.2"},
		{rawRequest("NOTIFY"), 481, "RFC 6665 §4.1.3"},
		{rawRequest("REGISTER"), 405, "§8.2.1"},
		{rawRequest("SUBSCRIBE"), 405, "§8.2.1"},
		{rawRequest("MESSAGE"), 405, "§8.2.1"},
		{rawRequest("FROBNICATE"), 501, "§21.5.2"},
	} {
		s := newSide(t, addrB, LegConfig{})
		s.arrive(t0, c.raw, transport.UDP, mustAddr(addrA))
		r := s.answer(c.why, c.status)
		if tagOf(r.To().Params) == "" {
			t.Errorf("%s: no To tag", c.why)
		}
		if _, ok := value(r, "allow"); !ok && (c.status == 405 || c.status == 501 || c.status == 200) {
			t.Errorf("%s: no Allow", c.why)
		}
		if v, _ := value(r, "unsupported"); c.status == 420 && v == "" {
			t.Errorf("%s: no Unsupported", c.why)
		}
		if n := s.ua.Stats().Legs; n != 0 || s.leg != nil {
			t.Errorf("%s: a leg was made", c.why)
		}
	}
	s := newSide(t, addrB, LegConfig{})
	s.arrive(t0, rawRequest("ACK"), transport.UDP, mustAddr(addrA))
	s.arrive(t0, rawRequest("ACK", "To: <sip:b@c>;tag=x"), transport.UDP, mustAddr(addrA))
	s.wantSent("an ACK is never answered")
}

// §8.2.7: the same request gets the same answer, tag and all.
func TestStatelessAnswerIsTheSameEachTime(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	raw := rawRequest("OPTIONS")
	var tags []string
	for range 2 {
		s.arrive(t0, raw, transport.UDP, mustAddr(addrA))
		tags = append(tags, tagOf(s.answer("again", 200).To().Params))
	}
	if tags[0] != tags[1] {
		t.Errorf("tags %v", tags)
	}
}

// S5, S6: strangers learn nothing, whatever they try.
func TestStrangersAllGetTheSame(t *testing.T) {
	for policy, want := range map[Strangers][]string{StrangersSilence: nil, StrangersRefuse: {"403"}} {
		s := newSide(t, addrB, LegConfig{})
		s.arrive(t0, rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
		s.take()
		_, ours := s.leg.Tags()
		local, _ := s.leg.Tags()
		s.ua.cfg.Strangers = policy
		s.peers = func(f transport.Flow) (Peer, bool) { return Peer{}, false }
		for _, raw := range [][]byte{
			rawRequest("OPTIONS"), rawRequest("INVITE"), rawRequest("REGISTER"), rawRequest("FROB"), rawRequest("CANCEL"),
			rawRequest("BYE", "Call-ID: call", "To: <sip:b@c>;tag="+local, "From: <sip:a@b>;tag="+ours),
			rawRequest("BYE", "To: <sip:b@c>;tag=gone"), rawInvite("call", "1", newBranch()),
		} {
			s.arrive(t0, raw, transport.UDP, mustAddr("203.0.113.66:5060"))
			if out := s.take(); len(out) != len(want) || len(want) > 0 && first(out)[0] != want[0] {
				t.Errorf("%s: sent %v for %.20s", policy, first(out), raw)
			}
		}
		if n := s.ua.Stats().Counters["request.stranger"]; n != 8 {
			t.Errorf("%s: %d strangers counted", policy, n)
		}
		if len(s.inbox) > 0 {
			t.Errorf("%s: a leg heard a stranger", policy)
		}
	}
}

// S12: tags alone do not make a peer.
func TestRequestInADialogMustComeFromItsPeer(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.b.peers = func(f transport.Flow) (Peer, bool) {
		switch f.Remote.Addr().String() {
		case "192.0.2.1", "192.0.2.11": // the trunk has two addresses
			return Peer{Name: "trunk"}, true
		case "198.51.100.9":
			return Peer{Name: "another"}, true
		}
		return Peer{}, false
	}
	bye := func() []byte {
		local, remote := p.b.leg.Tags()
		return rawRequest("BYE", "Call-ID: "+p.leg.CallID(), "To: <sip:b@c>;tag="+local, "From: <sip:a@b>;tag="+remote, "CSeq: 99 BYE")
	}
	p.b.arrive(p.now, bye(), transport.UDP, mustAddr("198.51.100.9:5060"))
	p.b.wantSent("another trunk: as if there were no such dialog", "481")
	p.b.arrive(p.now, bye(), transport.UDP, mustAddr("203.0.113.66:5060"))
	p.b.wantSent("a stranger")
	if n := p.b.ua.Stats().Counters["request.wrong_source"]; n != 2 {
		t.Errorf("%d counted", n)
	}
	p.b.arrive(p.now, bye(), transport.UDP, mustAddr("192.0.2.11:5060"))
	p.b.work(p.now)
	p.b.wantSent("the trunk's other address", "200")
	event[Released](p.b, "BYE")
}

// S11, §8.2.2.2: the same INVITE by another way.
func TestMergedInviteGets482(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	s.arrive(t0, rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
	s.wantSent("the first", "100")
	s.arrive(t0, rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
	s.wantSent("the second", "482")
}

// S11: a call routed to ourselves ends at once.
func TestOwnInviteComingBackGets482(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	l := s.ua.NewLeg(s.post, LegConfig{})
	l.Dial(t0, outgoing(transport.UDP, addrB))
	s.arrive(t0, s.take()[0].Raw, transport.UDP, mustAddr(addrB))
	s.wantSent("loop", "482")
	if s.leg != nil {
		t.Error("the loop was served")
	}
}

func TestHandlerRefusesWithACause(t *testing.T) {
	for err, want := range map[error]int{
		Refusal(404): 404, errors.Join(errors.New("why"), Refusal(488)): 488, errNet: 500, Normal(): 500,
	} {
		s := newSide(t, addrB, LegConfig{})
		s.serve = func(time.Time, *Leg, Invite) (Post, error) { return nil, err }
		s.arrive(t0, rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
		refusal := s.wantSent("refused", "100", itoa(want))[1].Raw
		for at := range 3 {
			s.ua.refusals.advance(t0.Add(time.Duration(1<<at) * 500 * time.Millisecond))
		}
		s.wantSent("repeated until the ACK", itoa(want), itoa(want))
		r, _ := parse(t, refusal).(*sipmsg.Response)
		s.arrive(t0, rawRequest("ACK", "Call-ID: call", "To: <sip:b@c>;tag="+tagOf(r.To().Params)), transport.UDP, mustAddr(addrA))
		if n := s.ua.Stats().Legs; n != 0 || len(s.ua.refusals.legs) != 0 {
			t.Errorf("%d legs", n)
		}
		s.ua.refusals.advance(t0.Add(time.Minute))
		s.wantSent("over")
	}
}

// S5: what is kept of refused calls until their ACK is bounded.
func TestRefusedCallsAreBounded(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	s.serve = func(time.Time, *Leg, Invite) (Post, error) { return nil, Refusal(404) }
	for i := range maxRefusals + 10 {
		s.arrive(t0, rawInvite(itoa(i), "1", newBranch()), transport.UDP, mustAddr(addrA))
	}
	if n := len(s.ua.refusals.legs); n != maxRefusals || s.ua.Stats().Legs != maxRefusals {
		t.Errorf("%d are kept, %d legs, want %d", n, s.ua.Stats().Legs, maxRefusals)
	}
	if n := len(s.take()); n != 2*(maxRefusals+10) { // 100 and 404
		t.Errorf("%d answers", n)
	}
}

func TestDrainingUARefusesNewCallsAndKeepsOldOnes(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	p.b.ua.Drain()
	p.b.arrive(p.now, rawInvite("new", "1", newBranch()), transport.UDP, p.a.net.local)
	r := p.b.answer("draining", 503)
	if v, _ := value(r, "retry-after"); v != "5" {
		t.Errorf("Retry-After %q", v)
	}
	p.leg.Release(p.now, Normal())
	p.run()
	p.nothingLeft()
}

// F15: early, and nothing else suffers.
func TestTableOfLegsIsBounded(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	s.ua.table.max = 3
	for i := range 5 {
		s.arrive(t0, rawInvite(itoa(i), "1", newBranch()), transport.UDP, mustAddr(addrA))
	}
	s.wantSent("three fit", "100", "100", "100", "503", "503")
	l := s.ua.NewLeg(s.post, LegConfig{})
	l.Dial(t0, outgoing(transport.UDP, addrB))
	s.wantSent("no room")
	s.events = l.Advance(l.Deadline())
	if r := event[Released](s, "no room"); r.Cause.Status != 503 {
		t.Errorf("released %+v", r)
	}
}

// Inbox full: a request is told, a response comes again.
func TestFullInboxGets503(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.up()
	full := Post(func(Message) bool { return false })
	p.b.leg.entry.post.Store(&full)
	p.leg.Info(p.now, "", "application/dtmf", []byte("1"))
	p.b.arrive(p.now, p.a.take()[0].Raw, transport.UDP, p.a.net.local)
	p.b.wantSent("inbox is full", "503")
	if n := p.b.ua.Stats().Counters["inbox.full"]; n != 1 {
		t.Errorf("counted %d", n)
	}
}

func TestRemnantsAreBoundedAndTheOldestGoesFirst(t *testing.T) {
	r := newRemnants(2, 32*time.Second)
	for i := range 3 {
		r.add(t0.Add(time.Duration(i)*time.Second), r.key("c", itoa(i), "BYE"), remnant{raw: []byte{byte(i)}})
	}
	if _, ok := r.get(r.key("c", "0", "BYE")); ok {
		t.Error("the oldest is kept beyond the bound")
	}
	if n, lost := r.count(); n != 2 || lost != 1 {
		t.Errorf("%d kept, %d lost", n, lost)
	}
	r.sweep(t0.Add(33 * time.Second))
	if n, _ := r.count(); n != 1 {
		t.Errorf("%d kept after the first one's time", n)
	}
	r.sweep(t0.Add(35 * time.Second))
	if n, _ := r.count(); n != 0 || r.queue != nil {
		t.Errorf("%d kept, queue %v", n, r.queue)
	}
}

// The same Call-ID again is a new call when its CSeq is new: that is how a peer
// tries again after a refusal.
func TestInviteWithTheSameCallIDAndANewCSeqIsANewCall(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	s.arrive(t0, rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
	old := s.leg
	s.arrive(t0, []byte(strings.Replace(string(rawInvite("call", "1", newBranch())), "CSeq: 1", "CSeq: 2", 1)), transport.UDP, mustAddr(addrA))
	s.wantSent("two calls", "100", "100")
	if s.leg == old || s.ua.Stats().Legs != 2 {
		t.Error("the second is not a leg of its own")
	}
}

// The INVITE reaches the Handler as plain data.
func TestInviteIsHandedUpWhole(t *testing.T) {
	s := newSide(t, addrB, LegConfig{})
	s.arrive(t0, rawInvite("call", "1", newBranch(), "P-Asserted-Identity: <tel:+15550199>", "Supported: timer, 100rel",
		"Replaces: old;to-tag=1;from-tag=2;early-only", "b: <sip:r@x>", "X-Tenant: 7", "Record-Route: <sip:p;lr>",
		"Authorization: Digest secret"), transport.UDP, mustAddr(addrA))
	i := s.invite
	if i.RequestURI != "sip:+15550100@192.0.2.2" || i.From != (Address{"A", "sip:a@192.0.2.1"}) || i.MaxForwards != 70 ||
		i.CallID != "call" || i.Peer != "trunk" || string(i.Body) != offerSDP || i.ContentType != typeSDP {
		t.Errorf("invite %+v", i)
	}
	if i.Replaces == nil || *i.Replaces != (Replaces{"old", "1", "2", true}) || i.ReferredBy != "<sip:r@x>" {
		t.Errorf("replaces %+v, referred by %q", i.Replaces, i.ReferredBy)
	}
	if len(i.Headers) != 2 || len(i.Supported) != 2 {
		t.Errorf("headers %v, supported %v", i.Headers, i.Supported)
	}
	if v, ok := i.Header("x-tenant"); !ok || v != "7" {
		t.Errorf("X-Tenant %q", v)
	}
	s.take()
	s.leg.Progress(t0, 180, nil, Extra{Headers: []Header{{"X-Y", "z"}}})
	r := s.answer("ringing", 180)
	if v, _ := value(r, "record-route"); v != "<sip:p;lr>" {
		t.Errorf("Record-Route %q is not mirrored", v)
	}
}

// RFC 5621: a carrier may wrap the SDP.
func TestSDPIsFoundInAMultipartBody(t *testing.T) {
	body := "--b1\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b1--\r\n"
	if part, ok := sdpPart(`multipart/mixed;boundary="b1"`, []byte(body)); !ok || string(part) != "v=0\r\n" {
		t.Errorf("found %q, %v", part, ok)
	}
	for _, bad := range []string{"", "--b1--", "--b1\r\n\r\n", strings.Repeat("--b1\r\nX: y\r\n\r\nz\r\n", maxParts) + body} {
		if _, ok := sdpPart("multipart/mixed;boundary=b1", []byte(bad)); ok {
			t.Errorf("found a part in %.20q", bad)
		}
	}
}

func TestCancelEndsARingingCall(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{})
	p.dial()
	p.b.leg.Progress(p.now, 180, nil, Extra{})
	p.run()
	p.leg.Release(p.now, Cause{Status: 487, Q850: 31, Text: "Call completed elsewhere"})
	p.run()
	if r := event[Released](p.b, "CANCEL"); !r.Remote || r.Cause.Status != 487 || r.Cause.Text != "Call completed elsewhere" {
		t.Errorf("released %+v", r)
	}
	p.nothingLeft()
}

// What lingers goes by itself, and Run ends with its context.
func TestRunLetsRemnantsGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSide(t, addrB, LegConfig{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		s.ua.Handle(s)
		go func() { done <- s.ua.Run(ctx) }()
		synctest.Wait()
		s.arrive(time.Now(), rawInvite("call", "1", newBranch()), transport.UDP, mustAddr(addrA))
		s.leg.Answer(time.Now(), []byte(answerSDP), Extra{})
		local, _ := s.leg.Tags()
		for _, m := range []string{"ACK", "BYE"} {
			seq := map[string]string{"ACK": "1", "BYE": "2"}[m]
			s.arrive(time.Now(), rawRequest(m, "Call-ID: call", "To: <sip:b@c>;tag="+local, "CSeq: "+seq+" "+m), transport.UDP, mustAddr(addrA))
			s.work(time.Now())
		}
		if st := s.ua.Stats(); st.Legs != 0 || st.Lingering != 2 {
			t.Errorf("%+v, want the INVITE and the BYE to linger", st)
		}
		time.Sleep(34 * time.Second)
		synctest.Wait()
		if st := s.ua.Stats(); st.Lingering != 0 {
			t.Errorf("%d linger for ever", st.Lingering)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
