package g711

import (
	"fmt"
	"slices"

	"github.com/zaf/g711"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/conceal"
)

// Rate is the only sampling rate of G.711, in samples per second.
const Rate = 8000

// PCMU returns the µ-law codec, static payload type 0 (RFC 3551 §6). It makes
// its tables anew: call it once.
func PCMU() codec.Codec {
	return newLaw("PCMU", 2, g711.EncodeUlawFrame, g711.DecodeUlawFrame)
}

// PCMA returns the A-law codec, static payload type 8 (RFC 3551 §6). It makes
// its tables anew: call it once.
func PCMA() codec.Codec {
	return newLaw("PCMA", 3, g711.EncodeAlawFrame, g711.DecodeAlawFrame)
}

// law is one companding law as tables. The low bits of a sample that the law
// does not look at are shifted away first: 2 for µ (14 bits), 3 for A (13).
type law struct {
	name  string
	shift uint
	enc   []uint8 // indexed by the sample, as unsigned, shifted
	dec   [256]int16
}

func newLaw(name string, shift uint, enc func(int16) uint8, dec func(uint8) int16) *law {
	l := &law{name: name, shift: shift, enc: make([]uint8, 1<<(16-shift))}
	for i := range l.enc {
		l.enc[i] = enc(int16(uint16(i << shift)))
	}
	for i := range l.dec {
		l.dec[i] = dec(uint8(i))
	}
	return l
}

// Params implements codec.Codec.
func (l *law) Params() codec.Params {
	return codec.Params{Name: l.name, ClockRate: Rate, Channels: 1}
}

// NewEncoder implements codec.Codec. Any rate but [Rate] is an error.
func (l *law) NewEncoder(rate int) (codec.Encoder, error) {
	if rate != Rate {
		return nil, fmt.Errorf("make %s encoder: %d samples a second is not %d: resample first", l.name, rate, Rate)
	}
	return encoder{l}, nil
}

// NewDecoder implements codec.Codec. Any rate but [Rate] is an error.
func (l *law) NewDecoder(rate int) (codec.Decoder, error) {
	if rate != Rate {
		return nil, fmt.Errorf("make %s decoder: %d samples a second is not %d: resample after", l.name, rate, Rate)
	}
	return &decoder{law: l, conceal: conceal.New(Rate)}, nil
}

// encoder has no state but its table.
type encoder struct{ *law }

// Encode implements codec.Encoder; it cannot fail.
func (e encoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	n := len(dst)
	dst = slices.Grow(dst, len(pcm))[:n+len(pcm)]
	out, table, shift := dst[n:], e.enc, e.shift
	for i, s := range pcm {
		out[i] = table[uint16(s)>>shift]
	}
	return dst, nil
}

// decoder remembers what was heard, for concealment.
type decoder struct {
	*law
	conceal *conceal.Concealer
}

// Decode implements codec.Decoder; it cannot fail.
func (d *decoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	n := len(dst)
	dst = slices.Grow(dst, len(payload))[:n+len(payload)]
	out := dst[n:]
	for i, b := range payload {
		out[i] = d.dec[b]
	}
	d.conceal.Good(out)
	return dst, nil
}

// Conceal implements codec.Decoder.
func (d *decoder) Conceal(dst []int16, n int) []int16 { return d.conceal.Append(dst, n) }
