package sip

import (
	"context"
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A Leg is one call as seen from one side: a dialog, or several early ones of
// an INVITE that forks, and the transactions in it. Core: the goroutine of its
// call is its only user. Methods do not return what follows from them; it comes
// as events from Receive or Advance, the latter due at once if need be.
//
// Methods that do not fit the state of the leg (an answer to no offer, anything
// after Released) do nothing.
type Leg struct {
	speaker
	uas bool // set once

	phase   phase
	dialogs []*dialog // of a UAC: every fork heard
	dialog  *dialog   // the confirmed one; of a UAS: its only one

	clients []*client
	servers []*server

	dial    dialing
	serving serving
	offer   offering
	session session
	refer   referring

	events, spare []Event
	eventAt       time.Time // when the oldest of events came up
	released      bool      // Released is among the events
	finished      bool      // nothing is left to do
}

// phase is how far a leg has come.
type phase uint8

const (
	idle     phase = iota
	inviting       // our INVITE has no final response
	called         // theirs has none
	unacked        // ours was a 2xx, and waits for the ACK
	up
	ended
)

func newLeg(u *UA, c LegConfig, e *entry) *Leg {
	l := &Leg{speaker: speaker{ua: u, cfg: c, entry: e, auth: auth{creds: c.Credentials}, ladder: newLadder()}, uas: e.uas}
	e.leg = l
	return l
}

// CallID returns the Call-ID of the leg.
func (l *Leg) CallID() string { return l.entry.callID }

// Tags returns our tag and the peer's, "" while no dialog is confirmed.
func (l *Leg) Tags() (local, remote string) {
	if l.dialog != nil {
		remote = l.dialog.tag
	}
	return l.entry.tag, remote
}

// Over reports whether nothing is left to do: Released has been returned, and
// the messages that end the leg have been acknowledged or had their time.
func (l *Leg) Over() bool { return l.finished && len(l.events) == 0 }

// Receive takes a message that the UA posted. The events are valid until the
// next call.
func (l *Leg) Receive(now time.Time, m Message) []Event {
	if m.to == l.entry && !l.finished {
		l.ladder.received(now, m)
		switch {
		case m.request() != nil:
			l.receiveRequest(now, m.request(), m.in)
		case m.response() != nil:
			l.receiveResponse(now, m.response(), m.in)
		case m.fail != nil:
			l.failed(now, m.fail)
		case m.found != nil:
			l.located(m.found)
		}
		l.settle(now)
	}
	return l.take()
}

// Advance does what is due: repeats, gives up, refreshes. The events are valid
// until the next call.
func (l *Leg) Advance(now time.Time) []Event {
	if !l.finished {
		l.advanceDial(now)
		l.advanceClients(now)
		l.advanceServers(now)
		l.advanceReliable(now)
		l.advanceOffer(now)
		l.advanceSession(now)
		l.settle(now)
	}
	return l.take()
}

// Deadline says when Advance is due; zero: nothing is.
func (l *Leg) Deadline() time.Time {
	if len(l.events) > 0 {
		return l.eventAt
	}
	if l.finished {
		return time.Time{}
	}
	var d time.Time
	for _, c := range l.clients {
		d = earlier(d, c.due())
	}
	for _, s := range l.servers {
		d = earlier(d, s.due())
	}
	d = earlier(d, l.serving.due())
	d = earlier(d, l.dial.due())
	d = earlier(d, l.offer.retry)
	return earlier(d, l.session.due())
}

// emit adds an event.
func (l *Leg) emit(now time.Time, e Event) {
	if len(l.events) == 0 {
		l.eventAt = now
	}
	l.events = append(l.events, e)
}

// take returns the events and makes room for the next.
func (l *Leg) take() []Event {
	out := l.events
	l.events, l.spare = l.spare[:0], out
	return out
}

// end reports that the leg is over for its call, and lets go what has no
// meaning any more. What ends the leg on the wire goes on.
func (l *Leg) end(now time.Time, r Released) {
	if l.released {
		return
	}
	l.released = true
	l.phase = ended
	l.session = session{}
	l.offer = offering{}
	l.refer = referring{}
	l.serving.stop()
	l.clients = slices.DeleteFunc(l.clients, func(c *client) bool {
		return c.method != "INVITE" && c.req.purpose < forCancel
	})
	l.emit(now, r)
}

// settle sends what had to wait, and finishes a leg that has nothing left.
func (l *Leg) settle(now time.Time) {
	l.pumpOffer(now)
	if !l.released || l.finished || l.owing() {
		return
	}
	l.finished = true
	l.linger(now)
	l.ua.table.remove(l.entry)
}

// owing reports whether a message that ends the leg still waits for its answer.
func (l *Leg) owing() bool {
	for _, c := range l.clients {
		if !c.open() {
			continue
		}
		if c.req.purpose >= forCancel || c == l.dial.client {
			return true
		}
	}
	for _, s := range l.servers {
		if !s.expire.IsZero() {
			return true
		}
	}
	return false
}

// linger leaves behind what answers messages that come late.
func (l *Leg) linger(now time.Time) {
	r := l.ua.remnants
	if i := slices.IndexFunc(l.clients, func(c *client) bool { return c.method == "INVITE" }); i >= 0 {
		m := remnant{kind: invited}
		m.uri, _ = l.clients[i].req.dialog.uri()
		if l.dialog != nil {
			m.tag = l.dialog.tag
		}
		r.add(now, r.key(l.entry.callID, l.entry.tag, "invited"), m)
	}
	for _, s := range l.servers {
		if s.reply.Kind.Reliable() || !s.final() || now.Sub(s.at) > r.life {
			continue
		}
		m := remnant{kind: answered}
		if s.method != "INVITE" {
			m.raw = s.raw
		}
		r.add(now, r.key(l.entry.callID, s.key, s.method), m)
	}
	l.clients, l.servers, l.dialogs = nil, nil, nil
}

// advanceClients repeats requests and gives up on those nobody answered.
func (l *Leg) advanceClients(now time.Time) {
	for _, c := range slices.Clone(l.clients) {
		switch c.advance(now, &l.ua.cfg) {
		case again:
			_ = l.post(now, c.flow, c.raw, c.branch)
		case timedOut:
			l.forget(c)
			l.unanswered(now, c, Refusal(408))
		case gone:
			l.forget(c)
		case nothing, toUser, ackAgain:
		}
	}
}

// advanceServers repeats final responses until their ACK.
func (l *Leg) advanceServers(now time.Time) {
	for _, s := range l.servers {
		switch s.advance(now, &l.ua.cfg) {
		case again:
			_ = l.post(now, s.reply, s.raw, s.key)
		case timedOut:
			l.neverAcked(now, s)
		case nothing, toUser, ackAgain, gone:
		}
	}
}

// forget takes a client transaction out.
func (l *Leg) forget(c *client) {
	l.clients = slices.DeleteFunc(l.clients, func(x *client) bool { return x == c })
}

// failed takes the news that a message of ours did not get through. For a
// request that is as good as a 503. RFC 3261 §8.1.3.1.
func (l *Leg) failed(now time.Time, f *transport.Failure) {
	i := slices.IndexFunc(l.clients, func(c *client) bool { return c.open() && c.failedBy(f) })
	if i < 0 {
		return // a response or an ACK: it comes again if it is missed
	}
	c := l.clients[i]
	l.forget(c)
	if c.req.bigger && c.flow.Kind == transport.TCP {
		// RFC 3261 §18.1.1: fall back to UDP where TCP is refused.
		if n := l.requestBy(now, c.req, c.req.dialog.flow); n != nil {
			if c == l.dial.client {
				l.dial.client = n
			}
			return
		}
	}
	if c == l.dial.client {
		l.dial.err = f.Err
	}
	l.unanswered(now, c, Refusal(503).WithText("transport: "+f.Err.Error()))
}

// point finds where the requests of d go, and asks for the name if it is one.
func (l *Leg) point(d *dialog, f transport.Flow) {
	dest, ask := d.aim(f, l.cfg.Symmetric)
	if !ask {
		return
	}
	e, tag, host := l.entry, d.tag, d.name
	l.ua.net.Resolve(context.Background(), dest, func(ts []transport.Target, err error) {
		if err == nil && len(ts) > 0 {
			e.deliver(Message{to: e, found: &found{dialog: tag, host: host, target: ts[0]}})
		}
	})
}

// located takes what the name of a next hop stands for.
func (l *Leg) located(f *found) {
	for _, d := range append(slices.Clone(l.dialogs), l.dialog) {
		if d != nil && d.tag == f.dialog && d.name == f.host {
			d.flow, d.name = f.target.Flow(), ""
			return
		}
	}
}

// dialogOf finds the dialog with a tag of the peer's.
func (l *Leg) dialogOf(tag string) *dialog {
	if l.dialog != nil && l.dialog.tag == tag {
		return l.dialog
	}
	for _, d := range l.dialogs {
		if d.tag == tag {
			return d
		}
	}
	return nil
}

// tagOf returns the tag of To or From.
func tagOf(ps sipmsg.HeaderParams) string {
	t, _ := ps.Get("tag")
	if !validURI(t) && t != "" {
		return "" // would not survive being written again
	}
	return t
}
