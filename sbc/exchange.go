package sbc

import (
	"bytes"
	"errors"
	"slices"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/sdp"
)

// A talk is what was agreed in one dialog of a side: there are several while
// an INVITE of ours is being answered by forks (RFC 3261 §12.1).
type talk struct {
	dialog string
	heard  []byte           // the far end's last description, to know a repeated one
	to     *sdp.Description // the offer of ours that heard answers; nil if it was the offer
	agreed *sdp.Agreed      // nil: nothing yet; never changed
	// will is which ways the far end itself lets audio go, seen from us. What
	// is less because we asked for less does not count.
	will sdp.Direction
}

// An exchange is the offers and answers of one side (RFC 3264). Core.
type exchange struct {
	local  sdp.Local        // what we bring, all formats of the trunk in its order
	offer  *sdp.Description // ours, open to answers; nil when none is
	talks  []*talk
	answer []byte // our answer in the first exchange, once it is made
	// asked is the direction we last wanted.
	asked sdp.Direction
	// restart gives our side of ICE another ufrag and password; nil without ICE.
	restart func() sdp.ICE
}

// errNoAnswer is a 200 without the session description it should have had.
var errNoAnswer = errors.New("answered without a session description")

// prefer returns the formats of the trunk, those in first before the others,
// each part in the order of the trunk.
func (x *exchange) prefer(first ...codec.Params) []sdp.Format {
	out := make([]sdp.Format, 0, len(x.local.Formats))
	common := func(f sdp.Format) bool {
		return slices.ContainsFunc(first, f.Codec.Same)
	}
	for _, f := range x.local.Formats {
		if common(f) {
			out = append(out, f)
		}
	}
	for _, f := range x.local.Formats {
		if !common(f) {
			out = append(out, f)
		}
	}
	return out
}

// propose makes an offer for direction d, its formats in the order of prefer.
func (x *exchange) propose(d sdp.Direction, first ...codec.Params) []byte {
	l := x.local
	l.Formats = x.prefer(first...)
	l.Direction = d
	x.asked = d
	x.offer = sdp.Offer(l)
	x.local.Previous = x.offer
	return x.offer.Bytes()
}

// respond makes our answer to an offer in a dialog. The same offer again gets
// the same answer, and changed is false (RFC 4028 §7.4: a session refresh).
func (x *exchange) respond(dialog string, body []byte, d sdp.Direction, first ...codec.Params) (answer []byte, changed bool, err error) {
	t := x.talk(dialog)
	if t.heard != nil && d == x.asked && x.local.Previous != nil && bytes.Equal(t.heard, body) {
		return x.local.Previous.Bytes(), false, nil
	}
	offer, err := sdp.Parse(body)
	if err != nil {
		return nil, false, err
	}
	if x.restart != nil && t.agreed != nil && offer.Restarts(t.agreed) {
		ice := x.restart() // RFC 8839 §4.4.1.1.1
		x.local.ICE = &ice
	}
	l := x.local
	l.Formats = x.prefer(first...)
	l.Direction = d
	if t.agreed != nil && t.agreed.DTLS.Role != sdp.RoleNone {
		l.Security.Role = t.agreed.DTLS.Role // else it would be a new association (RFC 8842 §5.5)
	}
	desc, agreed, err := sdp.Answer(offer, l)
	if err != nil {
		return nil, false, err
	}
	x.asked = d
	x.local.Previous = desc
	x.offer = nil
	t.heard, t.to = body, nil
	changed = t.agreed == nil || *t.agreed != *agreed
	t.agreed, t.will = agreed, willing(offer.Audio(), agreed)
	return desc.Bytes(), changed, nil
}

// willing is which ways the far end lets audio go by its offer m, seen from us.
// An address of zeros is the old form of hold (RFC 3264 §8.4).
func willing(m *sdp.Media, a *sdp.Agreed) sdp.Direction {
	if m == nil {
		return sdp.Inactive
	}
	will := m.Direction.Reverse()
	if a.Remote.Addr().IsUnspecified() && a.ICE.Ufrag == "" {
		will = will.Within(sdp.RecvOnly)
	}
	return will
}

// accept takes the far end's answer to our offer in a dialog.
func (x *exchange) accept(dialog string, body []byte) (changed bool, err error) {
	t := x.talk(dialog)
	if len(body) == 0 {
		if t.heard == nil {
			return false, errNoAnswer
		}
		return false, nil
	}
	if x.offer == nil || t.to == x.offer && bytes.Equal(t.heard, body) {
		return false, nil // the 200 repeats what a 183 said
	}
	answer, err := sdp.Parse(body)
	if err != nil {
		return false, err
	}
	l := x.local
	l.Direction = x.asked
	agreed, err := sdp.Accept(l, x.offer, answer)
	if err != nil {
		return false, err
	}
	t.heard, t.to = body, x.offer
	changed = t.agreed == nil || *t.agreed != *agreed
	t.agreed, t.will = agreed, learned(t.will, x.written(), agreed.Direction)
	return changed, nil
}

// trickle takes candidates that the far end of a dialog sends after its
// description (RFC 8840 §9), and reports whether any is new.
func (x *exchange) trickle(dialog string, body []byte) (changed bool, err error) {
	t := x.find(dialog)
	if t == nil || t.agreed == nil {
		return false, nil
	}
	agreed := *t.agreed
	if changed, err = agreed.ICE.Trickle(body, x.local); changed {
		t.agreed = &agreed
	}
	return changed, err
}

// written is the direction that our offer said: a trunk that reads one form of
// hold only was told less than we want.
func (x *exchange) written() sdp.Direction {
	if x.local.Hold == sdp.HoldInactive && x.asked != sdp.SendRecv {
		return sdp.Inactive
	}
	return x.asked
}

// learned is what an answer tells of the far end's will: of the ways we asked
// for, those it granted. Of the others it says nothing.
func learned(will, asked, granted sdp.Direction) sdp.Direction {
	sends, receives := will.Sends(), will.Receives()
	if asked.Sends() {
		sends = granted.Sends()
	}
	if asked.Receives() {
		receives = granted.Receives()
	}
	switch {
	case sends && receives:
		return sdp.SendRecv
	case sends:
		return sdp.SendOnly
	case receives:
		return sdp.RecvOnly
	}
	return sdp.Inactive
}

// talk returns the entry of a dialog, which it makes if there is none.
func (x *exchange) talk(dialog string) *talk {
	if t := x.find(dialog); t != nil {
		return t
	}
	t := &talk{dialog: dialog}
	x.talks = append(x.talks, t)
	return t
}

// find returns the entry of a dialog, nil if there is none.
func (x *exchange) find(dialog string) *talk {
	for _, t := range x.talks {
		if t.dialog == dialog {
			return t
		}
	}
	return nil
}

// agreed returns what was agreed in a dialog, not to be changed, and whether
// anything was: if not it may be nil.
func (x *exchange) agreed(dialog string) (*sdp.Agreed, bool) {
	if t := x.find(dialog); t != nil {
		return t.agreed, t.heard != nil
	}
	return nil, false
}

// will returns which ways the far end of a dialog lets audio go.
func (x *exchange) will(dialog string) sdp.Direction {
	if t := x.find(dialog); t != nil {
		return t.will
	}
	return sdp.SendRecv
}

// keep forgets all dialogs but one, which then is the only one of the side.
func (x *exchange) keep(dialog string) {
	x.talks = slices.DeleteFunc(x.talks, func(t *talk) bool { return t.dialog != dialog })
}

// drop forgets a dialog.
func (x *exchange) drop(dialog string) {
	x.talks = slices.DeleteFunc(x.talks, func(t *talk) bool { return t.dialog == dialog })
}

// named reports whether the far end's last description in the dialog that counts
// has a codec.
func (s *side) named(p codec.Params) bool {
	t := s.find(s.dialog)
	if t == nil {
		return false
	}
	d, err := sdp.Parse(t.heard)
	return err == nil && slices.ContainsFunc(offered(d), p.Same)
}

// offered returns the codecs of an offer, in its order.
func offered(d *sdp.Description) []codec.Params {
	m := d.Audio()
	if m == nil {
		return nil
	}
	out := make([]codec.Params, 0, len(m.Formats))
	for _, f := range m.Formats {
		out = append(out, f.Codec)
	}
	return out
}
