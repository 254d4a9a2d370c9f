package sbc

import (
	"slices"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
)

// offered answers an offer in a re-INVITE, UPDATE or PRACK. It is answered here
// and at once: addresses and keys are a side's own affair, a codec that the
// other side does not have is recoded, and whoever is put on hold is told by an
// offer of ours (align). So neither side waits for the other, and an offer of
// both at one time is never a glare between them.
//
// RFC 3264 §8; RFC 3261 §14.2.
func (c *Call) offered(now time.Time, s *side, e sip.Offered) {
	if c.ending || s.lost || s.end == nil {
		s.leg.Refuse(now, sip.Refusal(481))
		return
	}
	dialog := e.Dialog
	if s.joined || !s.called {
		dialog = s.dialog
	}
	if len(e.Body) == 0 {
		body := s.propose(c.wish(s), c.codecsFor(s)...)
		s.offering = true
		s.leg.Accept(now, body)
		return
	}
	if !isSDP(e.ContentType) {
		s.leg.Refuse(now, sip.Refusal(415))
		return
	}
	body, changed, err := s.respond(dialog, e.Body, c.wish(s), c.codecsFor(s)...)
	if err != nil {
		// The session stays as it was (RFC 3261 §14.2).
		c.note(now, s.name+": offer refused: "+err.Error())
		s.leg.Refuse(now, refusalOf(err), warning(err))
		return
	}
	s.leg.Accept(now, body)
	if changed {
		c.applied(now, s, dialog)
		c.watchHold(now, s)
		c.follow(now, s)
	}
}

// follow offers the other side the codec that s has gone over to, where the trunk
// of the other wants that and it has named the codec itself. It is asked once; if
// it will not, audio is recoded.
func (c *Call) follow(now time.Time, s *side) {
	o := c.other(s)
	if !s.joined || o == nil || !o.trunk.cfg.Media.FollowCodec || !o.joined || o.wantsSDP || o.offering || o.end == nil {
		return
	}
	a, _ := s.current()
	if b, ok := o.current(); !ok || b.Send.Codec.Same(a.Send.Codec) || !o.named(a.Send.Codec) {
		return
	}
	o.offering = true
	o.leg.Offer(now, o.propose(c.wish(o), a.Send.Codec))
	c.note(now, o.name+" is offered "+codecName(a.Send.Codec))
}

// recvInfo announces to the caller that we take his candidates by INFO: where he
// trickles them, and speaks of that package himself (RFC 8840 §4.1.1, RFC 6086
// §5.2).
func (c *Call) recvInfo(headers []sip.Header) []sip.Header {
	a, ok := c.a.current()
	if !ok || !a.ICE.Trickles || !slices.Contains(listed(c.in.Headers, "Recv-Info", maxPackages), sdp.PackageTrickle) {
		return headers
	}
	return append(slices.Clip(headers), sip.Header{Name: "Recv-Info", Value: sdp.PackageTrickle})
}

// maxPackages bounds the INFO packages that are read of a message.
const maxPackages = 16

// trickled takes candidates that a far end sends after its description.
func (c *Call) trickled(now time.Time, s *side, e sip.Informed) {
	dialog := e.Dialog
	if s.joined || !s.called {
		dialog = s.dialog
	}
	changed, err := s.trickle(dialog, e.Body)
	switch {
	case err != nil:
		c.note(now, s.name+": candidates not usable: "+err.Error())
	case changed && s.end != nil:
		a, _ := s.agreed(dialog)
		s.end.Trickle(now, dialog, &a.ICE)
	}
}

// offerAnswered takes the answer to an offer of ours within a call.
func (c *Call) offerAnswered(now time.Time, s *side, e sip.OfferAnswered) {
	s.offering = false
	if c.ending || s.lost || s.end == nil {
		return
	}
	if e.Cause.Status >= 300 {
		// What was agreed before goes on; it is not asked for again until
		// something else changes.
		s.offer = nil
		c.note(now, s.name+": our offer was refused: "+e.Cause.Error())
		return
	}
	if e.Delayed {
		body, _, err := s.respond(s.dialog, e.Body, c.wish(s), c.codecsFor(s)...)
		if err != nil {
			c.note(now, s.name+": offer not usable: "+err.Error())
			return
		}
		s.leg.Ack(now, body)
		c.applied(now, s, s.dialog)
		return
	}
	changed, err := s.accept(s.dialog, e.Body)
	if err != nil {
		c.note(now, s.name+": answer not usable: "+err.Error())
		return
	}
	if changed {
		c.applied(now, s, s.dialog)
		c.watchHold(now, s)
	}
}

// wish is which ways audio may go with a side: what the one it is joined to
// lets through.
func (c *Call) wish(s *side) sdp.Direction {
	o := c.other(s)
	if o == nil || c.built != nil {
		return sdp.SendRecv
	}
	wish := o.lets().Reverse()
	if s == c.search.stays() && c.alerted() && !wish.Sends() {
		return sdp.SendRecv // it is held in silence, and would not hear the ringing
	}
	return wish
}

// codecsFor is what a side should use, so that nothing need be recoded.
func (c *Call) codecsFor(s *side) []codec.Params {
	if o := c.other(s); o != nil {
		if used := o.uses(); used != nil {
			return used
		}
	}
	return s.uses()
}

// align tells a side what the other wants of it: that it is held, or no longer;
// and what we want: other keys.
// How a hold is written is the trunk's affair (RFC 3264 §8.4, or inactive).
func (c *Call) align(now time.Time) {
	if c.b == nil || c.built != nil {
		return
	}
	for _, s := range [...]*side{c.a, c.b} {
		if s == nil || s.end == nil || !s.joined || s.wantsSDP || s.offering {
			continue
		}
		want := c.wish(s)
		if !s.worn && want.Within(s.lets()) == s.asked.Within(s.lets()) {
			continue // it holds itself: there is nothing to tell until it resumes
		}
		if s.worn {
			s.rekey(now)
		}
		s.offering = true
		body := s.propose(want, c.codecsFor(s)...)
		s.leg.Offer(now, body)
		c.note(now, s.name+" is offered "+want.String())
	}
}

// watchHold notes whether one side holds the other.
func (c *Call) watchHold(now time.Time, s *side) {
	held := s.lets() != sdp.SendRecv
	if o := c.other(s); o != nil {
		held = held || o.lets() != sdp.SendRecv
	}
	if held == c.held {
		return
	}
	c.held = held
	if held {
		c.note(now, "held by "+s.name)
	} else {
		c.note(now, "resumed by "+s.name)
	}
}
