package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
)

// progressed takes a provisional response of a target.
func (c *Call) progressed(now time.Time, s *side, e sip.Progressed) {
	if c.ending || s.lost || s.joined || c.search == nil {
		return
	}
	s.trunk.Proved()
	if e.Status == 100 {
		if c.record.Trying.IsZero() {
			c.record.Trying = now
		}
		return
	}
	if e.Status >= 180 && e.Status != 182 && c.record.Ringing.IsZero() {
		c.record.Ringing = now
	}
	agreed := c.progressSDP(now, s, e)
	if s.lost || c.search == nil {
		return
	}
	q := c.search
	if t := q.transfer; t != nil && t.by != nil {
		t.by.leg.Notify(now, e.Status, e.Reason)
	}
	if agreed {
		c.early(now, s)
	}
	c.say(now, s, q.ringing.progressed(s.trunk.cfg.Ringback.Policy, e.Status, agreed), c.origin.Pass(e.Headers))
}

// progressSDP takes the session description of a provisional response and
// reports whether the early dialog has media.
func (c *Call) progressSDP(now time.Time, s *side, e sip.Progressed) bool {
	if len(e.Body) == 0 || !isSDP(e.ContentType) {
		return false
	}
	if s.dialog == "" {
		s.dialog = e.Dialog
	}
	var err error
	if e.Delayed {
		if !e.Reliable {
			return false // an offer that cannot be answered before the 200 (RFC 3262 §5)
		}
		var body []byte
		if body, _, err = s.respond(e.Dialog, e.Body, sdp.SendRecv, c.callerCodecs()...); err == nil {
			s.leg.Prack(now, e.Dialog, body)
		}
	} else {
		_, err = s.accept(e.Dialog, e.Body)
	}
	if err != nil {
		// This fork is of no use; another may be.
		c.note(now, s.name+": early session not usable: "+err.Error())
		s.exchange.drop(e.Dialog)
		return false
	}
	c.applied(now, s, e.Dialog)
	return true
}

// callerCodecs are what the caller uses, or offered.
func (c *Call) callerCodecs() []codec.Params {
	if used := c.a.uses(); used != nil {
		return used
	}
	return c.wanted
}

// dialogEnded takes the end of an early dialog: a fork that was refused or is
// not wanted. Its media goes with it.
func (c *Call) dialogEnded(now time.Time, s *side, dialog string) {
	c.events.add(Event{At: now, Kind: KindNote, Leg: s.name, Dialog: dialog, Text: "early dialog ended"})
	s.exchange.drop(dialog)
	if s.end != nil {
		s.end.End(now, dialog)
	}
	if s.dialog == dialog && !s.joined {
		s.dialog = ""
		if len(s.talks) > 0 {
			s.dialog = s.talks[len(s.talks)-1].dialog
		}
		s.latched = false
	}
}

// answered joins the caller to the target that took the call.
func (c *Call) answered(now time.Time, s *side, e sip.Answered) {
	if c.ending || s.lost || c.search == nil {
		c.release(now, s, sip.Normal())
		return
	}
	s.trunk.Proved()
	if err := c.answerSDP(now, s, e); err != nil {
		c.note(now, s.name+" answered with what cannot be used: "+err.Error())
		c.failed(now, s, refusalOf(err), 0)
		return
	}
	s.joined = true
	s.ringBy = time.Time{}
	c.plan.Limits.Answered(now, s.seat)
	c.record.Targets[s.attempt].Status = 200
	q := c.search
	c.search = nil
	q.remove(s)
	for len(q.sides) > 0 {
		o := q.sides[0]
		q.remove(o)
		c.cancel(now, o, "Call completed elsewhere")
	}
	if q.transfer != nil {
		c.transferAnswered(now, q.transfer, s)
		return
	}
	c.join(now, s, c.origin.Pass(e.Headers))
}

// answerSDP takes the session description of a 200.
func (c *Call) answerSDP(now time.Time, s *side, e sip.Answered) error {
	s.dialog = e.Dialog
	if e.Delayed {
		body, _, err := s.respond(e.Dialog, e.Body, c.a.lets().Reverse(), c.callerCodecs()...)
		if err != nil {
			return err
		}
		s.leg.Ack(now, body)
	} else {
		body := e.Body
		if !isSDP(e.ContentType) {
			body = nil
		}
		if _, err := s.accept(e.Dialog, body); err != nil {
			return err
		}
	}
	s.keep(e.Dialog)
	c.applied(now, s, e.Dialog)
	s.end.Select(now, e.Dialog)
	return nil
}

// join answers the caller, now that somebody has taken the call.
func (c *Call) join(now time.Time, s *side, headers []sip.Header) {
	body, err := c.answerBody(now, s.uses()...)
	if err != nil {
		c.end(now, refusalOf(err), byGateway)
		return
	}
	c.b = s
	if c.callee == nil {
		c.callee = s
	}
	c.record.Answered = now
	if max := c.config.MaxDuration; max > 0 {
		c.maxEnd = now.Add(max)
	}
	c.answerCaller(now, body, headers)
	c.b2b.note(c.record)
	c.log.Info("call answered", "leg", s.name, "trunk", s.trunk.Name())
}

// answerCaller sends the caller the 200.
func (c *Call) answerCaller(now time.Time, body []byte, headers []sip.Header) {
	c.a.joined = true
	if len(c.in.Body) == 0 && !c.a.wantsSDP {
		body = nil // our offer was answered in a PRACK; in the 200 it would be another (RFC 3262 §5)
	}
	c.a.leg.Answer(now, body, sip.Extra{Headers: c.recvInfo(headers)})
	c.a.end.Select(now, c.a.dialog)
}

// targetFailed notes that one address of a target was given up.
func (c *Call) targetFailed(now time.Time, s *side, e sip.TargetFailed) {
	c.events.add(Event{
		At: now, Kind: KindNote, Leg: s.name,
		Text: e.Target.Addr.String() + " given up: " + e.Cause.Error(),
	})
	s.trunk.Unproved(now, e.Err)
}
