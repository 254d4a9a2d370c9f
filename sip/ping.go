package sip

import (
	"errors"
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A PingConfig is one peer to send OPTIONS to.
type PingConfig struct {
	// RequestURI is whom we ask; From is who asks, "" means our own address.
	RequestURI, From string
	// Timeout ends an OPTIONS that nobody answers; 0 means 64*T1 (Timer F).
	Timeout time.Duration
	// Leg gives credentials, listener and contact host.
	Leg LegConfig
}

// A PingResult is what came of one OPTIONS.
type PingResult struct {
	// Target is the one that was asked.
	Target transport.Target
	// Status is the final response; 0 when there was none, and Err says why.
	Status int
	Err    error
	// RoundTrip is the time from sending to the response.
	RoundTrip time.Duration
	// RetryAfter is that of a 503.
	RetryAfter time.Duration
	// Identity is what the one that answered proved by its certificate; nil
	// without TLS.
	Identity *transport.Identity
}

// Why a Ping has no status.
var (
	errUnanswered = errors.New("no answer")
	errUnsent     = errors.New("cannot send")
)

// A Ping asks one peer by OPTIONS whether it is there (RFC 3261 §11). Core; one
// goroutine uses it, one OPTIONS at a time.
type Ping struct {
	speaker
	conf PingConfig // set once

	base   *dialog
	target transport.Target
	client *client
	began  time.Time
	result *PingResult // known before anybody could answer
	listed bool        // in the UA's table
}

// NewPing returns a Ping whose messages go to p.
func (u *UA) NewPing(p Post, c PingConfig) *Ping {
	e := &entry{callID: token() + token(), tag: token(), peer: c.Leg.Peer}
	e.post.Store(&p)
	g := &Ping{
		speaker: speaker{ua: u, cfg: c.Leg, entry: e, auth: auth{creds: c.Leg.Credentials}},
		conf:    c, base: &dialog{target: c.RequestURI},
	}
	g.remote = Address{URI: c.RequestURI}.String()
	g.local = Address{URI: c.From}.String()
	return g
}

// Send sends OPTIONS to the target, unless one is still on its way.
func (p *Ping) Send(now time.Time, t transport.Target) {
	if p.client != nil {
		return
	}
	if !p.listed {
		p.listed = p.ua.table.add(p.entry)
	}
	p.target, p.began, p.result = t, now, nil
	f := t.Flow()
	if p.cfg.Listener != "" && f.Listener == "" {
		f.Listener = p.cfg.Listener
	}
	p.base.flow = f
	if o, ok := p.from(f); ok && p.conf.From == "" {
		p.local = "<sip:" + bracket(o.host) + ">"
	}
	p.ask(now, &request{method: "OPTIONS", dialog: p.base, lines: "Accept: " + typeSDP + "\r\n"})
}

func (p *Ping) ask(now time.Time, r *request) {
	if p.listed && p.remote != "" && p.local != "" {
		p.client = p.send(now, r, p.base.flow)
	}
	if p.client == nil {
		p.result = &PingResult{Target: p.target, Err: errUnsent}
		return
	}
	if p.conf.Timeout > 0 {
		p.client.expire = earlier(p.client.expire, p.began.Add(p.conf.Timeout))
	}
}

// Receive takes a message of the UA; true: the result of the last Send.
func (p *Ping) Receive(now time.Time, m Message) (PingResult, bool) {
	c := p.client
	if c == nil || !p.For(m) {
		return p.known()
	}
	if f := m.fail; f != nil && c.failedBy(f) {
		p.client = nil
		return PingResult{Target: p.target, Err: f.Err}, true
	}
	r := m.response()
	if r == nil {
		return PingResult{}, false
	}
	branch, _ := r.Via().Params.Get("branch")
	if branch != c.branch || string(r.CSeq().MethodName) != c.method || c.receive(now, &p.ua.cfg, r.StatusCode) != toUser {
		return PingResult{}, false
	}
	p.client = nil
	if (r.StatusCode == 401 || r.StatusCode == 407) && c.req.answers < maxAnswers && p.auth.challenged(r) {
		c.req.answers++
		p.ask(now, c.req)
		return p.known()
	}
	return PingResult{
		Target: p.target, Status: r.StatusCode, RoundTrip: now.Sub(p.began), RetryAfter: retryAfter(r),
		Identity: m.in.Flow.Identity,
	}, true
}

// Advance does what is due; true: the result of the last Send.
func (p *Ping) Advance(now time.Time) (PingResult, bool) {
	c := p.client
	if c == nil {
		return p.known()
	}
	switch c.advance(now, &p.ua.cfg) {
	case again:
		_ = p.ua.send(now, c.flow, c.raw, p.entry.callID, c.branch)
	case timedOut:
		p.client = nil
		return PingResult{Target: p.target, Err: errUnanswered}, true
	case nothing, toUser, ackAgain, gone:
	}
	return PingResult{}, false
}

// known returns a result that needed no answer.
func (p *Ping) known() (PingResult, bool) {
	if p.result == nil {
		return PingResult{}, false
	}
	r := *p.result
	p.result = nil
	return r, true
}

// Deadline says when Advance is due; zero: nothing is.
func (p *Ping) Deadline() time.Time {
	switch {
	case p.result != nil:
		return p.began
	case p.client != nil:
		return p.client.due()
	}
	return time.Time{}
}

// For reports whether m is for this ping.
func (p *Ping) For(m Message) bool { return m.to == p.entry }

// Close forgets the ping; nothing is sent.
func (p *Ping) Close() {
	p.client, p.result = nil, nil
	if p.listed {
		p.ua.table.remove(p.entry)
		p.listed = false
	}
}
