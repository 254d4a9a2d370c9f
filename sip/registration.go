package sip

import (
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A RegistrationConfig is one address-of-record to keep registered.
type RegistrationConfig struct {
	// Registrar is the Request-URI, "sip:example.com"; AOR goes into From and To.
	Registrar, AOR string
	// Contacts are user parts to register, each as a contact of ours, the most
	// preferred first; empty means one without a user part.
	Contacts []string
	// Expires is what we ask for; 0 means one hour. RFC 3261 §10.2.1.1.
	Expires time.Duration
	// Random returns a number in [0, 1) and spreads retries; nil means none.
	Random func() float64
	// Leg gives credentials, listener and contact host.
	Leg LegConfig
}

// RegistrationState is where a Registration stands.
type RegistrationState uint8

// The states of a Registration.
const (
	Unregistered RegistrationState = iota
	Registering
	Registered
	RegistrationFailed // it goes on trying
)

// String is the state in words: "unregistered", "registering"...
func (s RegistrationState) String() string {
	switch s {
	case Unregistered:
		return "unregistered"
	case Registering:
		return "registering"
	case Registered:
		return "registered"
	case RegistrationFailed:
		return "failed"
	}
	return ""
}

// A RegistrationStatus is what can be seen of a Registration.
type RegistrationStatus struct {
	State RegistrationState
	// Until is when the binding ends; zero without one.
	Until time.Time
	// Next is when the next REGISTER is due.
	Next time.Time
	// Failures counts those since the last success.
	Failures int
	// Cause is the last refusal; zero without.
	Cause Cause
	// Address is how the registrar sees us, from the Via (RFC 3581); "" unknown.
	Address string
}

// A Registration keeps contacts of ours bound at a registrar (RFC 3261 §10.2).
// Core; one goroutine uses it.
type Registration struct {
	speaker
	conf RegistrationConfig // set once

	base    *dialog
	targets []transport.Target
	target  int // the one in use
	tried   int // targets tried since the last success or pause
	client  *client
	expires time.Duration // what we ask for now
	adapted int           // 423s followed since the last success

	listed   bool // in the UA's table
	stopping bool
	over     bool
	status   RegistrationStatus
}

// The pace of retries: transient failures double from first to last, a refusal
// of our identity waits long, so that a wrong password is no attack.
const (
	firstRetry   = 5 * time.Second
	lastRetry    = 5 * time.Minute
	refusedRetry = 10 * time.Minute
)

// NewRegistration returns a Registration whose messages go to p.
func (u *UA) NewRegistration(p Post, c RegistrationConfig) *Registration {
	e := &entry{callID: token() + token(), tag: token(), peer: c.Leg.Peer}
	e.post.Store(&p)
	aor := Address{URI: c.AOR}.String()
	r := &Registration{
		speaker: speaker{
			ua: u, cfg: c.Leg, entry: e, local: aor, remote: aor, auth: auth{creds: c.Leg.Credentials},
		},
		conf: c, base: &dialog{target: c.Registrar}, expires: c.Expires,
	}
	if r.expires == 0 {
		r.expires = time.Hour
	}
	return r
}

// Start registers with the first of targets that answers, and again whenever
// due. Calling it anew changes the targets.
func (r *Registration) Start(now time.Time, targets []transport.Target) {
	first := len(r.targets) == 0
	r.targets, r.target, r.tried = targets, 0, 0
	if !first || r.stopping {
		return
	}
	if !r.listed {
		r.listed = r.ua.table.add(r.entry)
	}
	r.register(now)
}

// Stop removes the bindings; Over turns true when the registrar has answered.
func (r *Registration) Stop(now time.Time) {
	if r.stopping {
		return
	}
	r.stopping = true
	r.client = nil
	if r.status.Until.IsZero() {
		r.finish()
		return
	}
	r.register(now)
}

// Over reports whether the bindings are removed.
func (r *Registration) Over() bool { return r.over }

// Status returns where it stands.
func (r *Registration) Status() RegistrationStatus { return r.status }

// For reports whether m is for this registration.
func (r *Registration) For(m Message) bool { return m.to == r.entry }

// Deadline says when Advance is due; zero: nothing is.
func (r *Registration) Deadline() time.Time {
	if r.over {
		return time.Time{}
	}
	if r.client != nil {
		return r.client.due()
	}
	return r.status.Next
}

// Receive takes a message of the UA. It reports whether Status has changed.
func (r *Registration) Receive(now time.Time, m Message) bool {
	c := r.client
	if c == nil || !r.For(m) {
		return false
	}
	if f := m.fail; f != nil {
		if c.failedBy(f) {
			r.client = nil
			r.nextTarget(now, Refusal(503).WithText("transport: "+f.Err.Error()), 0)
			return true
		}
		return false
	}
	res := m.response()
	if res == nil {
		return false
	}
	if branch, _ := res.Via().Params.Get("branch"); branch != c.branch || string(res.CSeq().MethodName) != c.method {
		return false
	}
	if c.receive(now, &r.ua.cfg, res.StatusCode) != toUser {
		return false
	}
	r.client = nil
	r.responded(now, c, res)
	return true
}

// Advance does what is due. It reports whether Status has changed.
func (r *Registration) Advance(now time.Time) bool {
	if c := r.client; c != nil {
		switch c.advance(now, &r.ua.cfg) {
		case again:
			_ = r.ua.send(now, c.flow, c.raw, r.entry.callID, c.branch)
		case timedOut:
			r.client = nil
			r.nextTarget(now, Refusal(408), 0)
			return true
		case nothing, toUser, ackAgain, gone:
		}
		return false
	}
	if r.over || !due(now, r.status.Next) {
		return false
	}
	if !r.listed {
		r.listed = r.ua.table.add(r.entry)
	}
	r.tried = 0
	r.register(now)
	return true
}

// register sends REGISTER to the target in use. RFC 3261 §10.2.
func (r *Registration) register(now time.Time) {
	r.status.Next = time.Time{}
	if r.status.State != Registered {
		r.status.State = Registering
	}
	if !r.listed || len(r.targets) == 0 {
		r.fail(now, Refusal(503).WithText("no target, or too many legs"), 0)
		return
	}
	r.base.flow = r.targets[r.target%len(r.targets)].Flow()
	if r.cfg.Listener != "" && r.base.flow.Listener == "" {
		r.base.flow.Listener = r.cfg.Listener
	}
	r.sendRegister(now, &request{method: "REGISTER", dialog: r.base})
}

// sendRegister writes the contacts for the flow in use and sends.
func (r *Registration) sendRegister(now time.Time, req *request) {
	o, ok := r.from(r.base.flow)
	if !ok {
		r.nextTarget(now, Refusal(503).WithText("no listener for the registrar"), 0)
		return
	}
	expires := "0"
	if !r.stopping {
		expires = secs(r.expires)
	}
	var w wire
	if len(r.conf.Contacts) == 0 {
		w.str(o.contact)
	}
	for i, user := range r.conf.Contacts {
		contact := contactOf(o.kind, user, o.host, o.port)
		if len(r.conf.Contacts) > 1 {
			contact = strings.TrimSuffix(contact, "\r\n") + ";q=" + preference(i) + "\r\n"
		}
		w.str(contact)
	}
	w.line("Expires", expires)
	req.lines = string(w.b)
	if r.client = r.send(now, req, r.base.flow); r.client == nil {
		r.nextTarget(now, Refusal(503).WithText("transport: cannot send"), 0)
	}
}

// preference is the q of a contact by its place: 1.0 for the first, then a tenth
// less each, down to 0.1. RFC 3261 §20.10.
func preference(place int) string {
	if place == 0 {
		return "1.0"
	}
	return "0." + itoa(max(10-place, 1))
}

// responded takes the final response. RFC 3261 §10.2.7, §10.2.8.
func (r *Registration) responded(now time.Time, c *client, res *sipmsg.Response) {
	r.status.Address = seenAs(res)
	switch status := res.StatusCode; {
	case status < 300:
		r.registered(now, res)
	case status == 401 || status == 407:
		if c.req.answers < maxAnswers && r.auth.challenged(res) {
			c.req.answers++
			r.sendRegister(now, c.req)
			return
		}
		r.fail(now, reasonOf(res, status), refusedRetry)
	case status == 423: // §10.2.8
		v, _ := value(res, "min-expires")
		if least, ok := seconds(v); ok && least > r.expires && least <= maxSession && r.adapted < 2 {
			r.adapted++
			r.expires = least
			r.sendRegister(now, c.req)
			return
		}
		r.fail(now, reasonOf(res, status), refusedRetry)
	case status == 408 || status >= 500 && status < 600:
		r.nextTarget(now, reasonOf(res, status), retryAfter(res))
	default:
		r.fail(now, reasonOf(res, status), max(refusedRetry, retryAfter(res)))
	}
}

// registered takes the bindings of a 2xx and plans the refresh, a tenth of the
// time before its end.
func (r *Registration) registered(now time.Time, res *sipmsg.Response) {
	if r.stopping {
		r.finish()
		return
	}
	d := r.granted(res)
	early := d / 10
	early += time.Duration(r.random() * float64(early))
	r.adapted, r.tried = 0, 0
	r.status = RegistrationStatus{
		State: Registered, Until: now.Add(d), Next: now.Add(max(d-early, time.Second)), Address: r.status.Address,
	}
}

// granted is the shortest time among our bindings. §10.2.4: expires of the
// contact, else Expires, else what was asked.
func (r *Registration) granted(res *sipmsg.Response) time.Duration {
	d := r.expires
	if v, ok := value(res, "expires"); ok {
		if e, ok := seconds(v); ok && e > 0 {
			d = e
		}
	}
	least := time.Duration(0)
	for _, h := range res.Headers() {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok || c.Address.Host != r.origin.host && bracket(c.Address.Host) != bracket(r.origin.host) {
			continue // somebody else's, at the same address-of-record
		}
		v, _ := c.Params.Get("expires")
		if e, ok := seconds(v); ok && e > 0 && (least == 0 || e < least) {
			least = e
		}
	}
	if least > 0 {
		d = least
	}
	return min(d, maxSession)
}

// nextTarget goes on to the next target at once, and pauses after the last.
// RFC 3263 §4.3.
func (r *Registration) nextTarget(now time.Time, why Cause, after time.Duration) {
	r.tried++
	r.target++
	if r.tried < len(r.targets) {
		r.status.Cause = why
		r.register(now)
		return
	}
	wait := min(firstRetry<<min(r.status.Failures, 10), lastRetry)
	r.fail(now, why, max(wait, after))
}

// fail notes a failure and plans the next try; half of the pause is random.
func (r *Registration) fail(now time.Time, why Cause, wait time.Duration) {
	if r.stopping {
		r.finish() // it will run out
		return
	}
	if wait == 0 {
		wait = firstRetry
	}
	r.status.Cause = why
	r.status.Failures++
	r.status.Next = now.Add(wait + time.Duration(r.random()*float64(wait)/2))
	if !r.status.Until.IsZero() && now.Before(r.status.Until) {
		return // still bound
	}
	r.status.State, r.status.Until = RegistrationFailed, time.Time{}
}

func (r *Registration) random() float64 {
	if r.conf.Random == nil {
		return 0
	}
	return min(max(r.conf.Random(), 0), 1)
}

func (r *Registration) finish() {
	r.over = true
	r.client = nil
	r.status = RegistrationStatus{}
	if r.listed {
		r.ua.table.remove(r.entry)
		r.listed = false
	}
}

// seenAs is the address in the received and rport of our Via. RFC 3581 §4.
func seenAs(r *sipmsg.Response) string {
	v := r.Via()
	host, ok := v.Params.Get("received")
	if !ok || host == "" {
		host = v.Host
	}
	port, ok := v.Params.Get("rport")
	if !ok || port == "" {
		return ""
	}
	return bracket(host) + ":" + port
}
