package g722

import (
	"fmt"
	"slices"

	"github.com/gotranspile/g722"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/conceal"
)

const (
	// Rate is the sampling rate of the whole band, in samples per second.
	Rate = 16000
	// NarrowRate is that of the lower sub-band alone, telephone speech.
	NarrowRate = 8000
	// ClockRate is the RTP clock, half the sampling rate (RFC 3551 §4.5.2).
	ClockRate = 8000
)

// New returns the G.722 codec, static payload type 9 (RFC 3551 §6).
func New() codec.Codec { return g722Codec{} }

type g722Codec struct{}

// Params implements codec.Codec.
func (g722Codec) Params() codec.Params {
	return codec.Params{Name: "G722", ClockRate: ClockRate, Channels: 1}
}

// NewEncoder implements codec.Codec. The rate is [Rate] or [NarrowRate].
func (g722Codec) NewEncoder(rate int) (codec.Encoder, error) {
	flags, err := flagsFor(rate)
	if err != nil {
		return nil, fmt.Errorf("make G722 encoder: %w", err)
	}
	return &encoder{enc: g722.NewEncoder(g722.RateDefault, flags), perOctet: rate / ClockRate}, nil
}

// NewDecoder implements codec.Codec. The rate is [Rate] or [NarrowRate].
func (g722Codec) NewDecoder(rate int) (codec.Decoder, error) {
	flags, err := flagsFor(rate)
	if err != nil {
		return nil, fmt.Errorf("make G722 decoder: %w", err)
	}
	return &decoder{
		dec: g722.NewDecoder(g722.RateDefault, flags), perOctet: rate / ClockRate,
		conceal: conceal.New(rate),
	}, nil
}

func flagsFor(rate int) (g722.Flags, error) {
	switch rate {
	case Rate:
		return 0, nil
	case NarrowRate:
		return g722.FlagSampleRate8000, nil
	}
	return 0, fmt.Errorf("%d samples a second is neither %d nor %d: resample", rate, Rate, NarrowRate)
}

type encoder struct {
	enc      *g722.Encoder
	perOctet int // samples in one octet
}

// Encode implements codec.Encoder. An odd last sample at [Rate] is an error,
// as half an octet cannot be sent.
func (e *encoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	if len(pcm)%e.perOctet != 0 {
		return dst, fmt.Errorf("encode G722: %d samples are not whole octets of %d", len(pcm), e.perOctet)
	}
	n, size := len(dst), len(pcm)/e.perOctet
	dst = slices.Grow(dst, size)[:n+size]
	return dst[:n+e.enc.Encode(dst[n:], pcm)], nil
}

type decoder struct {
	dec      *g722.Decoder
	perOctet int
	conceal  *conceal.Concealer
}

// Decode implements codec.Decoder; it cannot fail.
func (d *decoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	n, size := len(dst), len(payload)*d.perOctet
	dst = slices.Grow(dst, size)[:n+size]
	got := d.dec.Decode(dst[n:], payload)
	d.conceal.Good(dst[n : n+got])
	return dst[:n+got], nil
}

// Conceal implements codec.Decoder.
func (d *decoder) Conceal(dst []int16, n int) []int16 { return d.conceal.Append(dst, n) }
