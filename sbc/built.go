package sbc

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/sip"
)

// toneFrequency is that of a test tone in hertz (ITU-T O.133).
const toneFrequency = 1004

// A built is what of ours has answered a call: an echo, a tone, or silence in
// which digits are said back. What it plays is made by a goroutine of its own.
type built struct {
	kind    Internal
	stopped chan struct{} // closed to end the goroutine; nil without one
	readBack
}

// answerItself answers the caller by what of ours a hop names.
func (c *Call) answerItself(now time.Time, hop Hop) {
	c.record.Targets = append(c.record.Targets,
		Attempt{Trunk: hop.String(), Number: hop.Called, Started: now, Status: 200})
	if hop.Internal == InternalRoom {
		c.refuse(now, sip.Refusal(404).WithText("No such room"))
		return
	}
	if c.search.transfer != nil {
		c.record.Targets[len(c.record.Targets)-1].Status = 403
		t := c.search.transfer
		c.search = nil
		c.transferFailed(now, t, sip.Refusal(403).WithText("Not a target of a transfer"))
		return
	}
	for q := c.search; len(q.sides) > 0; {
		c.cancel(now, q.sides[0], "Call completed elsewhere")
	}
	c.search = nil
	body, err := c.answerBody(now)
	if err != nil {
		c.end(now, refusalOf(err), byGateway)
		return
	}
	c.built = &built{kind: hop.Internal}
	c.record.Answered, c.record.Ringing = now, now
	c.record.B = LegRecord{Trunk: hop.String()}
	if max := c.config.MaxDuration; max > 0 {
		c.maxEnd = now.Add(max)
	}
	c.answerCaller(now, body, nil)
	c.play(now)
	c.b2b.note(c.record)
	c.log.Info("call answered", "by", hop.String())
}

// play starts what answered, once it is known what the caller hears.
func (c *Call) play(now time.Time) {
	b, a := c.built, c.a
	agreed, ok := a.current()
	if b == nil || !ok || b.stopped != nil || a.plug.to != nil || a.end == nil {
		return
	}
	if b.kind == InternalEcho {
		a.plug = plug{to: a.end}
		a.end.Connect(a.end)
		return
	}
	if b.kind == InternalDigits {
		a.end.DetectTones()
	}
	if b.kind != InternalTone {
		return
	}
	player, err := media.NewPlayer(c.b2b.codecs.Find(agreed.Send.Codec), media.Tone{Frequency: toneFrequency}, a.end, rand.Reader)
	if err != nil {
		c.log.Error("no tone", "err", err)
		c.end(now, sip.Refusal(500), byGateway)
		return
	}
	b.stopped = make(chan struct{})
	c.b2b.play(player, b.stopped)
}

// stopBuilt ends what answered.
func (c *Call) stopBuilt() {
	b := c.built
	if b == nil {
		return
	}
	c.built = nil
	if b.stopped != nil {
		close(b.stopped)
	}
	if c.a.end != nil {
		c.a.end.Connect(nil)
	}
}

// silent reports whether what answers of ours may have nothing to say, so that
// the caller must be sent silence.
func (p Plan) silent() bool {
	return slices.ContainsFunc(p.Hops, func(h Hop) bool { return h.Internal == InternalDigits })
}
