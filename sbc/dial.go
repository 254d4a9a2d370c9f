package sbc

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A search is for somebody to be joined to a side that has nobody.
type search struct {
	hops     []Hop
	hunt     *hunt
	sides    []*side // being called
	heard    *side   // of these, whose media is heard before the answer
	ringing  ringing
	transfer *transfer // what it is for; nil for a new call
	causes   map[int]loss
	asked    map[string]bool // whom requests were sent to, or will be, as askedFor has it
	// Of a transfer: the side that stays may hear early media, hears ringing.
	open, rings bool
	// Of a transfer by REFER: what its INVITE says besides.
	referredBy string
	referrer   *Trunk // the REFER came in on
	replaces   *sip.Replaces
	embedded   []sip.Header // in its Refer-To
}

// A loss is how a target was lost.
type loss struct {
	cause      sip.Cause
	by         string // who ended it
	retryAfter time.Duration
	contacts   []sip.Contact // of a redirection
	headers    []sip.Header
}

// newSearch returns a search through a plan, in which no more than forks targets
// are called at one time.
func newSearch(now time.Time, p Plan, forks int) *search {
	p = p.reached(now)
	return &search{hops: p.Hops, hunt: newHunt(bounded(p.Groups(), forks)), causes: make(map[int]loss), asked: make(map[string]bool)}
}

// bounded splits groups that are larger than limit (RFC 5393 §5: what one
// request can set in motion is bounded).
func bounded(groups [][]int, limit int) [][]int {
	var out [][]int
	for _, g := range groups {
		out = slices.AppendSeq(out, slices.Chunk(g, max(limit, 1)))
	}
	return out
}

// next calls the next group of targets. A target that cannot even be called
// has failed, which may lead to the group after.
func (c *Call) next(now time.Time) {
	for _, t := range c.search.hunt.next() {
		if c.ending || c.search == nil {
			return
		}
		c.dial(now, t)
	}
}

// dial begins to call one target.
func (c *Call) dial(now time.Time, target int) {
	hop := c.search.hops[target]
	if hop.Trunk == nil {
		c.answerItself(now, hop)
		return
	}
	s := c.newSide(now, hop, target)
	seat, err := c.plan.Limits.AdmitOut(now, c.origin, hop)
	if err != nil {
		c.notAdmitted(hop, err)
		c.failed(now, s, sip.Refusal(503).WithText(err.Error()), 0)
		return
	}
	s.seat = seat
	switch {
	case hop.absent:
		c.failed(now, s, sip.Refusal(480).WithText("Not registered"), 0)
		return
	case hop.through.Addr.IsValid():
		c.resolved(now, s, []transport.Target{hop.through}, nil)
		return
	}
	// The lookup is bounded by its own timeouts, and what it finds is for an
	// inbox that does not mind coming late.
	c.b2b.network.Resolve(context.Background(), hop.Trunk.Destination(), func(t []transport.Target, err error) {
		s.post(input{kind: inputResolved, lookup: &lookup{t, err}})
	})
}

// notAdmitted tells of a target that a limit does not admit. A ceiling on
// expensive numbers is there for the case that somebody has to act on.
func (c *Call) notAdmitted(hop Hop, err error) {
	var o *Overload
	if errors.As(err, &o) && o.Fraud {
		c.log.Error("ceiling reached: is somebody committing toll fraud?", "limit", o.Limit, "from", c.origin.Name())
		return
	}
	c.log.Warn("target not admitted", "trunk", hop.Trunk.Name(), "err", err)
}

// newSide makes the side of a target and its line in the record.
func (c *Call) newSide(now time.Time, hop Hop, target int) *side {
	c.number++
	s := &side{name: "B" + itoa(c.number), trunk: hop.Trunk, called: true, target: target, attempt: len(c.record.Targets)}
	s.owner.Store(c)
	ring := hop.Timeout
	if ring <= 0 {
		ring = c.config.RingTime
	}
	s.ringBy = now.Add(ring)
	c.record.Targets = append(c.record.Targets, Attempt{Trunk: hop.Trunk.Name(), Number: hop.Called, Started: now})
	c.record.B = LegRecord{Trunk: hop.Trunk.Name()}
	c.sides = append(c.sides, s)
	c.search.sides = append(c.search.sides, s)
	return s
}

// resolved sends the INVITE to a target whose addresses are known.
func (c *Call) resolved(now time.Time, s *side, targets []transport.Target, err error) {
	if c.ending || s.lost || c.search == nil || s.leg != nil {
		return
	}
	if err != nil || len(targets) == 0 {
		// RFC 3263 §4.3: nowhere to send it is what a 503 would be.
		c.failed(now, s, sip.Refusal(503).WithText("Target not found"), 0)
		return
	}
	if err := s.open(now, c.b2b, targets[0].Addr.Addr().Unmap().Is6()); err != nil {
		c.b2b.count.noMedia.Add(1)
		c.log.Warn("no media endpoint", "err", err)
		c.failed(now, s, sip.Refusal(503).WithText("No media port"), 0)
		return
	}
	hop := c.search.hops[s.target]
	s.host = hop.Trunk.Local(c.b2b.network.Listeners(), targets[0])
	inv := c.invite(hop, targets, s.host)
	if len(c.in.Body) > 0 || !s.trunk.cfg.Dialog.DelayedOffer || c.search.transfer != nil {
		inv.Body = s.propose(c.direction(), c.preferred()...)
	}
	s.leg = c.b2b.ua.NewLeg(s.onMessage, s.trunk.LegConfig())
	c.known(s)
	s.leg.Dial(now, inv)
	s.record = LegRecord{
		Trunk: s.trunk.Name(), CallID: s.leg.CallID(), From: inv.From.URI, To: inv.To.URI,
		Peer: targets[0].Kind.String() + " " + targets[0].Addr.String(),
	}
	c.note(now, s.name+" is trunk "+s.trunk.Name()+", "+s.record.Peer)
}

// invite makes the INVITE to a hop, which knows us by host.
func (c *Call) invite(hop Hop, targets []transport.Target, host string) sip.Invite {
	arrival := c.arrival
	arrival.Headers = overlaid(arrival.Headers, c.search.embedded)
	inv := arrival.Towards(hop, host)
	inv.Targets = targets
	c.search.asked[askedFor(inv.RequestURI)] = true
	inv.Timeout = 0 // how long it may ring is the call's affair
	inv.Replaces = c.search.replaces
	inv.ReferredBy = hop.Trunk.referredBy(c.search.referredBy, c.search.referrer, host)
	if hop.Trunk.cfg.cloud() {
		inv.Replaces = nil // they refuse a request that carries it
	}
	return inv
}

// preferred are the codecs that a side being called should use.
func (c *Call) preferred() []codec.Params {
	if t := c.search.transfer; t != nil {
		if used := t.stay.uses(); used != nil {
			return used
		}
	}
	return c.wanted
}

// direction is which way audio may go towards a side that is being called: what
// the side it is for allows.
func (c *Call) direction() sdp.Direction {
	if c.search.transfer != nil {
		return sdp.SendRecv
	}
	return c.offers.Reverse()
}

// failed takes the end of a target that has not answered, and decides what is
// next.
func (c *Call) failed(now time.Time, s *side, cause sip.Cause, retryAfter time.Duration) {
	q := c.search
	if q == nil || s.lost {
		c.drop(now, s)
		return
	}
	hop := q.hops[s.target]
	c.noteFailure(now, s, cause)
	if cause.Status == 503 && retryAfter > 0 {
		s.trunk.Unavailable(now, retryAfter)
	}
	c.release(now, s, sip.Refusal(487).WithText("Next target"))
	c.drop(now, s)
	by := byGateway // a target that was silent, or was not even called, ended nothing
	if s.refused {
		by = byCalled
	}
	q.causes[s.target] = loss{cause: cause, by: by, retryAfter: retryAfter, contacts: s.contacts, headers: s.refusal}
	c.judge(now, q.hunt.failed(s.target, cause.Status, hop.Reroutes(cause.Status)))
}

// judge does what the failure of a target comes to.
func (c *Call) judge(now time.Time, v verdict) {
	switch v {
	case verdictWait:
	case verdictNext:
		c.note(now, "next target")
		c.next(now)
	case verdictCancel:
		for len(c.search.sides) > 0 {
			c.cancel(now, c.search.sides[0], "Refused elsewhere")
		}
		c.giveUp(now)
	case verdictOver:
		c.giveUp(now)
	}
}

// giveUp ends a search that found nobody.
func (c *Call) giveUp(now time.Time) {
	q := c.search
	c.search = nil
	best := q.causes[q.hunt.best.target]
	if q.transfer != nil {
		c.transferFailed(now, q.transfer, best.cause)
		return
	}
	var headers []sip.Header
	if best.retryAfter > 0 {
		headers = append(headers, sip.Header{Name: "Retry-After", Value: itoa(int(best.retryAfter.Seconds()))})
	}
	headers = append(headers, c.contacts(best.contacts, q.hops[q.hunt.best.target].Trunk)...)
	headers = append(headers, c.origin.Pass(best.headers)...)
	cause := forCaller(best.cause)
	c.release(now, c.a, cause, headers...)
	c.end(now, cause, best.by)
}

// host is what the caller's side knows us by.
func (c *Call) host() string {
	f := c.in.Flow
	return c.origin.Local(c.b2b.network.Listeners(), transport.Target{Kind: f.Kind, Listener: f.Listener, Addr: f.Remote})
}

// forCaller is what a caller is told of a failure: as it was, but for what
// concerns nobody but us and the target.
func forCaller(cause sip.Cause) sip.Cause {
	switch cause.Status {
	case 401, 407:
		// A challenge that we could not answer is not for the caller to answer.
		return sip.Cause{Status: 403, Q850: cause.Q850, Text: "Refused by the next network"}
	case 420, 421, 422, 481, 491, 494, 505:
		return sip.Cause{Status: 500, Q850: cause.Q850, Text: "Refused by the next network"}
	}
	return cause
}

// cancel ends a target that is not wanted any more.
func (c *Call) cancel(now time.Time, s *side, why string) {
	c.noteFailure(now, s, sip.Cause{Status: 487, Text: why})
	// RFC 3326 §2, as RFC 3261 §9.1 and many phones want it: no missed call is
	// shown for one that was taken elsewhere.
	c.release(now, s, sip.Cause{Status: 487, Text: why},
		sip.Header{Name: "Reason", Value: `SIP;cause=200;text="Call completed elsewhere"`})
	c.drop(now, s)
}

// drop takes a side out of the call; its leg may have something to finish.
func (c *Call) drop(now time.Time, s *side) {
	s.lost = true
	s.ringBy = time.Time{}
	s.close(now)
	c.plan.Limits.Release(now, s.seat)
	s.seat = nil
	if q := c.search; q != nil {
		q.remove(s)
	}
}

// remove takes out a side that is not called any more; another may be heard now.
func (q *search) remove(s *side) {
	q.sides = without(q.sides, s)
	if q.heard == s || q.heard == nil {
		q.heard = q.streaming()
	}
}

// stays is the side that a transfer looks for somebody for; nil of another search
// and of none.
func (q *search) stays() *side {
	if q == nil || q.transfer == nil {
		return nil
	}
	return q.transfer.stay
}

// audible is whose media is heard before the answer; nil while nobody's is.
func (q *search) audible() *side {
	if q == nil || q.transfer != nil && !q.open {
		return nil
	}
	return q.heard
}

// streaming returns a side whose media arrives, else one that has agreed on
// some, else nil.
func (q *search) streaming() *side {
	var best *side
	for _, s := range q.sides {
		if s.latched {
			return s
		}
		if _, ok := s.current(); ok && best == nil {
			best = s
		}
	}
	return best
}

// noteFailure writes down how a target ended.
func (c *Call) noteFailure(now time.Time, s *side, cause sip.Cause) {
	c.events.add(Event{At: now, Kind: KindNote, Leg: s.name, Text: cause.Error()})
	if s.attempt < 0 || s.attempt >= len(c.record.Targets) {
		return
	}
	t := &c.record.Targets[s.attempt]
	t.Ended, t.Status, t.Q850, t.Text = now, cause.Status, cause.Q850, cause.Text
	s.measure()
	c.record.B = s.record
}
