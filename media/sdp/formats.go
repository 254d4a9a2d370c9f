package sdp

import (
	"strings"

	"github.com/tandem-voip/tandem/codec"
)

// The names of the formats that are not codecs.
const (
	eventName = "telephone-event"
	noiseName = "CN"
)

// events is the fmtp of telephone-event: the digits, star, hash and A to D. RFC
// 4733 §2.4.1 and §3.2.
const events = "0-15"

// static is the codec of a payload type that needs no rtpmap; zero for the
// others. RFC 3551 §6.
func static(pt uint8) codec.Params {
	name := ""
	switch pt {
	case 0:
		name = "PCMU"
	case 3:
		name = "GSM"
	case 4:
		name = "G723"
	case 8:
		name = "PCMA"
	case 9:
		name = "G722"
	case 13:
		name = noiseName
	case 15:
		name = "G728"
	case 18:
		name = "G729"
	default:
		return codec.Params{}
	}
	return codec.Params{Name: name, ClockRate: 8000, Channels: 1}
}

// usual is the payload type we give a format in an offer if nothing speaks
// against it: the static one, or one that others use as well.
func usual(c codec.Params) uint8 {
	for _, pt := range [...]uint8{0, 8, 9, 13, 18, 3} {
		if s := static(pt); same(s, c) {
			return pt
		}
	}
	switch {
	case strings.EqualFold(c.Name, "opus"):
		return 111
	case isEvent(c) && c.ClockRate == 8000:
		return 101
	case isEvent(c):
		return 110
	}
	return 96
}

// same reports whether two formats are one codec. Opus is written opus/48000/2
// whatever it carries (RFC 7587 §4.1), but not by everybody.
func same(a, b codec.Params) bool {
	if strings.EqualFold(a.Name, "opus") {
		a.Channels = b.Channels
	}
	return a.Name != "" && a.Same(b)
}

func isEvent(c codec.Params) bool { return strings.EqualFold(c.Name, eventName) }

func isNoise(c codec.Params) bool { return strings.EqualFold(c.Name, noiseName) }

func event(clock int) codec.Params {
	return codec.Params{Name: eventName, ClockRate: clock, Channels: 1, Format: events}
}

func noise() codec.Params { return codec.Params{Name: noiseName, ClockRate: 8000, Channels: 1} }

// find returns the first format that is codec c, or nil.
func find(formats []Format, c codec.Params) *Format {
	for i := range formats {
		if same(formats[i].Codec, c) {
			return &formats[i]
		}
	}
	return nil
}

// findEvent returns the telephone-event format to go with a codec of that clock:
// the one of the same clock (RFC 4733 §2.1), else the first, since there are far
// ends that offer 8000 only, whatever the codec.
func findEvent(formats []Format, clock int) *Format {
	if f := find(formats, event(clock)); f != nil {
		return f
	}
	for i := range formats {
		if isEvent(formats[i].Codec) {
			return &formats[i]
		}
	}
	return nil
}

// numbers gives out payload types for an offer.
type numbers struct {
	before []Format // of the description before: its numbers are kept
	taken  [128]bool
}

func newNumbers(before []Format) *numbers {
	n := &numbers{before: before}
	for i := range before {
		n.taken[before[i].Type&0x7f] = true
	}
	return n
}

// give returns the number for a codec: the one it had (RFC 3264 §8.3.2), the one
// wished for, the usual one, or the next that is free among the dynamic ones.
func (n *numbers) give(c codec.Params, wish uint8) uint8 {
	if f := find(n.before, c); f != nil {
		return f.Type
	}
	for _, pt := range [...]uint8{wish, usual(c)} {
		fits := pt >= 96 || same(static(pt), c)
		if pt < 128 && fits && !n.taken[pt] {
			n.taken[pt] = true
			return pt
		}
	}
	for pt := uint8(96); pt < 127; pt++ {
		if !n.taken[pt] {
			n.taken[pt] = true
			return pt
		}
	}
	return 127
}
