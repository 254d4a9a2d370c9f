package sbc

import (
	"log/slog"
	"slices"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
)

// A Call is an A side and what it was joined to. Core: each input makes it take
// one step, on the goroutine that owns it, in which all follows that must.
type Call struct {
	// Set once.
	id      string
	b2b     *B2BUA
	plan    *Dialplan  // the configuration the call began with
	config  CallConfig // likewise
	log     *slog.Logger
	in      sip.Invite
	inbox   chan input
	seat    *Seat   // released when the call is over
	origin  *Trunk  // the trunk it came in on
	arrival Arrival // what the INVITE says, by the rules of the trunk
	hops    Plan    // where it goes

	shown shown // for others, see there

	// Owned by run.
	a, b     *side    // joined, or to be joined: the caller's, and the one who answered
	sides    []*side  // all whose leg is not over
	search   *search  // for somebody to join; nil when there is none
	built    *built   // what of ours answered, nil if nothing
	caller   *side    // the first A side, for the record
	callee   *side    // the first B side that answered, likewise
	alert    alert    // the ringing that a side that stays is played
	number   int      // of B sides so far
	callIDs  []string // of all legs it ever had
	depth    int      // transfers and redirections so far
	events   timeline
	record   CDR
	held     bool
	ending   bool
	maxEnd   time.Time      // when the call has lasted long enough; zero: never
	transfer *transfer      // going on; nil when there is none
	passing  *side          // who sent the REFER that the other side is doing; nil for none
	reversed bool           // the side of the caller was replaced
	wanted   []codec.Params // what the caller offered
	offers   sdp.Direction  // which ways the caller's offer lets audio go, seen from us
	awaitBy  time.Time      // until when another call may give us a side; zero: not waiting
	waiting  []dtmf.Press   // digits from before there was anybody to hear them
	// The reliable responses the caller has not acknowledged, the oldest first.
	unpracked []unpracked
}

// post gives the call an input and reports whether its inbox had room. It does
// not wait.
func (c *Call) post(in input) bool {
	select {
	case c.inbox <- in:
		return true
	default:
		c.b2b.count.inboxFull.Add(1)
		return false
	}
}

// step applies one input to the call, and all that follows from it.
func (c *Call) step(now time.Time, in input) {
	if s := in.side; s != nil && s.owner.Load() != c {
		s.owner.Load().post(in) // given away meanwhile
		return
	}
	switch in.kind {
	case inputStart:
		c.start(now)
	case inputMessage:
		c.handle(now, in.side, in.side.leg.Receive(now, in.message))
	case inputNotice:
		c.notice(now, in.side, *in.notice)
	case inputResolved:
		c.resolved(now, in.side, in.lookup.targets, in.lookup.err)
	case inputTick:
		c.tick(now)
	case inputHangup:
		c.end(now, in.order.cause, byGateway)
	case inputTransfer:
		c.transferByAPI(now, in.order.number, in.order.stays)
	case inputDigits:
		c.digitsByAPI(now, in.order.digits, in.order.stays)
	case inputYield:
		c.yield(now, in.yield)
	case inputGift:
		c.gift(now, in.side)
	}
	c.advance(now)
	if !c.ending {
		c.align(now)
		c.connect(now)
		c.ring()
		c.flushDigits(now)
	}
	c.advance(now)
	for _, s := range c.sides {
		c.trace(s)
	}
	c.sides = slices.DeleteFunc(c.sides, func(s *side) bool { return s.lost && !s.live() })
	c.publish()
}

// handle lets the call take the events of a leg.
func (c *Call) handle(now time.Time, s *side, events []sip.Event) {
	c.trace(s)
	for _, e := range events {
		c.event(now, s, e)
	}
}

// trace puts the messages of a leg on the timeline.
func (c *Call) trace(s *side) {
	if s.leg == nil || s.owner.Load() != c {
		return
	}
	for _, l := range s.leg.Ladder() {
		e := Event{At: l.At, Kind: KindReceived, Leg: s.name, Text: l.Method, SDP: l.SDP}
		if l.Sent {
			e.Kind = KindSent
		}
		if l.Status != 0 {
			e.Text = sip.Refusal(l.Status).Error() + " to " + l.Method
		}
		c.events.add(e)
	}
}

// advanceRounds bounds how often one step asks a leg again for what is due at
// once.
const advanceRounds = 8

// advance lets the legs do what is due.
func (c *Call) advance(now time.Time) {
	for range advanceRounds {
		again := false
		for i := 0; i < len(c.sides); i++ { // sides may be added meanwhile
			s := c.sides[i]
			if s.leg == nil || s.owner.Load() != c {
				continue
			}
			if d := s.leg.Deadline(); !d.IsZero() && !d.After(now) {
				again = true
				c.handle(now, s, s.leg.Advance(now))
			}
		}
		if !again {
			return
		}
	}
}

// tick does what of the call itself is due.
func (c *Call) tick(now time.Time) {
	for _, s := range c.sides {
		if due(s.byeAt, now) {
			s.byeAt = time.Time{}
			c.release(now, s, sip.Normal().WithText("Transferred"))
		}
	}
	if due(c.awaitBy, now) {
		c.notGiven(now)
	}
	if c.ending {
		return
	}
	if due(c.maxEnd, now) {
		c.note(now, "ended: the longest duration is reached")
		c.end(now, sip.Cause{Status: 200, Q850: 31, Text: "Maximum call duration reached"}, byGateway)
		return
	}
	c.sayBack(now)
	if c.search == nil {
		return
	}
	for _, s := range slices.Clone(c.search.sides) {
		if due(s.ringBy, now) {
			s.ringBy = time.Time{}
			c.note(now, s.name+" has rung long enough")
			c.failed(now, s, sip.Refusal(408).WithText("No answer"), 0)
		}
	}
}

func due(at, now time.Time) bool { return !at.IsZero() && !at.After(now) }

// deadline is when the next tick is due; zero when none is.
func (c *Call) deadline() time.Time {
	var d time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (d.IsZero() || t.Before(d)) {
			d = t
		}
	}
	for _, s := range c.sides {
		if s.leg != nil {
			earlier(s.leg.Deadline())
		}
		if !c.ending {
			earlier(s.ringBy)
		}
		earlier(s.byeAt)
	}
	earlier(c.awaitBy)
	if !c.ending {
		earlier(c.maxEnd)
		if c.built != nil {
			earlier(c.built.due)
		}
	}
	return d
}

// over reports whether nothing is left to do.
func (c *Call) over() bool {
	return c.ending && c.awaitBy.IsZero() && !slices.ContainsFunc(c.sides, (*side).live)
}

// Who ended a call.
const (
	byCaller  = "caller"
	byCalled  = "called"
	byGateway = "gateway"
)

// end ends the call: legs are released, media is closed, the record is written.
// The goroutine goes on until the legs have had their say.
func (c *Call) end(now time.Time, cause sip.Cause, by string) {
	if c.ending {
		return
	}
	c.ending = true
	c.endTransfer(now, cause)
	c.stopBuilt()
	c.stopAlert()
	for _, s := range c.sides {
		c.release(now, s, ended(s, cause))
		s.close(now)
		c.plan.Limits.Release(now, s.seat)
		s.seat = nil
	}
	c.finish(now, cause, by)
}

// stopping is the cause of a call that ends because the gateway does: an answered
// one ends as by a hang-up, any other is refused.
func (c *Call) stopping() sip.Cause {
	if c.record.Answered.IsZero() {
		return sip.Refusal(503).WithText("The gateway is stopping")
	}
	return sip.Normal().WithText("The gateway is stopping")
}

// ended is the cause for one leg: a caller whose call was not answered cannot be
// told that it ended normally.
func ended(s *side, cause sip.Cause) sip.Cause {
	if !s.called && !s.joined && cause.Status < 300 {
		return sip.Refusal(487).WithText(cause.Text)
	}
	return cause
}

// release ends the leg of a side, which is not waited for in the call.
func (c *Call) release(now time.Time, s *side, cause sip.Cause, headers ...sip.Header) {
	s.lost = true
	if s.live() {
		s.leg.Release(now, cause, headers...)
	}
}

// finish completes the record and gives it away.
func (c *Call) finish(now time.Time, cause sip.Cause, by string) {
	r := &c.record
	r.Ended = now
	if s := c.caller; s.owner.Load() == c {
		r.A = s.record
	}
	if s := c.callee; s != nil && s.owner.Load() == c {
		r.B = s.record
	}
	r.Status, r.Q850, r.Text, r.EndedBy = cause.Status, cause.Q850, cause.Text, by
	c.b2b.finished(c, now)
	c.log.Info("call ended", "status", cause.Status, "q850", cause.Q850, "text", cause.Text,
		"by", by, "duration", r.Duration())
}

// other returns the side that s is joined to, or is to be; nil if there is none.
// For a side that stays in a transfer it is the target, once that is heard.
func (c *Call) other(s *side) *side {
	q := c.search
	switch stay := q.stays(); {
	case stay != nil && s == stay && q.audible() != nil:
		return q.audible()
	case s == c.a && c.b != nil:
		return c.b
	case s == c.a:
		return q.audible()
	case s != c.b && stay != nil:
		return stay
	}
	return c.a
}

// pair returns the two sides whose media is joined; the second is nil while there
// is none.
func (c *Call) pair() (x, y *side) {
	switch stay := c.search.stays(); {
	case c.alerted():
		return stay, nil
	case stay != nil && c.search.audible() != nil:
		return stay, c.search.audible()
	}
	return c.a, c.other(c.a)
}

// note puts a sentence on the timeline.
func (c *Call) note(now time.Time, text string) {
	c.events.add(Event{At: now, Kind: KindNote, Text: text})
}
