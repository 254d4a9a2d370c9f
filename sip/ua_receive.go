package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// Receive takes a message from the transport. See transport.Receiver.
func (u *UA) Receive(now time.Time, in transport.Inbound) {
	switch m := in.Msg.(type) {
	case *sipmsg.Request:
		u.request(now, m, in)
	case *sipmsg.Response:
		u.response(now, m, in)
	}
}

// Failed takes the news that a message could not be delivered.
func (u *UA) Failed(now time.Time, f transport.Failure) {
	es := u.table.all(f.CallID)
	if len(es) == 0 {
		u.counters.add(countFailedStray)
	}
	for _, e := range es {
		e.deliver(Message{to: e, fail: &f})
	}
}

// response finds the leg by Call-ID and our tag, which stands in From.
// RFC 3261 §17.1.3, §18.1.2.
func (u *UA) response(now time.Time, r *sipmsg.Response, in transport.Inbound) {
	if !complete(r) {
		u.counters.add(countStrayResponse)
		return
	}
	callID := string(*r.CallID())
	tag, _ := r.From().Params.Get("tag")
	if e := u.table.byTag(callID, tag); e != nil {
		if !e.deliver(Message{to: e, in: &in}) {
			u.counters.add(countInboxFull) // it will come again
		}
		return
	}
	if r.CSeq().MethodName == sipmsg.INVITE {
		if m, ok := u.remnants.get(u.remnants.key(callID, tag, "invited")); ok {
			u.late(now, r, in.Flow, m)
			return
		}
	}
	u.counters.add(countStrayResponse)
}

// request sorts requests: those of a leg go to it, the rest is answered here.
func (u *UA) request(now time.Time, r *sipmsg.Request, in transport.Inbound) {
	if !complete(r) {
		u.counters.add(countRefused)
		return
	}
	h := u.served()
	callID := string(*r.CallID())
	if tag, ok := r.To().Params.Get("tag"); ok && tag != "" {
		u.inDialog(now, h, r, in, u.table.byTag(callID, tag))
		return
	}
	key := requestKey(r)
	switch r.Method {
	case sipmsg.INVITE:
		u.invite(now, h, r, in, key)
	case sipmsg.CANCEL:
		// §9.2: the branch names the INVITE.
		e := u.table.find(callID, func(e *entry) bool { return e.uas && e.key == key })
		u.inDialog(now, h, r, in, e)
	case sipmsg.ACK:
		u.counters.add(countStrayACK)
	default:
		u.outside(now, h, r, in)
	}
}

// inDialog hands a request to its leg, if it has one and may.
func (u *UA) inDialog(now time.Time, h Handler, r *sipmsg.Request, in transport.Inbound, e *entry) {
	if e != nil && !e.from(in.Flow, h) {
		u.counters.add(countWrongSource)
		e = nil // whoever it is learns nothing: as if there were no such dialog
	}
	if e != nil {
		if u.give(now, Message{to: e, in: &in}) {
			return
		}
		u.counters.add(countInboxFull)
		if r.Method != sipmsg.ACK && !e.early() {
			u.refuse(now, r, in, 503, Header{"Retry-After", secs(u.cfg.RetryAfter)})
		}
		return
	}
	callID, key := string(*r.CallID()), requestKey(r)
	if m, ok := u.remnants.get(u.remnants.key(callID, key, string(r.Method))); ok {
		u.counters.add(countRepeated)
		if m.raw != nil {
			_ = u.send(now, in.Reply, m.raw, callID, key)
		}
		return
	}
	if r.Method == sipmsg.ACK {
		u.counters.add(countStrayACK)
		return
	}
	if _, ok := u.known(now, h, r, in); ok {
		u.counters.add(countNoDialog)
		u.refuse(now, r, in, 481)
	}
}

// give hands a message to whoever has the leg.
func (u *UA) give(now time.Time, m Message) bool {
	if m.to.refused.Load() {
		u.refusals.receive(now, m)
		return true
	}
	return m.to.deliver(m)
}

// served returns the Handler, nil while there is none.
func (u *UA) served() Handler {
	if h := u.handler.Load(); h != nil {
		return *h
	}
	return nil
}

// known says who sent r. To a stranger it gives the one answer that strangers
// get, whatever they sent.
func (u *UA) known(now time.Time, h Handler, r *sipmsg.Request, in transport.Inbound) (Peer, bool) {
	if h != nil {
		if p, ok := h.Peer(in.Flow); ok {
			return p, true
		}
	}
	u.counters.add(countStranger)
	if h != nil && u.cfg.Strangers == StrangersRefuse && r.Method != sipmsg.ACK {
		u.reply(now, r, in, 403, nil)
	}
	return Peer{}, false
}

// complete reports whether a message has what the rest of the package reads
// without asking. The transport lets nothing else through; one check more is
// cheap where a missing header would be a nil pointer.
func complete(m sipmsg.Message) bool {
	return m.CallID() != nil && m.From() != nil && m.To() != nil && m.CSeq() != nil && m.Via() != nil
}
