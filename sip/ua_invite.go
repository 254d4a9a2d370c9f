package sip

import (
	"errors"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// invite takes an INVITE without a To tag: one that comes again, or a new call.
func (u *UA) invite(now time.Time, h Handler, r *sipmsg.Request, in transport.Inbound, key string) {
	callID := string(*r.CallID())
	from, _ := r.From().Params.Get("tag")
	seq := r.CSeq().SeqNo
	if e := u.table.find(callID, func(e *entry) bool {
		return e.uas && (e.key == key || e.remoteTag == from && e.seq == seq) || !e.uas && e.tag == from
	}); e != nil {
		switch {
		case e.uas && e.key == key:
			u.counters.add(countRepeated)
			u.give(now, Message{to: e, in: &in})
			return
		case !e.from(in.Flow, h) && e.uas:
			// a stranger with a Call-ID it has seen; below it gets what strangers get
		case e.uas:
			u.counters.add(countMerged) // §8.2.2.2: came by two ways
			u.refuse(now, r, in, 482)
			return
		default:
			if _, ok := u.known(now, h, r, in); ok {
				u.counters.add(countLoop) // our own INVITE has come back
				u.refuse(now, r, in, 482)
			}
			return
		}
	}
	if _, ok := u.remnants.get(u.remnants.key(callID, key, "INVITE")); ok {
		u.counters.add(countRepeated) // RFC 6026: absorbed after its call is over
		return
	}
	p, ok := u.known(now, h, r, in)
	if !ok {
		return
	}
	u.counters.add(countInvite)
	user, ok := u.login(now, p.Login, r, in) // §8.2: first of all
	if !ok {
		return
	}
	if status, headers := u.admit(r, &p.Leg); status != 0 {
		u.refuse(now, r, in, status, headers...)
		return
	}
	u.newCall(now, h, r, in, key, p, user)
}

// newCall makes the leg and offers it to the Handler.
func (u *UA) newCall(now time.Time, h Handler, r *sipmsg.Request, in transport.Inbound, key string, p Peer, user string) {
	invite, err := readInvite(r, in, p.Name)
	if err != nil {
		u.refuseWith(now, r, in, causeOf(err))
		return
	}
	invite.User = user
	from, _ := r.From().Params.Get("tag")
	e := &entry{
		callID: invite.CallID, tag: token(), peer: p.Name, uas: true,
		remoteTag: from, key: key, seq: r.CSeq().SeqNo,
	}
	e.moved(in.Flow.Remote.Addr())
	l := newLeg(u, p.Leg, e)
	l.serve(now, r, in)
	if !u.table.add(e) {
		u.counters.add(countTableFull)
		u.refuse(now, r, in, 503, Header{"Retry-After", secs(u.cfg.RetryAfter)})
		return
	}
	// 100 before the Handler has the leg: afterwards it is another goroutine's.
	// RFC 3261 §17.2.1.
	l.trying(now)
	post, err := h.Serve(now, l, invite)
	if err != nil {
		u.refusals.take(now, l, causeOf(err))
		return
	}
	e.post.Store(&post)
}

// admit looks at a new INVITE as RFC 3261 §8.2 says, in its order. A status
// other than 0 refuses it.
func (u *UA) admit(r *sipmsg.Request, c *LegConfig) (int, []Header) {
	switch {
	case u.draining.Load():
		u.counters.add(countDraining)
		return 503, []Header{{"Retry-After", secs(u.cfg.RetryAfter)}}
	case r.MaxForwards() != nil && *r.MaxForwards() == 0:
		u.counters.add(countHops)
		return 483, nil
	case r.Recipient.Scheme != "sip" && r.Recipient.Scheme != "sips" && r.Recipient.Scheme != "tel":
		return 416, nil
	}
	if no := unsupported(r, c); len(no) > 0 {
		return 420, no
	}
	if c.Reliable == ReliableRequired && !lists(r, "supported", "100rel") && !lists(r, "require", "100rel") {
		return 421, []Header{{"Require", "100rel"}}
	}
	if v, ok := value(r, "content-encoding"); ok && v != "identity" {
		return 415, []Header{{"Accept-Encoding", "identity"}}
	}
	return u.admitSession(r, c)
}

// admitSession refuses a session interval that is too short for us.
// RFC 4028 §9.
func (u *UA) admitSession(r *sipmsg.Request, c *LegConfig) (int, []Header) {
	v, ok := value(r, "session-expires")
	if !ok || c.Session.Mode == SessionOff {
		return 0, nil
	}
	se, err := parseSessionExpires(v)
	if err != nil {
		return 400, nil
	}
	// Only who says that it knows 422 can do something about it.
	if least := c.Session.least(); se.interval < least && lists(r, "supported", "timer") {
		return 422, []Header{{"Min-SE", secs(least)}}
	}
	return 0, nil
}

// unsupported returns Unsupported headers for the option tags in Require that
// we do not know. RFC 3261 §8.2.2.3.
func unsupported(r *sipmsg.Request, c *LegConfig) []Header {
	var no []Header
	for _, t := range tags(r, "require") {
		ok := false
		switch t {
		case "100rel":
			ok = c.Reliable != ReliableOff
		case "timer":
			ok = c.Session.Mode != SessionOff
		case "replaces":
			ok = c.Replaces
		case "norefersub", "histinfo":
			ok = true
		}
		if !ok && isToken(t) {
			no = append(no, Header{"Unsupported", t})
		} else if !ok {
			no = append(no, Header{"Unsupported", "invalid"})
		}
	}
	return no
}

// causeOf is what a refusal by the Handler means on the wire.
func causeOf(err error) Cause {
	if c, ok := errors.AsType[Cause](err); ok && c.Status >= 300 {
		return c
	}
	return Refusal(500)
}
