package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/sdp"
)

// A plug is where the media of a side goes, and what must be done to it on the
// way. It is a value: compare with ==. The zero plug is nowhere.
type plug struct {
	to       *media.Endpoint
	from, as codec.Params  // equal names: packets pass as they are; as with its Format where they are made
	ptime    time.Duration // of the packets that are made; 0 where they pass
}

// connect makes the media fit what both sides agreed: nothing while one of
// them has agreed on nothing, packets passed as they come where the codecs are
// one, else recoded in both directions. It changes only what must change.
func (c *Call) connect(now time.Time) {
	x, y := c.pair()
	c.record.Recoded = false
	for _, s := range c.sides {
		if s.end == nil {
			continue
		}
		var want plug
		switch {
		case s == c.a && c.built != nil:
			continue // ours answered
		case s == x && y != nil:
			want = plugFor(x, y)
		case s == y:
			want = plugFor(y, x)
		}
		if want.ptime != 0 {
			c.record.Recoded = true
		}
		if want != s.plug {
			c.plugIn(now, s, want)
		}
	}
}

// plugFor is the plug from one side to another.
func plugFor(from, to *side) plug {
	have, ok := from.current()
	want, ok2 := to.current()
	if !ok || !ok2 || to.end == nil || have.Send.Codec.Name == "" || want.Send.Codec.Name == "" {
		return plug{}
	}
	p := plug{to: to.end, from: plain(have.Receive[0].Codec), as: plain(want.Send.Codec)}
	if from.hears.Name != "" {
		p.from = plain(from.hears)
	}
	if !p.from.Same(p.as) || repack(from.ptime(), want) {
		p.ptime, p.as = want.Ptime, want.Send.Codec
	}
	return p
}

// plain is a codec without its parameters, which say what a side takes and so
// matter only to what we encode for it.
func plain(p codec.Params) codec.Params {
	p.Format = ""
	return p
}

// ptime is the packet time that the far end was asked for.
func (s *side) ptime() time.Duration {
	if s.local.Ptime > 0 {
		return s.local.Ptime
	}
	return media.FrameDuration
}

// repack reports whether packets of ptime must be made anew for a far end: it
// wants others, or cannot take as much in one.
func repack(ptime time.Duration, want *sdp.Agreed) bool {
	return want.Ptime != ptime || want.MaxPtime > 0 && ptime > want.MaxPtime
}

// plugIn sends the media of a side where it belongs.
func (c *Call) plugIn(now time.Time, s *side, p plug) {
	s.plug = p
	if p.to == nil {
		s.end.Connect(nil)
		return
	}
	if p.ptime == 0 {
		s.end.Connect(p.to)
		c.note(now, s.name+" forwarded: "+codecName(p.from))
		return
	}
	from, as := c.b2b.codecs.Find(p.from), c.b2b.codecs.Find(p.as)
	if from == nil || as == nil {
		s.end.Connect(nil)
		c.log.Error("codec agreed that is not there", "from", codecName(p.from), "to", codecName(p.as))
		return
	}
	r, err := media.NewRecoder(from, as, p.ptime, p.to)
	if err != nil {
		s.end.Connect(nil)
		c.note(now, s.name+" not recoded: "+err.Error())
		c.log.Error("no recoder", "err", err)
		return
	}
	s.end.Connect(r)
	c.note(now, s.name+" recoded: "+codecName(p.from)+" to "+codecName(p.as)+", "+p.ptime.String())
}
