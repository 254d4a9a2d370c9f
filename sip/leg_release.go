package sip

import (
	"slices"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Release ends the leg: by the final response of c.Status to an INVITE that is
// not answered, by CANCEL where ours is not, else by BYE. The headers go into
// that message besides Reason. RFC 3261 §9, §15.
func (l *Leg) Release(now time.Time, c Cause, headers ...Header) {
	if !l.released {
		l.release(now, c, headers)
	}
	l.settle(now)
}

func (l *Leg) release(now time.Time, c Cause, headers []Header) {
	headers = withReason(c, headers)
	switch l.phase {
	case idle:
		l.end(now, Released{Cause: c})
	case inviting:
		l.dial.cancel, l.dial.headers = true, headers
		if d := l.dial.client; d != nil && d.state == proceeding {
			l.sendCancel(now, d)
		}
		l.end(now, Released{Cause: c})
		l.dial.deadline, l.dial.silence = time.Time{}, time.Time{}
	case called:
		l.respond(now, l.serving.invite, refusalStatus(c), "", nil, headers, "")
		l.end(now, Released{Cause: c})
	case unacked:
		// §15: no BYE before the ACK has come, or its time is over.
		l.serving.bye, l.serving.headers = true, headers
		l.end(now, Released{Cause: c})
	case up:
		d := l.dialog
		if d.ack == nil && d.ackSeq != 0 {
			l.sendAck(now, d, nil) // the offer in the 2xx gets no answer any more
		}
		l.bye(now, headers)
		l.end(now, Released{Cause: c})
	case ended:
	}
}

// uncancel forgets the CANCEL of an INVITE that has its final response.
func (l *Leg) uncancel(branch string) {
	l.clients = slices.DeleteFunc(l.clients, func(c *client) bool {
		return c.req.purpose == forCancel && c.branch == branch
	})
}

// withReason adds the Reason of c, unless the call has given one. RFC 3326 §2.
func withReason(c Cause, headers []Header) []Header {
	reason := c.Reason()
	if _, given := findHeader(headers, "Reason"); given || reason == "" {
		return headers
	}
	return append([]Header{{"Reason", reason}}, headers...)
}

// bye sends the BYE of this leg. Open INVITEs of the peer's end with it.
func (l *Leg) bye(now time.Time, headers []Header) {
	l.endInvites(now)
	l.request(now, &request{method: "BYE", dialog: l.dialog, headers: headers, purpose: forEnd})
}

// endInvites refuses what the peer has open. RFC 3261 §15.1.2.
func (l *Leg) endInvites(now time.Time) {
	for _, s := range l.servers {
		if !s.final() && (s.method == "INVITE" || s.method == "UPDATE" || s.method == "PRACK") {
			l.respond(now, s, 487, "", nil, nil, "")
		}
	}
}

// refusalStatus is the final response for a cause that may be of an answered
// call: a normal end before the answer is 480.
func refusalStatus(c Cause) int {
	if c.Status >= 300 && c.Status < 700 {
		return c.Status
	}
	if s := statusOf(c.Q850); c.Q850 != 0 && s >= 300 {
		return s
	}
	return 480
}

// sendCancel cancels the INVITE being tried. RFC 3261 §9.1: not before a
// provisional response, and then not for ever.
func (l *Leg) sendCancel(now time.Time, c *client) {
	if l.dial.cancelled {
		return
	}
	l.dial.cancelled = true
	l.dial.until = now.Add(64 * l.ua.cfg.T1)
	l.sendCancelOf(now, c)
}

// sendCancelOf cancels one INVITE: same branch, same CSeq, same URI and route.
func (l *Leg) sendCancelOf(now time.Time, invite *client) {
	o, ok := l.from(invite.flow)
	if !ok {
		return
	}
	r := &request{method: "CANCEL", dialog: invite.req.dialog, headers: l.dial.headers, purpose: forCancel}
	n := line{seq: invite.seq, branch: invite.branch, tag: r.dialog.tag}
	n.uri, n.routes = r.dialog.uri()
	c := &client{
		method: "CANCEL", branch: invite.branch, seq: invite.seq, flow: invite.flow, req: r, raw: l.write(r, o, n),
	}
	if l.post(now, c.flow, c.raw, c.branch) == nil {
		c.start(now, &l.ua.cfg)
		l.clients = append(l.clients, c)
	}
}

// receiveBye ends the leg from the peer's side. RFC 3261 §15.1.2.
func (l *Leg) receiveBye(now time.Time, s *server, d *dialog, r *sipmsg.Request) {
	switch {
	case l.phase == inviting: // in an early dialog only the caller may (§15)
		l.respond(now, s, 481, "", nil, nil, "")
		return
	case d != l.dialog: // one that lost, and that we end as well
		l.respond(now, s, 200, "", nil, nil, "")
		return
	}
	l.respond(now, s, 200, "", nil, nil, "")
	l.endInvites(now)
	// Our BYE may have crossed this one, and our 2xx needs no ACK any more.
	l.clients = slices.DeleteFunc(l.clients, func(c *client) bool { return c.req.purpose == forEnd })
	if i := l.serving.invite; i != nil && i.status < 300 {
		i.acked()
	}
	l.serving.bye = false
	cause, ok := ParseReason(join(values(r, "reason")))
	if !ok {
		cause = Normal()
	}
	if d := l.dialog; d != nil && d.ack == nil && d.ackSeq != 0 {
		l.sendAck(now, d, nil)
	}
	l.end(now, Released{Cause: cause, Remote: true, Headers: kept(r)})
}

// receiveCancel ends an INVITE that has no final response. RFC 3261 §9.2.
func (l *Leg) receiveCancel(now time.Time, r *sipmsg.Request, s *server) {
	i := slices.IndexFunc(l.servers, func(x *server) bool { return x.method == "INVITE" && x.key == s.key })
	if i < 0 {
		l.respond(now, s, 481, "", nil, nil, "")
		return
	}
	invite := l.servers[i]
	l.respond(now, s, 200, "", nil, nil, "")
	if invite.final() {
		return // too late: without effect
	}
	l.respond(now, invite, 487, "", nil, nil, "")
	if invite != l.serving.invite {
		l.offer.withdrawn(invite)
		return
	}
	cause := Refusal(487)
	if x, ok := ParseReason(join(values(r, "reason"))); ok {
		cause.Text = x.Text // "Call completed elsewhere" tells more than the status
		if x.Q850 != 0 {
			cause.Q850 = x.Q850
		}
	}
	l.end(now, Released{Cause: cause, Remote: true, Headers: kept(r)})
}

// neverAcked ends what waited for an ACK in vain. RFC 3261 §13.3.1.4: the
// session is ended by BYE; §17.2.1: a refusal is over.
func (l *Leg) neverAcked(now time.Time, s *server) {
	if s.status >= 300 {
		return
	}
	cause := Cause{Status: 408, Q850: 102, Text: "no ACK"}
	if l.released {
		if l.serving.bye {
			l.serving.bye = false
			l.bye(now, l.serving.headers)
		}
		return
	}
	l.phase = up
	l.release(now, cause, nil)
}

// broken ends a call whose dialog the peer does not have any more, or who does
// not answer within it. RFC 3261 §12.2.1.2.
func (l *Leg) broken(now time.Time, c Cause) {
	if l.released || l.phase != up {
		return
	}
	l.bye(now, withReason(c, nil))
	l.end(now, Released{Cause: c, Remote: c.Status == 481})
}

// join puts several values of one header into one. RFC 3261 §7.3.1.
func join(vs []string) string {
	return strings.Join(vs[:min(len(vs), 8)], ", ")
}

// reasonOf is the cause a response gives: its status and phrase, and the Q.850
// cause of its Reason, or the one that goes with the status. RFC 3326.
func reasonOf(r *sipmsg.Response, status int) Cause {
	c := Refusal(status)
	if r.Reason != "" {
		c.Text = r.Reason
	}
	if x, ok := ParseReason(join(values(r, "reason"))); ok && x.Q850 != 0 {
		c.Q850 = x.Q850
	}
	return c
}
