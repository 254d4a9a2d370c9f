package sip

import (
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// receiveResponse takes a response to a request of ours.
func (l *Leg) receiveResponse(now time.Time, r *sipmsg.Response, in *transport.Inbound) {
	branch, _ := r.Via().Params.Get("branch")
	seq, method := r.CSeq().SeqNo, string(r.CSeq().MethodName)
	i := slices.IndexFunc(l.clients, func(c *client) bool {
		return c.branch == branch && c.method == method && c.seq == seq // §17.1.3
	})
	if i < 0 {
		l.unmatched(now, r, method)
		return
	}
	c := l.clients[i]
	switch c.receive(now, &l.ua.cfg, r.StatusCode) {
	case toUser:
		l.responded(now, c, r, in)
	case ackAgain:
		l.ackRefusal(now, c, r)
	case nothing, again, timedOut, gone:
	}
	if c.state == terminated {
		l.forget(c)
	}
}

// unmatched takes a response whose transaction is gone: only a 2xx to INVITE
// means anything then.
func (l *Leg) unmatched(now time.Time, r *sipmsg.Response, method string) {
	l.ua.counters.add(countStrayResponse)
	if method != "INVITE" || r.StatusCode < 200 || r.StatusCode > 299 {
		return
	}
	if d := l.dialogOf(tagOf(r.To().Params)); d != nil && d.ackSeq == r.CSeq().SeqNo {
		l.ackAgain(now, d)
	}
}

// responded sorts responses by what the request was for.
func (l *Leg) responded(now time.Time, c *client, r *sipmsg.Response, in *transport.Inbound) {
	if c.req.purpose == forCall {
		l.invited(now, c, r, in)
		return
	}
	if r.StatusCode < 200 {
		if c.method == "INVITE" {
			c.expire = now.Add(defaultRing) // a re-INVITE does not ring for ever
		}
		return
	}
	if c.method == "INVITE" && r.StatusCode >= 300 {
		l.ackRefusal(now, c, r)
	}
	if (r.StatusCode == 401 || r.StatusCode == 407) && c.req.purpose != forCancel && l.answerChallenge(now, c, r) {
		return
	}
	switch c.req.purpose {
	case forOffer:
		l.offerResponded(now, c, r, in)
	case forRefresh:
		l.refreshResponded(now, c, r)
	case forPRACK:
		l.prackResponded(now, c, r)
	case forInfo:
		l.emit(now, InfoAnswered{reasonOf(r, r.StatusCode)})
		l.checkGone(now, r.StatusCode)
	case forRefer:
		l.referResponded(now, r)
	case forNotify:
		l.notifyResponded(now, r.StatusCode)
	case forCall, forCancel, forEnd, forFork:
	}
}

// answerChallenge sends a request of a dialog again with credentials.
func (l *Leg) answerChallenge(now time.Time, c *client, r *sipmsg.Response) bool {
	if c.req.answers >= maxAnswers || !l.auth.challenged(r) {
		return false
	}
	c.req.answers++
	n := l.requestBy(now, c.req, c.flow)
	if n == nil {
		return false
	}
	if l.offer.client == c {
		l.offer.client = n
	}
	if l.refer.notify == c {
		l.refer.notify = n
	}
	return true
}

// checkGone ends the call where a response says that the peer has no such
// dialog. RFC 3261 §12.2.1.2; RFC 5057 §5.1.
func (l *Leg) checkGone(now time.Time, status int) {
	if status == 481 || status == 408 {
		l.broken(now, Cause{Status: status, Q850: 102, Text: phrase(status)})
	}
}

// unanswered takes the end of a transaction nobody answered: 408 after its
// time, 503 where the transport failed. RFC 3261 §8.1.3.1.
func (l *Leg) unanswered(now time.Time, c *client, why Cause) {
	switch c.req.purpose {
	case forCall:
		l.inviteUnanswered(now, c, why)
	case forOffer:
		l.offer.client = nil
		l.emit(now, OfferAnswered{Dialog: c.req.dialog.tag, Cause: why})
		l.checkGone(now, why.Status)
	case forRefresh:
		l.checkGone(now, why.Status)
	case forInfo:
		l.emit(now, InfoAnswered{why})
		l.checkGone(now, why.Status)
	case forRefer:
		l.refer.ours = false
		l.emit(now, ReferAnswered{why})
	case forNotify:
		l.notifyResponded(now, why.Status)
	case forPRACK, forCancel, forEnd, forFork:
		// The INVITE goes on; what was to end has ended.
	}
}

// inviteUnanswered goes on to the next target, or fails the call.
func (l *Leg) inviteUnanswered(now time.Time, c *client, why Cause) {
	d := &l.dial
	if c != d.client || d.settled {
		return
	}
	if !d.cancel && !d.rung && d.next < len(d.invite.Targets) {
		l.tryTarget(now, why, 0)
		return
	}
	d.settled = true
	d.stop()
	if !d.cancel {
		if len(d.invite.Targets) > 1 {
			l.ua.counters.add(countTargetFailed)
		}
		l.end(now, Released{Cause: why, Err: d.err})
	}
}
