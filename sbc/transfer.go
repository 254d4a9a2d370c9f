package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/sip"
)

// A transfer is a part of the call that is being handed to somebody else. The
// side that stays is joined to the target; the one that asked for it leaves.
//
// RFC 3515, RFC 5589; RFC 3891 for the attended form.
type transfer struct {
	by    *side // who leaves; nil once it has
	stay  *side
	asked bool // by REFER, so that by is told how it goes
	at    int  // its place in the record's transfers
}

// referred takes a REFER.
func (c *Call) referred(now time.Time, s *side, e sip.Referred) {
	stay := c.other(s)
	switch {
	case c.ending || s.lost || c.b == nil || stay == nil || !stay.joined:
		s.leg.RefuseRefer(now, sip.Refusal(481))
		return
	case c.transfer != nil || c.passing != nil:
		s.leg.RefuseRefer(now, sip.Refusal(491))
		return
	case c.depth >= c.config.Depth:
		c.b2b.count.tooDeep.Add(1)
		c.note(now, "transfer refused: too many")
		s.leg.RefuseRefer(now, sip.Refusal(603).WithText("Too many transfers"))
		return
	}
	switch s.trunk.cfg.Dialog.Refer {
	case ReferRefuse:
		s.leg.RefuseRefer(now, sip.Refusal(603))
	case ReferPass:
		// Only we can join two dialogs that are both ours.
		if e.Replaces == nil || !c.ask(now, s, stay, e) {
			c.passRefer(now, s, stay, e)
		}
	case ReferLocal, ReferReturn:
		c.refer(now, s, stay, e)
	}
}

// refer does what a REFER asks for.
func (c *Call) refer(now time.Time, s, stay *side, e sip.Referred) {
	if e.Replaces != nil && c.ask(now, s, stay, e) {
		return
	}
	number, _, named := userOf(e.Target.URI)
	plan, err := c.returnTo(s.trunk, stay, e.Target.URI), error(nil)
	if named && s.trunk.cfg.Dialog.Refer != ReferReturn {
		plan, err = c.planFor(now, s.trunk, stay, number)
	}
	if err != nil {
		s.leg.RefuseRefer(now, planCause(err))
		return
	}
	s.leg.AcceptRefer(now)
	c.beginTransfer(now, &transfer{by: s, stay: stay, asked: true}, s.role(c), number)
	c.search = newSearch(now, plan, c.config.Forks)
	c.search.transfer = c.transfer
	c.search.referredBy, c.search.referrer, c.search.embedded = e.ReferredBy, s.trunk, e.Embedded
	c.search.replaces = e.Replaces // a dialog that is not ours: the target knows it
	c.next(now)
}

// transferByAPI hands one side to another number.
func (c *Call) transferByAPI(now time.Time, number, stays string) {
	if c.ending || c.b == nil || c.transfer != nil || c.depth >= c.config.Depth {
		c.note(now, "transfer refused: the call is not in a state for it")
		return
	}
	stay, leave := c.a, c.b
	if stays == byCalled {
		stay, leave = leave, stay
	}
	plan, err := c.planFor(now, c.origin, stay, number)
	if err != nil {
		c.note(now, "transfer refused: "+err.Error())
		return
	}
	c.beginTransfer(now, &transfer{by: leave, stay: stay}, "api", number)
	c.search = newSearch(now, plan, c.config.Forks)
	c.search.transfer = c.transfer
	c.next(now)
}

// returnTo is the plan of a transfer whose target is the affair of the trunk whose
// peer asked for it, as where it is named by parameters that mean something to
// that peer alone: they go back to it as they are, as Teams and ACS want.
func (c *Call) returnTo(from *Trunk, stay *side, target string) Plan {
	hop := Hop{Trunk: from, Target: target, Called: c.arrival.Called, Caller: c.numberOf(stay), by: c.numberOf(stay)}
	if user, _, named := userOf(target); named {
		hop.Called = from.cfg.Numbers.read(user)
	}
	return Plan{Hops: []Hop{hop}}
}

// numberOf is the number of a side that stays when the other is transferred.
func (c *Call) numberOf(stay *side) string {
	if stay != c.a || c.reversed {
		return c.arrival.Called
	}
	return c.arrival.Caller.Number
}

// planFor routes a transfer: as a call of the trunk whose peer asked for it,
// from the number of the side that stays.
func (c *Call) planFor(now time.Time, from *Trunk, stay *side, number string) (Plan, error) {
	q := c.arrival.Query(now, random())
	q.Trunk, q.Called = from, number
	if from != nil {
		q.Called = from.cfg.Numbers.read(number)
	}
	q.Caller = c.numberOf(stay)
	return c.plan.Router.Plan(q)
}

func (c *Call) beginTransfer(now time.Time, t *transfer, by, target string) {
	c.depth++
	t.at = len(c.record.Transfers)
	c.record.Transfers = append(c.record.Transfers, Transfer{At: now, By: by, Target: target})
	c.transfer = t
	c.note(now, "transfer asked for by the "+by)
}

// transferAnswered joins the side that stays to the target, and lets the other
// go.
func (c *Call) transferAnswered(now time.Time, t *transfer, s *side) {
	c.transfer = nil
	c.record.Transfers[t.at].Status = 200
	c.note(now, "transferred to "+s.name)
	c.stopBuilt()
	if by := t.by; by != nil {
		if t.asked {
			by.leg.Notify(now, 200, "OK")
		}
		by.leave(now)
	}
	if c.a == t.stay {
		c.b = s
	} else {
		c.a = s
		c.reversed = true
	}
	c.watchHold(now, s)
}

// leaveTime is how long a transferor may take to end its own leg, as it should
// (RFC 5589 §6.1), before we do.
const leaveTime = 2 * time.Second

// leave takes a side out of the media; its leg ends by itself, or is ended.
func (s *side) leave(now time.Time) {
	s.close(now)
	s.lost = true
	s.byeAt = now.Add(leaveTime)
}

// transferFailed returns the call to those who had it.
func (c *Call) transferFailed(now time.Time, t *transfer, cause sip.Cause) {
	c.transfer = nil
	c.record.Transfers[t.at].Status = cause.Status
	c.note(now, "transfer failed: "+cause.Error())
	switch {
	case t.by == nil:
		// The transferor has left already: there is nobody to return to.
		c.end(now, cause, byGateway)
	case t.asked:
		t.by.leg.Notify(now, cause.Status, cause.Text)
	}
}

// transferred takes the end of the leg of s and reports whether a transfer
// outlives it.
func (c *Call) transferred(now time.Time, s *side) bool {
	t := c.transfer
	if t == nil || t.by != s {
		return false
	}
	t.by = nil
	s.lost = true
	s.close(now)
	c.note(now, s.name+" left during the transfer")
	return true
}

// endTransfer ends a transfer with its call.
func (c *Call) endTransfer(now time.Time, cause sip.Cause) {
	if t := c.transfer; t != nil {
		c.transfer = nil
		c.record.Transfers[t.at].Status = cause.Status
	}
	if c.search != nil {
		for _, s := range c.search.sides {
			c.noteFailure(now, s, sip.Cause{Status: 487, Q850: cause.Q850, Text: cause.Text})
		}
	}
	c.search = nil
}

// role says which side of the call s is, as records say it.
func (s *side) role(c *Call) string {
	if s == c.a {
		return byCaller
	}
	return byCalled
}
