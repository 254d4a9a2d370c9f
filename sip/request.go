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
	listener     string
	via, contact string
}

// from returns the origin for a flow. The last one is kept: a leg seldom has
// two.
func (l *Leg) from(f transport.Flow) (origin, bool) {
	if l.origin.kind == f.Kind && l.origin.listener == f.Listener && l.origin.via != "" {
		return l.origin, true
	}
	o, ok := originOf(l.ua.net, &l.cfg, f)
	if ok {
		l.origin = o
	}
	return o, ok
}

func originOf(n Network, c *LegConfig, f transport.Flow) (origin, bool) {
	ln, ok := n.ListenerFor(f)
	if !ok {
		return origin{}, false
	}
	host := ln.Host
	if c.ContactHost != "" {
		host = c.ContactHost
	}
	return origin{
		kind: f.Kind, listener: f.Listener,
		via: viaOf(f.Kind, host, ln.Port), contact: contactOf(f.Kind, c.ContactUser, host, ln.Port),
	}, true
}

// write writes a request in dialog d.
func (l *Leg) write(r *request, d *dialog, o origin, seq uint32, branch, uri string, routes []string) []byte {
	forwards := r.forwards
	if forwards <= 0 {
		forwards = 70 // RFC 3261 §8.1.1.6
	}
	w := newWire(len(r.body))
	w.str(r.method, " ", uri, " SIP/2.0\r\n", o.via, branch, "\r\nMax-Forwards: ")
	w.num(uint64(forwards))
	w.str("\r\n")
	for _, route := range routes {
		w.str("Route: <", route, ">\r\n")
	}
	w.str("From: ", l.local, ";tag=", l.entry.tag, "\r\nTo: ", l.remote)
	if d != nil && d.tag != "" {
		w.str(";tag=", d.tag)
	}
	w.str("\r\nCall-ID: ", l.entry.callID, "\r\nCSeq: ")
	w.num(uint64(seq))
	w.str(" ", r.method, "\r\n")
	switch r.method {
	case "INVITE", "UPDATE":
		w.str(o.contact, "Allow: ", allow(&l.cfg), "\r\nSupported: ", supported(&l.cfg), "\r\n")
	case "REFER", "NOTIFY":
		w.str(o.contact)
	}
	l.auth.write(w, r.method, uri)
	w.str(r.lines)
	w.headers(r.headers)
	if l.ua.cfg.Software != "" {
		w.line("User-Agent", l.ua.cfg.Software)
	}
	return w.body(r.contentType, r.body)
}

// request sends r in its dialog as a new client transaction; nil: it could not
// be sent, and an event or nothing follows by the caller's choice.
func (l *Leg) request(now time.Time, r *request) *client {
	return l.requestBy(now, r, r.dialog.flow)
}

// requestBy is request by a flow of the caller's choice.
func (l *Leg) requestBy(now time.Time, r *request, f transport.Flow) *client {
	d := r.dialog
	uri, routes := d.uri()
	seq, branch := d.next(), newBranch()
	o, ok := l.from(f)
	if !ok {
		return nil
	}
	raw := l.write(r, d, o, seq, branch, uri, routes)
	if big, ok := l.larger(f, len(raw)); ok && !r.bigger {
		if o, ok := l.from(big); ok {
			r.bigger = true
			raw = l.write(r, d, o, seq, branch, uri, routes)
			f = big
		}
	}
	c := &client{method: r.method, branch: branch, seq: seq, raw: raw, flow: f, req: r}
	if err := l.ua.send(now, f, raw, l.entry.callID, branch); err != nil {
		if r.bigger && f.Kind == transport.TCP {
			return l.requestBy(now, r, d.flow)
		}
		return nil
	}
	c.start(now, &l.ua.cfg)
	l.clients = append(l.clients, c)
	return c
}

// larger returns the flow for a request that does not fit a datagram.
// RFC 3261 §18.1.1.
func (l *Leg) larger(f transport.Flow, size int) (transport.Flow, bool) {
	limit := l.cfg.DatagramLimit
	if limit == 0 {
		limit = 1300
	}
	if f.Kind != transport.UDP || size <= limit {
		return f, false
	}
	return transport.Flow{Kind: transport.TCP, Remote: f.Remote, Host: f.Host, Profile: f.Profile}, true
}
