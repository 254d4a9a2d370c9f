package sip

import (
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// registering is a registration against a registrar played by hand.
type registering struct {
	*callee
	r *Registration
}

func newRegistering(t *testing.T, c RegistrationConfig, targets ...string) *registering {
	t.Helper()
	s := newSide(t, addrA, LegConfig{})
	c.Registrar, c.AOR = "sip:carrier.example", "sip:u@carrier.example"
	x := &registering{callee: &callee{side: s}, r: s.ua.NewRegistration(s.post, c)}
	var ts []transport.Target
	for _, a := range targets {
		ts = append(ts, transport.Target{Kind: transport.UDP, Addr: mustAddr(a)})
	}
	x.r.Start(t0, ts)
	return x
}

// replies makes a response arrive and reports whether the status changed.
func (x *registering) replies(now time.Time, req *sipmsg.Request, status int, lines ...string) bool {
	x.t.Helper()
	var w wire
	w.str("SIP/2.0 ", itoa(status), " ", phrase(status), "\r\n")
	for _, name := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		w.copied(req.GetHeader(name))
	}
	for _, l := range lines {
		w.str(l, "\r\n")
	}
	x.arrive(now, w.body("", nil), transport.UDP, mustAddr(addrB))
	changed := false
	for _, m := range x.inbox {
		changed = x.r.Receive(now, m) || changed
	}
	x.inbox = nil
	return changed
}

func (x *registering) sent(why string) *sipmsg.Request {
	x.t.Helper()
	return x.request(x.wantSent(why, "REGISTER")[0].Raw)
}

func TestRegistrationIsKeptFresh(t *testing.T) {
	x := newRegistering(t, RegistrationConfig{Contacts: []string{"a", "b"}, Expires: 10 * time.Minute}, addrB)
	req := x.sent("at once")
	if cs := req.GetHeaders("Contact"); len(cs) != 2 || cs[1].Value() != "<sip:b@192.0.2.1:5060>;q=0.9" {
		t.Errorf("contacts %v", cs)
	}
	if !x.replies(t0, req, 200, "Contact: <sip:a@192.0.2.1:5060>;expires=300", "Contact: <sip:b@192.0.2.1:5060>;expires=200",
		"Contact: <sip:other@198.51.100.1>;expires=5") {
		t.Error("no change reported")
	}
	st := x.r.Status()
	if st.State != Registered || st.Until != t0.Add(200*time.Second) || x.r.Deadline() != t0.Add(180*time.Second) {
		t.Errorf("%+v, next %v: want the shortest of ours, refreshed a tenth before", st, x.r.Deadline().Sub(t0))
	}
	x.r.Advance(x.r.Deadline())
	again := x.sent("refresh")
	if again.CSeq().SeqNo != req.CSeq().SeqNo+1 || string(*again.CallID()) != string(*req.CallID()) {
		t.Error("§10.2.4: same Call-ID, next CSeq")
	}
	x.replies(t0.Add(180*time.Second), again, 200, "Expires: 600")
	x.r.Stop(t0.Add(200 * time.Second))
	end := x.sent("removed")
	if header(end, "Expires") != "0" {
		t.Errorf("Expires %s", header(end, "Expires"))
	}
	x.replies(t0.Add(200*time.Second), end, 200)
	if !x.r.Over() || x.ua.Stats().Legs != 0 || !x.r.Deadline().IsZero() {
		t.Error("not over")
	}
}

func TestRegistrationAdaptsToTheRegistrar(t *testing.T) {
	creds := LegConfig{Credentials: Credentials{Username: "u", Password: "p"}}
	x := newRegistering(t, RegistrationConfig{Expires: time.Minute, Leg: creds}, addrB)
	x.replies(t0, x.sent("first"), 423, "Min-Expires: 1800")
	req := x.sent("§10.2.8")
	if header(req, "Expires") != "1800" {
		t.Errorf("Expires %s", header(req, "Expires"))
	}
	x.replies(t0, req, 401, `WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"`)
	req = x.sent("challenged")
	if header(req, "Authorization") == "" {
		t.Error("no credentials")
	}
	x.replies(t0, req, 200)
	if st := x.r.Status(); st.State != Registered || st.Until != t0.Add(30*time.Minute) {
		t.Errorf("%+v", st)
	}
}

func TestRegistrationGoesOnToTheNextRegistrarAndThenPauses(t *testing.T) {
	half := func() float64 { return 0.5 }
	x := newRegistering(t, RegistrationConfig{Random: half}, addrB, "192.0.2.3:5060")
	x.replies(t0, x.sent("first"), 503)
	out := x.wantSent("second", "REGISTER")[0]
	if out.Flow.Remote.String() != "192.0.2.3:5060" {
		t.Errorf("sent to %v", out.Flow.Remote)
	}
	x.replies(t0, x.request(out.Raw), 503)
	x.wantSent("both failed")
	waits := []time.Duration{}
	now := t0
	for range 9 {
		next := x.r.Deadline()
		waits = append(waits, next.Sub(now))
		now = next
		x.r.Advance(now)
		for x.r.client != nil {
			x.replies(now, x.request(x.take()[0].Raw), 503)
		}
	}
	if waits[0] != 6250*time.Millisecond || waits[1] != 12500*time.Millisecond || waits[8] != lastRetry+lastRetry/4 {
		t.Errorf("pauses %v, want them doubled, bounded and spread", waits)
	}
	if st := x.r.Status(); st.State != RegistrationFailed || st.Cause.Status != 503 {
		t.Errorf("%+v", st)
	}
}

func TestRefusedRegistrationIsNotHammered(t *testing.T) {
	x := newRegistering(t, RegistrationConfig{}, addrB, "192.0.2.3:5060")
	x.replies(t0, x.sent("first"), 403)
	x.wantSent("no means no")
	if d := x.r.Deadline().Sub(t0); d != refusedRetry {
		t.Errorf("next try in %v", d)
	}
	x.r.Advance(x.r.Deadline())
	x.sent("but not for ever")
}

func TestRegistrarThatIsSilentIsGivenUp(t *testing.T) {
	x := newRegistering(t, RegistrationConfig{}, addrB)
	x.take()
	for range 50 {
		if x.r.Advance(x.r.Deadline()) {
			break
		}
	}
	if st := x.r.Status(); st.State != RegistrationFailed || st.Cause.Status != 408 {
		t.Errorf("%+v", st)
	}
	x = newRegistering(t, RegistrationConfig{}, addrB)
	o := x.take()[0]
	x.ua.Failed(t0, transport.Failure{CallID: o.CallID, Branch: o.Branch, Err: errNet})
	for _, m := range x.inbox {
		if m.Leg() != nil || !x.r.For(m) || !x.r.Receive(t0, m) {
			t.Error("the failure is the registration's")
		}
	}
	if st := x.r.Status(); st.Cause.Status != 503 {
		t.Errorf("%+v", st)
	}
}

// The names of registrars may not be known when it begins.
func TestRegistrationWithoutTargetsWaitsForThem(t *testing.T) {
	x := newRegistering(t, RegistrationConfig{})
	if st := x.r.Status(); st.State != RegistrationFailed || st.Next.IsZero() {
		t.Errorf("%+v", st)
	}
	x.r.Start(t0, []transport.Target{{Kind: transport.UDP, Addr: mustAddr(addrB)}})
	x.replies(t0, x.sent("at once"), 200)
	x.r.Stop(t0)
	x.replies(t0, x.sent("removed"), 200)
	if n := x.ua.Stats().Legs; n != 0 || !x.r.Over() {
		t.Errorf("%d left", n)
	}
}

func TestPingTellsWhatCameOfIt(t *testing.T) {
	s := newSide(t, addrA, LegConfig{})
	p := s.ua.NewPing(s.post, PingConfig{RequestURI: "sip:192.0.2.2", Timeout: 6 * time.Second})
	target := transport.Target{Kind: transport.UDP, Addr: mustAddr(addrB)}
	b := newSide(t, addrB, LegConfig{})

	p.Send(t0, target)
	p.Send(t0, target)
	b.arrive(t0, s.wantSent("one at a time", "OPTIONS")[0].Raw, transport.UDP, mustAddr(addrA))
	s.arrive(t0.Add(30*time.Millisecond), b.wantSent("alive", "200")[0].Raw, transport.UDP, mustAddr(addrB))
	r, ok := p.Receive(t0.Add(30*time.Millisecond), s.inbox[0])
	if !ok || r.Status != 200 || r.RoundTrip != 30*time.Millisecond || r.Target != target {
		t.Errorf("%+v, %v", r, ok)
	}

	p.Send(t0, target)
	for range 20 {
		if r, ok = p.Advance(p.Deadline()); ok {
			break
		}
	}
	if r.Err == nil || r.Status != 0 || p.client != nil {
		t.Errorf("silence: %+v, %v", r, ok)
	}

	s.net.refuse = func(transport.Flow) error { return errNet }
	p.Send(t0, target)
	if r, ok = p.Advance(p.Deadline()); !ok || r.Err == nil {
		t.Errorf("cannot send: %+v, %v", r, ok)
	}
	p.Close()
	if n := s.ua.Stats().Legs; n != 0 {
		t.Errorf("%d left", n)
	}
}
