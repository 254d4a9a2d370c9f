package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/sip"
)

// A yield asks a call for the side that is joined to one of its legs: by a
// REFER with Replaces, or by an INVITE with it (RFC 3891). The one asked gives
// the side away and ends the leg that is replaced; the giver never touches the
// side again.
type yield struct {
	replaces sip.Replaces
	to       *Call
}

// giftTime is how long another call may take to give a side away.
const giftTime = 5 * time.Second

// find returns the call that is up with our id, or with a leg of that Call-ID;
// nil if there is none.
func (b *B2BUA) find(id string) *Call {
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.calls[id]; c != nil {
		return c
	}
	return b.legs[id]
}

// ask asks the call that has the dialog of a REFER's Replaces for its other
// side. It reports false if no call of ours has that dialog.
func (c *Call) ask(now time.Time, s, stay *side, e sip.Referred) bool {
	from := c.b2b.find(e.Replaces.CallID)
	if from == nil || from == c {
		return false
	}
	y := &yield{replaces: *e.Replaces, to: c}
	if !from.post(input{kind: inputYield, yield: y}) {
		s.leg.RefuseRefer(now, sip.Refusal(503))
		return true
	}
	s.leg.AcceptRefer(now)
	c.awaitBy = now.Add(giftTime)
	c.beginTransfer(now, &transfer{by: s, stay: stay, asked: true}, s.role(c), "the other call")
	return true
}

// replace begins a call whose INVITE takes the place of a leg.
func (c *Call) replace(now time.Time) {
	if !c.origin.cfg.Dialog.Replaces {
		c.refuse(now, sip.Refusal(403).WithText("Replaces is not allowed here"))
		return
	}
	if !c.begin(now) {
		return
	}
	from := c.b2b.find(c.in.Replaces.CallID)
	if from == nil || from == c || !from.post(input{kind: inputYield, yield: &yield{replaces: *c.in.Replaces, to: c}}) {
		c.refuse(now, sip.Refusal(481)) // RFC 3891 §3
		return
	}
	c.awaitBy = now.Add(giftTime)
	c.note(now, "INVITE takes the place of another leg")
}

// yield gives the side away that is joined to the leg asked for.
func (c *Call) yield(now time.Time, y *yield) {
	s := c.legOf(y.replaces)
	var o *side
	if s != nil {
		o = c.other(s)
	}
	if c.ending || o == nil || o.end == nil || !o.joined || y.replaces.EarlyOnly {
		y.to.post(input{kind: inputGift, yield: y})
		return
	}
	c.stopAlert()
	o.measure()
	left := &side{name: o.name, record: o.record, lost: true}
	left.owner.Store(c)
	o.end.Connect(nil)
	o.plug = plug{}
	c.sides = without(c.sides, o)
	o.owner.Store(y.to)
	if !y.to.post(input{kind: inputGift, side: o, yield: y}) {
		// It cannot take it; we still can.
		o.owner.Store(c)
		c.sides = append(c.sides, o)
		c.note(now, "side not given away: the other call is too busy")
		return
	}
	c.note(now, left.name+" given to call "+y.to.id)
	c.leave(o, left)
	c.end(now, sip.Normal().WithText("Replaced"), byGateway)
}

// leave puts what is left of a side that was given away in its place: its
// record, and nothing that is the new owner's.
func (c *Call) leave(given, left *side) {
	for _, p := range []**side{&c.a, &c.b, &c.caller, &c.callee} {
		if *p == given {
			*p = left
		}
	}
}

func without(list []*side, s *side) []*side {
	out := make([]*side, 0, len(list))
	for _, o := range list {
		if o != s {
			out = append(out, o)
		}
	}
	return out
}

// legOf returns the side whose dialog r names: the to-tag is ours (RFC 3891 §3).
func (c *Call) legOf(r sip.Replaces) *side {
	for _, s := range c.sides {
		if s.leg == nil || s.lost || s.leg.CallID() != r.CallID {
			continue
		}
		if local, remote := s.leg.Tags(); local == r.ToTag && remote == r.FromTag {
			return s
		}
	}
	return nil
}

// gift takes the side that another call gave away; nil says that it would not.
func (c *Call) gift(now time.Time, s *side) {
	c.awaitBy = time.Time{}
	if s == nil {
		c.notGiven(now)
		return
	}
	c.number++
	s.name = "B" + itoa(c.number)
	s.attempt = -1
	c.sides = append(c.sides, s)
	c.known(s)
	if c.ending {
		c.release(now, s, sip.Normal())
		s.close(now)
		return
	}
	c.note(now, s.name+" taken from another call")
	if t := c.transfer; t != nil {
		c.transferAnswered(now, t, s)
		return
	}
	c.join(now, s, nil)
}

// notGiven ends what waited for a side that nobody gives.
func (c *Call) notGiven(now time.Time) {
	c.awaitBy = time.Time{}
	switch {
	case c.ending:
	case c.transfer != nil:
		c.transferFailed(now, c.transfer, sip.Refusal(481))
	default:
		c.refuse(now, sip.Refusal(481))
	}
}
