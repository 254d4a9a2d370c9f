package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A reliable is a provisional response that needs a PRACK: one of ours that
// waits for it, or one of the peer's that the call has not acknowledged yet.
type reliable struct {
	rseq, cseq uint32
	status     int
	raw        []byte
	sdp        bool // it has a session description

	interval       time.Duration
	resend, expire time.Time
}

// maxWaiting bounds the provisional responses that wait for one PRACK.
const maxWaiting = 8

// progressReliably sends a provisional response reliably, one at a time.
// RFC 3262 §3.
func (l *Leg) progressReliably(now time.Time, p laterStatus) {
	s := &l.serving
	if s.first != nil {
		if len(s.waiting) < maxWaiting {
			s.waiting = append(s.waiting, p)
		}
		return
	}
	if s.rseq == 0 {
		s.rseq = uint32(below(1 << 30))
	}
	s.rseq++
	var w wire
	w.str("Require: 100rel\r\nRSeq: ")
	w.num(uint64(s.rseq))
	w.str("\r\n")
	if len(p.body) > 0 {
		l.offer.last = p.body
	}
	l.respondLines(now, s.invite, p.status, p.extra, p.body, string(w.b))
	s.first = &reliable{
		rseq: s.rseq, cseq: s.invite.seq, status: p.status, raw: s.invite.raw, sdp: len(p.body) > 0,
		interval: l.ua.cfg.T1, resend: now.Add(l.ua.cfg.T1), expire: now.Add(64 * l.ua.cfg.T1),
	}
}

// Unacknowledged is how many provisional responses to the INVITE that came in
// wait for a PRACK, sent or not: each brings a Pracked in turn. RFC 3262 §3.
func (l *Leg) Unacknowledged() int {
	n := len(l.serving.waiting)
	if l.serving.first != nil {
		n++
	}
	return n
}

// advanceReliable repeats the response until its PRACK: with every interval
// twice the last, whatever the transport. After 64*T1 the INVITE is refused.
// RFC 3262 §3.
func (l *Leg) advanceReliable(now time.Time) {
	f := l.serving.first
	switch {
	case f == nil:
	case due(now, f.expire):
		l.release(now, Refusal(504).WithText("no PRACK"), nil)
	case due(now, f.resend):
		f.interval *= 2
		f.resend = now.Add(f.interval)
		_ = l.post(now, l.serving.invite.reply, f.raw, l.serving.invite.key)
	}
}

// receivePrack takes the PRACK of a response of ours. RFC 3262 §3, §5.
func (l *Leg) receivePrack(now time.Time, r *sipmsg.Request, s *server) {
	v, _ := value(r, "rack")
	ra, err := parseRAck(v)
	f := l.serving.first
	switch {
	case err != nil:
		l.respond(now, s, 400, "", nil, nil, "")
		return
	case f == nil || ra != (rack{f.rseq, f.cseq, "INVITE"}):
		l.respond(now, s, 481, "", nil, nil, "")
		return
	}
	l.serving.first = nil
	e := Pracked{Status: f.status}
	contentType, body := bodyOf(r)
	d := l.dialog
	answer := !l.serving.offered && f.sdp && !d.agreed
	d.agreed = d.agreed || f.sdp
	if answer {
		e.ContentType, e.Body = contentType, body
	}
	l.emit(now, e)
	if len(body) > 0 && !answer {
		if l.offer.theirs != nil || l.offer.client != nil || !d.agreed {
			l.respond(now, s, 491, "", nil, nil, "")
		} else {
			l.offer.theirs, l.offer.dialog, l.offer.without = s, d, false
			l.emit(now, Offered{Dialog: d.tag, Method: "PRACK", Headers: kept(r), ContentType: contentType, Body: body})
			return
		}
	} else {
		l.respond(now, s, 200, "", nil, nil, "")
	}
	l.afterPrack(now)
}

// afterPrack sends what waited for a PRACK, and for the answer to an offer in it.
func (l *Leg) afterPrack(now time.Time) {
	s := &l.serving
	if l.phase != called || s.first != nil || l.offer.theirs != nil {
		return
	}
	if a := s.answer; a != nil {
		l.accept(now, a.body, a.extra)
		return
	}
	if len(s.waiting) > 0 {
		p := s.waiting[0]
		s.waiting = s.waiting[1:]
		l.progressReliably(now, p)
	}
}

// reliably looks at a provisional response to our INVITE that may want a PRACK,
// and completes e. It reports false for one that has been seen or is out of
// order, and hence is not for the call. RFC 3262 §4.
func (l *Leg) reliably(now time.Time, c *client, r *sipmsg.Response, d *dialog, e *Progressed) bool {
	if l.cfg.Reliable == ReliableOff || l.cfg.Reliable == ReliableIgnored || !lists(r, "require", "100rel") {
		return true
	}
	v, _ := value(r, "rseq")
	rseq, ok := parseRSeq(v)
	if !ok {
		return true // not reliable without a number
	}
	if d.rseq != 0 && rseq != d.rseq+1 {
		return false
	}
	d.rseq = rseq
	e.Reliable = true
	offered := len(l.dial.invite.Body) > 0
	e.Delayed = !offered && !d.agreed && len(e.Body) > 0
	if len(e.Body) > 0 {
		d.agreed = true
	}
	p := &reliable{rseq: rseq, cseq: c.seq, sdp: e.Delayed}
	if l.cfg.HoldPRACK || e.Delayed {
		if len(d.held) < maxWaiting {
			d.held = append(d.held, p)
		}
		return true
	}
	l.prack(now, d, p, nil)
	return true
}

// Prack acknowledges the oldest reliable response of dialog that waits for it:
// where LegConfig.HoldPRACK is set, or where Progressed was Delayed and body is
// the answer. A body that is an offer is answered by OfferAnswered.
// RFC 3262 §4 and §5.
func (l *Leg) Prack(now time.Time, dialog string, body []byte) {
	d := l.dialogOf(dialog)
	if d == nil || len(d.held) == 0 || l.released {
		return
	}
	p := d.held[0]
	d.held = d.held[1:]
	l.prack(now, d, p, body)
}

func (l *Leg) prack(now time.Time, d *dialog, p *reliable, body []byte) {
	var w wire
	w.str("RAck: ")
	w.num(uint64(p.rseq))
	w.str(" ")
	w.num(uint64(p.cseq))
	w.str(" INVITE\r\n")
	if len(body) > 0 {
		l.offer.last = body
	}
	l.request(now, &request{
		method: "PRACK", dialog: d, lines: string(w.b), body: body, purpose: forPRACK, answering: p.sdp,
	})
}

// prackResponded takes the response to a PRACK: the answer, where it had an offer.
func (l *Leg) prackResponded(now time.Time, c *client, r *sipmsg.Response) {
	if len(c.req.body) == 0 || c.req.answering {
		return
	}
	e := OfferAnswered{Dialog: c.req.dialog.tag, Cause: reasonOf(r, r.StatusCode)}
	if r.StatusCode < 300 {
		e.ContentType, e.Body = bodyOf(r)
	}
	l.emit(now, e)
}
