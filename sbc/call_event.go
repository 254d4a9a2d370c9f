package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
)

// event lets the call take one event of a leg.
func (c *Call) event(now time.Time, s *side, e sip.Event) {
	switch e := e.(type) {
	case sip.Progressed:
		told := len(c.unpracked)
		c.progressed(now, s, e)
		c.acknowledge(now, s, e, len(c.unpracked) > told)
	case sip.Answered:
		c.answered(now, s, e)
	case sip.Confirmed:
		c.confirmed(now, s, e.Body)
	case sip.Pracked:
		c.confirmed(now, s, e.Body)
		c.pracked(now, s)
	case sip.Offered:
		c.offered(now, s, e)
	case sip.OfferAnswered:
		c.offerAnswered(now, s, e)
	case sip.Informed:
		c.informed(now, s, e)
	case sip.Referred:
		c.referred(now, s, e)
	case sip.ReferAnswered:
		c.referAnswered(now, s, e)
	case sip.Notified:
		c.notified(now, s, e)
	case sip.Redirected:
		c.redirected(now, s, e)
	case sip.TargetFailed:
		c.targetFailed(now, s, e)
	case sip.DialogEnded:
		c.dialogEnded(now, s, e.Dialog)
	case sip.Released:
		c.released(now, s, e)
	case sip.InfoAnswered:
		// A digit the far side did not want is lost; there is no other way to it.
	}
}

// released takes the end of a leg.
func (c *Call) released(now time.Time, s *side, e sip.Released) {
	if c.ending || s.lost {
		s.lost = true
		return
	}
	switch {
	case s != c.a && s != c.b:
		s.refused, s.refusal = e.Remote, e.Headers
		if s.trunk.Unproved(now, e.Err); e.Remote {
			s.trunk.Proved()
		}
		c.failed(now, s, e.Cause, e.RetryAfter)
	case c.transferred(now, s):
		// The transferor has left; the others are joined, or about to be.
	case s == c.a:
		c.left(now, s, e)
		c.end(now, e.Cause, who(e, byCaller))
	default:
		c.left(now, s, e)
		c.end(now, e.Cause, who(e, byCalled))
	}
}

// left ends the other side of one that hung up, with those headers of its BYE
// that pass.
func (c *Call) left(now time.Time, s *side, e sip.Released) {
	if o := c.other(s); o != nil && o.joined && e.Remote {
		c.release(now, o, ended(o, e.Cause), o.trunk.Pass(e.Headers)...)
	}
}

// who says who ended a call by the end of a leg.
func who(e sip.Released, side string) string {
	if e.Remote {
		return side
	}
	return byGateway
}

// confirmed takes an ACK or PRACK, which may have the answer to our offer.
func (c *Call) confirmed(now time.Time, s *side, body []byte) {
	if !s.wantsSDP || len(body) == 0 {
		return
	}
	s.wantsSDP = false
	if _, err := s.accept(s.dialog, body); err != nil {
		c.note(now, s.name+" sent an answer that cannot be used: "+err.Error())
		c.end(now, refusalOf(err), byGateway)
		return
	}
	c.applied(now, s, s.dialog)
}

// applied gives what was agreed in a dialog to the media.
func (c *Call) applied(now time.Time, s *side, dialog string) {
	a, ok := s.agreed(dialog)
	if !ok {
		return
	}
	if err := s.apply(now, dialog); err != nil {
		c.note(now, s.name+": media not applied: "+err.Error())
		c.log.Warn("media not applied", "leg", s.name, "err", err)
		return
	}
	c.events.add(Event{
		At: now, Kind: KindCodec, Leg: s.name, Dialog: dialog,
		Text: codecName(a.Send.Codec) + " " + a.Direction.String(),
	})
}

// refusalOf is the cause for a session description that came to nothing.
func refusalOf(err error) sip.Cause {
	code, text := sdp.Warning(err)
	if code == 307 { // the description itself is bad
		return sip.Refusal(400).WithText(text)
	}
	return sip.Refusal(488).WithText(text)
}

// warning is the Warning header for it (RFC 3261 §20.43). Its agent is a
// pseudonym, so that no address of ours is told.
func warning(err error) sip.Header {
	code, text := sdp.Warning(err)
	return sip.Header{Name: "Warning", Value: itoa(code) + ` tandem "` + text + `"`}
}

// notice takes what the media of a side tells.
func (c *Call) notice(now time.Time, s *side, n media.Notice) {
	if c.ending || s.lost {
		return
	}
	switch n.Kind {
	case media.NoticeFirstMedia:
		c.firstMedia(now, s, n)
	case media.NoticeDialogLatched:
		c.dialogLatched(now, s, n)
	case media.NoticeDigit:
		c.digit(now, s, n)
	case media.NoticeSilent:
		c.silent(now, s)
	case media.NoticeCodec:
		s.hears = n.Codec
		c.events.add(Event{At: n.At, Kind: KindCodec, Leg: s.name, Dialog: n.Dialog, Text: "sends " + codecName(n.Codec)})
	case media.NoticeKeyWorn:
		c.told(n, s)
		s.wears(now)
	case media.NoticePathLatched, media.NoticeDialogReleased, media.NoticeDialogMuted, media.NoticeRejected,
		media.NoticeSecured, media.NoticeUnsecured:
		c.told(n, s)
	}
}

// told puts a decision of the media on the timeline and in the record.
func (c *Call) told(n media.Notice, s *side) {
	text := n.Kind.String()
	if n.Addr.IsValid() {
		text += " " + n.Addr.String()
	}
	if n.Reason != "" {
		text += ": " + n.Reason
	}
	c.events.add(Event{At: n.At, Kind: KindLatch, Leg: s.name, Dialog: n.Dialog, Text: text})
	s.latch(LatchRecord{At: n.At, Dialog: n.Dialog, Addr: address(n.Addr), Reason: n.Reason})
}

// firstMedia notes that packets of a far end arrive.
func (c *Call) firstMedia(now time.Time, s *side, n media.Notice) {
	c.events.add(Event{At: n.At, Kind: KindMedia, Leg: s.name, Dialog: n.Dialog, Text: "first media from " + address(n.Addr)})
	if s == c.a {
		return
	}
	if c.record.FirstMedia.IsZero() {
		c.record.FirstMedia = n.At
	}
	s.latched = true
	c.early(now, s)
}

// dialogLatched notes which of a side's early dialogs is heard.
func (c *Call) dialogLatched(now time.Time, s *side, n media.Notice) {
	c.told(n, s)
	if s.joined {
		return
	}
	s.dialog = n.Dialog
	s.latched = true
	c.early(now, s)
}

// silent ends the call when neither side is heard any more. Hold is not
// silence; the media knows.
func (c *Call) silent(now time.Time, s *side) {
	limit := c.b2b.silence
	o := c.other(s)
	if limit <= 0 || c.b == nil || o == nil || s.end == nil || o.end == nil {
		return
	}
	c.events.add(Event{At: now, Kind: KindMedia, Leg: s.name, Text: "silent"})
	if s.end.Quiet(now) < limit || o.end.Quiet(now) < limit {
		return
	}
	c.note(now, "ended: both sides are silent")
	c.end(now, sip.Cause{Status: 408, Q850: 102, Text: "No media from either side"}, byGateway)
}
