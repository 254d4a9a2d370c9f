package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// answered takes a 2xx to our INVITE: the first, the same again, or that of
// another fork. RFC 3261 §13.2.2.4.
func (l *Leg) answered(now time.Time, c *client, r *sipmsg.Response, in *transport.Inbound) {
	tag := tagOf(r.To().Params)
	if d := l.dialogOf(tag); d != nil && d.confirmed {
		l.ackAgain(now, d)
		return
	}
	if l.dial.settled || l.dial.cancel || c != l.dial.client {
		l.lose(now, c, r, in, tag)
		return
	}
	l.dial.settled = true
	l.dial.stop()
	d := l.confirm(c, r, in, tag)
	l.dialog, l.phase = d, up
	for _, other := range l.dialogs {
		if other != d {
			l.emit(now, DialogEnded{Dialog: other.tag, Cause: Refusal(487).WithText("answered elsewhere")})
		}
	}
	l.dialogs = nil
	l.entry.moved(in.Flow.Remote.Addr())
	l.session.agreed(now, r, l.cfg.Session)
	e := Answered{Dialog: tag, Status: r.StatusCode, Headers: kept(r)}
	e.ContentType, e.Body = bodyOf(r)
	e.Delayed = len(l.dial.invite.Body) == 0 && !d.agreed
	d.ackSeq = c.seq
	if !e.Delayed {
		d.agreed = true
		l.sendAck(now, d, nil)
	}
	l.emit(now, e)
}

// confirm makes the dialog of a 2xx, whose route set is the one that counts.
// RFC 3261 §13.2.2.4.
func (l *Leg) confirm(c *client, r *sipmsg.Response, in *transport.Inbound, tag string) *dialog {
	d := l.dialogOf(tag)
	if d == nil {
		d = &dialog{tag: tag, target: l.dial.base.target, localSeq: c.seq}
	}
	d.confirmed = true
	d.routes = routesOf(r, true)
	d.retarget(r.Contact())
	if _, ok := value(r, "allow"); ok {
		d.update = lists(r, "allow", "UPDATE")
	}
	d.localSeq = max(d.localSeq, c.seq)
	l.point(d, in.Flow)
	return d
}

// lose ends the dialog of a 2xx that came too late: ACK, then BYE.
func (l *Leg) lose(now time.Time, c *client, r *sipmsg.Response, in *transport.Inbound, tag string) {
	if len(l.dialogs) >= 2*l.ua.cfg.MaxForks {
		l.ua.late(now, r, in.Flow, remnant{}) // without state: they may be any number
		return
	}
	l.ua.counters.add(countStrayAnswer)
	d := l.confirm(c, r, in, tag)
	if c == l.dial.client {
		l.dial.settled = true
		l.dial.stop()
	}
	l.dialogs = append(l.dialogs, d) // to know it when it comes again
	d.ackSeq = c.seq
	l.sendAck(now, d, nil)
	l.request(now, &request{method: "BYE", dialog: d, purpose: forFork})
}

// Ack sends the ACK that carries our answer, when Answered or OfferAnswered was
// Delayed.
func (l *Leg) Ack(now time.Time, body []byte) {
	if d := l.dialog; d != nil && d.ack == nil && d.ackSeq != 0 && !l.released {
		d.agreed = true
		l.offer.last = body
		l.sendAck(now, d, body)
	}
	l.settle(now)
}

// sendAck acknowledges a 2xx to the INVITE with d.ackSeq. It is a transaction of
// its own, without an answer. RFC 3261 §13.2.2.4.
func (l *Leg) sendAck(now time.Time, d *dialog, body []byte) {
	o, ok := l.from(d.flow)
	if !ok {
		return
	}
	n := line{seq: d.ackSeq, branch: newBranch(), tag: d.tag}
	n.uri, n.routes = d.uri()
	d.ack = l.write(&request{method: "ACK", body: body}, o, n)
	d.ackFlow = d.flow
	_ = l.post(now, d.flow, d.ack, "")
}

// ackAgain sends the ACK once more for a 2xx that came once more.
func (l *Leg) ackAgain(now time.Time, d *dialog) {
	if d.ack != nil {
		_ = l.post(now, d.ackFlow, d.ack, "")
	}
}

// ackRefusal acknowledges a final response of 300 or more, within the INVITE's
// transaction. RFC 3261 §17.1.1.3.
func (l *Leg) ackRefusal(now time.Time, c *client, r *sipmsg.Response) {
	o, ok := l.from(c.flow)
	if !ok {
		return
	}
	n := line{seq: c.seq, branch: c.branch, tag: tagOf(r.To().Params)}
	n.uri, n.routes = c.req.dialog.uri()
	_ = l.post(now, c.flow, l.write(&request{method: "ACK"}, o, n), "")
}

// dropDialog forgets an early dialog.
func (l *Leg) dropDialog(d *dialog) {
	for i, x := range l.dialogs {
		if x == d {
			l.dialogs = append(l.dialogs[:i], l.dialogs[i+1:]...)
			return
		}
	}
}
