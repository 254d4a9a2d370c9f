package sip

import (
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A request is what a request of ours is written from, kept so that it can be
// written anew: with credentials, to another target, by another transport.
type request struct {
	method      string
	dialog      *dialog // nil for the first INVITE
	headers     []Header
	lines       string // ready lines of our own: RAck, Refer-To, Event...
	contentType string
	body        []byte

	purpose purpose
	// answers counts challenges answered in vain.
	answers int
	// bigger is set once a request too large for a datagram was tried by TCP.
	bigger bool
	// cancelled is set when CANCEL was sent for an INVITE that was given up.
	cancelled bool
	// answering is set for a PRACK whose body is an answer.
	answering bool
	// forwards is Max-Forwards; 0 means 70.
	forwards int
}

// purpose is why a request was sent: what its response means to the leg.
type purpose uint8

const (
	forCall    purpose = iota // the INVITE of Dial
	forOffer                  // re-INVITE or UPDATE of Offer
	forRefresh                // session refresh
	forPRACK
	forInfo
	forRefer
	forNotify
	forCancel
	forEnd  // BYE of this leg
	forFork // BYE of a dialog that lost
)

// An origin is what of our side stands in messages on one flow.
type origin struct {
	kind         transport.Kind
	v4           bool
	listener     string
	host         string
	port         uint16
	via, contact string
}

// A speaker writes requests of ours: it is what legs, registrations and pings
// have in common.
type speaker struct {
	// set once
	ua    *UA
	cfg   LegConfig
	entry *entry

	local, remote string // the two ends: name-addrs without tags
	auth          auth
	origin        origin  // the last one used
	ladder        *ladder // of a leg; nil for others
}

// from returns the origin for a flow. The last one is kept: a leg seldom has
// two.
func (p *speaker) from(f transport.Flow) (origin, bool) {
	v4 := f.Remote.Addr().Unmap().Is4()
	if o := &p.origin; o.kind == f.Kind && o.v4 == v4 && o.listener == f.Listener && o.via != "" {
		return *o, true
	}
	ln, ok := p.ua.net.ListenerFor(f)
	if !ok {
		return origin{}, false
	}
	host := ln.Host
	if p.cfg.ContactHost != "" {
		host = p.cfg.ContactHost
	}
	p.origin = origin{
		kind: f.Kind, v4: v4, listener: f.Listener, host: host, port: ln.Port,
		via: viaOf(f.Kind, host, ln.Port), contact: contactOf(f.Kind, p.cfg.ContactUser, host, ln.Port),
	}
	return p.origin, true
}

// A line says where and as what a request is written.
type line struct {
	seq    uint32
	branch string
	uri    string
	routes []string
	tag    string // of To
}

// write writes a request.
func (p *speaker) write(r *request, o origin, n line) []byte {
	forwards := r.forwards
	if forwards <= 0 {
		forwards = 70 // RFC 3261 §8.1.1.6
	}
	w := newWire(len(r.body))
	w.str(r.method, " ", n.uri, " SIP/2.0\r\n", o.via, n.branch, "\r\nMax-Forwards: ")
	w.num(uint64(forwards))
	w.str("\r\n")
	for _, route := range n.routes {
		w.str("Route: <", route, ">\r\n")
	}
	w.str("From: ", p.local, ";tag=", p.entry.tag, "\r\nTo: ", p.remote)
	if n.tag != "" {
		w.str(";tag=", n.tag)
	}
	w.str("\r\nCall-ID: ", p.entry.callID, "\r\nCSeq: ")
	w.num(uint64(n.seq))
	w.str(" ", r.method, "\r\n")
	switch r.method {
	case "INVITE", "UPDATE":
		w.str(o.contact, "Allow: ", allow(&p.cfg), "\r\nSupported: ", supported(&p.cfg), "\r\n")
	case "REFER", "NOTIFY", "OPTIONS":
		w.str(o.contact)
	}
	p.auth.write(&w, r.method, n.uri)
	w.str(r.lines)
	w.headers(r.headers)
	if p.ua.cfg.Software != "" {
		w.line("User-Agent", p.ua.cfg.Software)
	}
	return w.body(r.contentType, r.body)
}

// send sends r in its dialog by flow f, as a new client transaction; nil: it
// could not be sent. What does not fit a datagram goes by TCP, and by UDP after
// all where that cannot even be tried. RFC 3261 §18.1.1.
func (p *speaker) send(now time.Time, r *request, f transport.Flow) *client {
	d := r.dialog
	n := line{seq: d.next(), branch: newBranch(), tag: d.tag}
	n.uri, n.routes = d.uri()
	o, ok := p.from(f)
	if !ok {
		return nil
	}
	raw := p.write(r, o, n)
	if big, ok := p.larger(f, len(raw)); ok && !r.bigger {
		if o, ok := p.from(big); ok {
			r.bigger = true
			raw, f = p.write(r, o, n), big
		}
	}
	c := &client{method: r.method, branch: n.branch, seq: n.seq, raw: raw, flow: f, req: r}
	if err := p.post(now, f, raw, n.branch); err != nil {
		if f.Kind == transport.TCP && d.flow.Kind == transport.UDP {
			return p.send(now, r, d.flow)
		}
		return nil
	}
	c.start(now, &p.ua.cfg)
	return c
}

// larger returns the flow for a request that does not fit a datagram.
func (p *speaker) larger(f transport.Flow, size int) (transport.Flow, bool) {
	limit := p.cfg.DatagramLimit
	if limit == 0 {
		limit = 1300
	}
	if f.Kind != transport.UDP || size <= limit {
		return f, false
	}
	return transport.Flow{Kind: transport.TCP, Remote: f.Remote, Host: f.Host, Profile: f.Profile}, true
}

// request sends r where the requests of its dialog go.
func (l *Leg) request(now time.Time, r *request) *client {
	return l.requestBy(now, r, r.dialog.flow)
}

// requestBy is request by a flow of the caller's choice.
func (l *Leg) requestBy(now time.Time, r *request, f transport.Flow) *client {
	c := l.send(now, r, f)
	if c != nil {
		l.clients = append(l.clients, c)
	}
	return c
}
