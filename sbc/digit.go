package sbc

import (
	"strings"
	"time"

	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
)

// digitsWaiting bounds the digits that wait for somebody to be sent to.
const digitsWaiting = 32

// digit takes a digit that the media of a side received. Where both sides speak
// telephone events it has gone on already, packet by packet.
func (c *Call) digit(now time.Time, s *side, n media.Notice) {
	if c.built != nil && !c.built.hears(now, n.Press.Digit, n.Source) {
		return
	}
	passed := false
	if o := c.other(s); o != nil && s.plug.to != nil {
		passed = n.Source == media.FromEvents && digitKind(o.trunk.cfg.Media.DTMF) == media.DigitsEvent
	}
	c.carry(now, s, n.Press, passed)
}

// informed takes a digit that came by INFO, or candidates.
func (c *Call) informed(now time.Time, s *side, e sip.Informed) {
	if c.ending || s.lost {
		return
	}
	if kind, _, _ := strings.Cut(e.ContentType, ";"); strings.EqualFold(strings.TrimSpace(kind), sdp.TypeFragment) {
		c.trickled(now, s, e)
		return
	}
	p, err := dtmf.ParseInfo(e.ContentType, e.Body)
	if err != nil {
		c.note(now, s.name+": INFO without a digit")
		return
	}
	if c.built != nil && !c.built.hears(now, p.Digit, fromINFO) {
		return
	}
	c.carry(now, s, p, false)
}

// carry brings a digit to the other side, unless it has passed already.
func (c *Call) carry(now time.Time, s *side, p dtmf.Press, passed bool) {
	x, y := c.pair()
	if s != x && s != y {
		return // nobody listens to this side now
	}
	c.record.Digits++
	c.events.add(Event{At: now, Kind: KindDigit, Leg: s.name, Text: "digit " + p.Duration.String()})
	if passed {
		return
	}
	if c.built != nil {
		c.press(now, p)
		return
	}
	o := x
	if s == x {
		o = y
	}
	if o == nil || o.end == nil {
		if s == c.a && c.b == nil && len(c.waiting) < digitsWaiting {
			c.waiting = append(c.waiting, p)
			return
		}
		c.b2b.count.digitsLost.Add(1)
		return
	}
	c.send(now, o, p)
}

// send gives a side a digit in the way its trunk takes digits.
func (c *Call) send(now time.Time, o *side, p dtmf.Press) {
	kind := ""
	switch o.trunk.cfg.Media.DTMF {
	case DTMFInfoRelay:
		kind = dtmf.InfoRelay
	case DTMFInfo:
		kind = dtmf.InfoPlain
	case DTMFEvents, DTMFInband:
		if !o.end.SendDigit(now, p) {
			c.b2b.count.digitsLost.Add(1)
			c.note(now, o.name+": digit not sent")
		}
		return
	}
	dialog := ""
	if !o.joined {
		dialog = o.dialog
	}
	o.leg.Info(now, dialog, kind, dtmf.AppendInfo(nil, kind, p))
}

// apiDigit is how long a digit of the operator is held.
const apiDigit = 100 * time.Millisecond

// digitsByAPI sends digits of the operator to one side.
func (c *Call) digitsByAPI(now time.Time, digits []dtmf.Digit, side string) {
	o := c.a
	if side == byCalled {
		o = c.other(c.a)
	}
	if o == nil || o.end == nil || c.ending {
		c.b2b.count.digitsLost.Add(uint64(len(digits)))
		c.note(now, "digits of the operator: there is nobody to send them to")
		return
	}
	c.note(now, itoa(len(digits))+" digits of the operator to "+o.name)
	for _, d := range digits {
		c.send(now, o, dtmf.Press{Digit: d, Duration: apiDigit})
	}
}

// flushDigits sends the digits that came before there was anybody to hear them.
func (c *Call) flushDigits(now time.Time) {
	o := c.other(c.a)
	if len(c.waiting) == 0 || o == nil || o.end == nil {
		return
	}
	if _, ok := o.current(); !ok {
		return
	}
	for _, p := range c.waiting {
		c.send(now, o, p)
	}
	c.waiting = nil
}
