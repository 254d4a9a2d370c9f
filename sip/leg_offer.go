package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// offering is where offers and answers after the first ones stand. At most one
// offer is open in either direction. RFC 3264 §4; RFC 6337.
type offering struct {
	last []byte // the session description we sent last

	waiting *offerOf  // ours, not sent yet
	client  *client   // ours, sent
	retry   time.Time // not before then: it met one of the peer's
	tries   int

	theirs  *server // Offered, and not answered
	dialog  *dialog // where
	without bool    // theirs asks for our offer
	empty   *server // our offer in a 200 waits for the answer in the ACK
}

// offerOf is an offer of ours in a dialog; nil: the one there is.
type offerOf struct {
	dialog *dialog
	body   []byte
}

// withdrawn forgets an offer of the peer's that it cancelled.
func (o *offering) withdrawn(s *server) {
	if o.theirs == s {
		o.theirs = nil
	}
}

// Offer sends an offer: in a re-INVITE once the call is answered, in UPDATE
// before. A nil body asks for the peer's offer. OfferAnswered follows. While an
// offer of either side is open it waits for that one's end.
// RFC 3261 §14.1; RFC 3311 §5.1.
func (l *Leg) Offer(now time.Time, body []byte) {
	if !l.released && l.phase != idle {
		l.offer.waiting, l.offer.tries = &offerOf{body: body}, 0
	}
	l.settle(now)
}

// OfferEarly is Offer in one of the early dialogs of our INVITE.
func (l *Leg) OfferEarly(now time.Time, dialog string, body []byte) {
	if d := l.dialogOf(dialog); d != nil && !l.released {
		l.offer.waiting, l.offer.tries = &offerOf{d, body}, 0
	}
	l.settle(now)
}

// pumpOffer sends the offer that waits, once it may.
func (l *Leg) pumpOffer(now time.Time) {
	o := &l.offer
	if o.waiting == nil || !o.retry.IsZero() || l.released || l.offerOpen() {
		return
	}
	d := o.waiting.dialog
	if d == nil || l.dialog != nil {
		d = l.early("")
	}
	if d == nil {
		return
	}
	r := &request{method: "INVITE", dialog: d, body: o.waiting.body, purpose: forOffer}
	if l.phase != up {
		if !l.cfg.Update || !d.update || !d.agreed || len(r.body) == 0 {
			return // until the call is answered
		}
		r.method = "UPDATE"
	} else {
		r.lines = l.session.lines()
	}
	o.waiting = nil
	if o.client = l.request(now, r); o.client == nil {
		l.emit(now, OfferAnswered{Dialog: d.tag, Cause: Refusal(503)})
		return
	}
	if len(r.body) > 0 {
		o.last = r.body
	}
}

// offerOpen reports whether an offer of either side has no answer yet, or the
// call is between 2xx and ACK.
func (l *Leg) offerOpen() bool {
	o := &l.offer
	return o.client != nil || o.theirs != nil || o.empty != nil || l.phase == unacked ||
		l.dialog != nil && l.dialog.ackSeq != 0 && l.dialog.ack == nil
}

// advanceOffer sends an offer again that met one of the peer's.
func (l *Leg) advanceOffer(now time.Time) {
	if due(now, l.offer.retry) {
		l.offer.retry = time.Time{} // settle sends it
	}
}

// maxOfferTries bounds how often one offer is sent again.
const maxOfferTries = 6

// offerResponded takes the final response to an offer of ours.
func (l *Leg) offerResponded(now time.Time, c *client, r *sipmsg.Response, in *transport.Inbound) {
	d := c.req.dialog
	if r.StatusCode < 300 {
		l.offerAccepted(now, c, r, in)
		return
	}
	l.offer.client = nil
	if l.offerAgain(now, c, r) {
		return
	}
	cause := reasonOf(r, r.StatusCode)
	if r.StatusCode == 405 || r.StatusCode == 501 {
		d.update = d.update && c.method != "UPDATE"
	}
	l.emit(now, OfferAnswered{Dialog: d.tag, Cause: cause})
	l.checkGone(now, r.StatusCode)
}

// offerAgain sends an offer of ours again where the refusal was not of the offer:
// it met the peer's, or its session interval was too short (RFC 4028 §7.3).
func (l *Leg) offerAgain(now time.Time, c *client, r *sipmsg.Response) bool {
	o := &l.offer
	if o.tries >= maxOfferTries {
		return false
	}
	wait, glare := l.glare(r)
	if !glare && (r.StatusCode != 422 || !l.session.lengthen(r)) {
		return false
	}
	o.tries++
	if o.waiting == nil { // else a newer offer has taken its place
		o.waiting = &offerOf{c.req.dialog, c.req.body}
	}
	if glare {
		o.retry = now.Add(wait)
	}
	return true
}

// offerAccepted takes a 2xx to a re-INVITE or UPDATE of ours.
func (l *Leg) offerAccepted(now time.Time, c *client, r *sipmsg.Response, in *transport.Inbound) {
	d := c.req.dialog
	if c.method == "INVITE" && d.ackSeq == c.seq {
		l.ackAgain(now, d) // it came again
		return
	}
	l.offer.client = nil
	l.refreshTarget(d, r.Contact(), in.Flow)
	if l.phase == up {
		l.session.agreed(now, r, l.cfg.Session)
	}
	e := OfferAnswered{Dialog: d.tag, Cause: Refusal(200)}
	e.ContentType, e.Body = bodyOf(r)
	if c.method == "INVITE" {
		d.ackSeq, d.ack = c.seq, nil
		e.Delayed = len(c.req.body) == 0
		if !e.Delayed {
			l.sendAck(now, d, nil)
		}
	}
	l.emit(now, e)
}

// glare says how long to wait after an offer that met the peer's, in steps of
// 10 ms: longer for the side that made the Call-ID. RFC 3261 §14.1; RFC 3311
// §5.3. A 500 with Retry-After is the same at the other end (§14.2).
func (l *Leg) glare(r *sipmsg.Response) (time.Duration, bool) {
	switch r.StatusCode {
	case 491:
		if l.uas {
			return time.Duration(below(201)) * 10 * time.Millisecond, true
		}
		return 2100*time.Millisecond + time.Duration(below(191))*10*time.Millisecond, true
	case 500:
		if after := retryAfter(r); after > 0 && after <= 10*time.Second {
			return after, true
		}
	}
	return 0, false
}

// receiveReinvite takes a re-INVITE. RFC 3261 §14.2.
func (l *Leg) receiveReinvite(now time.Time, r *sipmsg.Request, s *server, d *dialog, in *transport.Inbound) {
	o := &l.offer
	contentType, body := bodyOf(r)
	switch {
	case l.phase == called || l.phase == inviting || o.theirs != nil:
		// theirs before it has no final response
		l.respond(now, s, 500, "", nil, []Header{{"Retry-After", itoa(int(below(10)) + 1)}}, "")
		return
	case o.client != nil || o.empty != nil || d.ackSeq != 0 && d.ack == nil,
		l.phase == unacked && !l.serving.offered:
		l.respond(now, s, 491, "", nil, nil, "")
		return
	case len(body) > 0 && !isSDP(contentType):
		l.respond(now, s, 415, "", nil, []Header{{"Accept", typeSDP}}, "")
		return
	}
	if l.refusesSession(now, s, r) {
		return
	}
	l.refreshTarget(d, r.Contact(), l.back(*in))
	o.theirs, o.dialog, o.without = s, d, len(body) == 0
	l.readSession(r)
	l.emit(now, Offered{Dialog: d.tag, Method: "INVITE", Headers: kept(r), ContentType: contentType, Body: body})
}

// receiveUpdate takes an UPDATE: an offer, or a session refresh without one.
// RFC 3311 §5.2.
func (l *Leg) receiveUpdate(now time.Time, r *sipmsg.Request, s *server, d *dialog, in *transport.Inbound) {
	o := &l.offer
	contentType, body := bodyOf(r)
	if !l.cfg.Update {
		l.respond(now, s, 405, "", nil, nil, "")
		return
	}
	if l.refusesSession(now, s, r) {
		return
	}
	switch {
	case len(body) == 0:
		l.refreshTarget(d, r.Contact(), l.back(*in))
		l.readSession(r)
		var w wire
		if l.phase == up || l.phase == unacked {
			l.session.answer(now, &w, l.cfg.Session, l.serving.asked, l.serving.timer)
		}
		l.respondLines(now, s, 200, Extra{}, nil, string(w.b))
		return
	case !isSDP(contentType):
		l.respond(now, s, 415, "", nil, []Header{{"Accept", typeSDP}}, "")
		return
	case o.theirs != nil, l.phase == called && l.serving.offered && !d.agreed:
		l.respond(now, s, 500, "", nil, []Header{{"Retry-After", itoa(int(below(10)) + 1)}}, "")
		return
	case o.client != nil, o.empty != nil, !d.agreed:
		l.respond(now, s, 491, "", nil, nil, "")
		return
	}
	l.refreshTarget(d, r.Contact(), l.back(*in))
	l.readSession(r)
	o.theirs, o.dialog, o.without = s, d, false
	l.emit(now, Offered{Dialog: d.tag, Method: "UPDATE", Headers: kept(r), ContentType: contentType, Body: body})
}

// Accept answers what Offered brought; body is the answer, or our offer where
// the re-INVITE had none.
func (l *Leg) Accept(now time.Time, body []byte) {
	o := &l.offer
	s := o.theirs
	if s == nil || l.released {
		return
	}
	o.theirs = nil
	o.last = body
	var w wire
	if s.method != "PRACK" && (l.phase == up || l.phase == unacked) {
		l.session.answer(now, &w, l.cfg.Session, l.serving.asked, l.serving.timer)
	}
	l.respondLines(now, s, 200, Extra{}, body, string(w.b))
	if o.without {
		o.empty = s
	}
	l.afterPrack(now)
	l.settle(now)
}

// Refuse refuses what Offered brought; the session stays as it was.
func (l *Leg) Refuse(now time.Time, c Cause, headers ...Header) {
	s := l.offer.theirs
	if s == nil || l.released {
		return
	}
	l.offer.theirs = nil
	status := refusalStatus(c)
	if c.Status < 300 {
		status = 488
	}
	l.respond(now, s, status, "", nil, headers, "")
	l.afterPrack(now)
	l.settle(now)
}

// acked takes the ACK of a re-INVITE: the answer, where our 200 had the offer.
func (o *offering) acked(l *Leg, now time.Time, s *server, contentType string, body []byte) {
	if o.empty != s {
		return
	}
	o.empty = nil
	l.emit(now, OfferAnswered{Dialog: l.dialog.tag, Cause: Refusal(200), ContentType: contentType, Body: body})
}
