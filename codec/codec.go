package codec

import "strings"

// Params names a codec as SDP does (RFC 8866 §6.6). It is a value: compare
// two with [Params.Same], which knows that names have no case.
type Params struct {
	Name      string // encoding name, compared without case: "PCMU", "opus"
	ClockRate int    // RTP timestamp units per second; 48000 for Opus (RFC 7587 §4.1)
	Channels  int    // as the rtpmap says; 0 and 1 are both one channel
	Format    string // fmtp parameters as written
}

// Same reports whether p and q name one codec at one clock rate with as many
// channels. Format does not count: it says how, not what.
func (p Params) Same(q Params) bool {
	return strings.EqualFold(p.Name, q.Name) && p.ClockRate == q.ClockRate &&
		max(p.Channels, 1) == max(q.Channels, 1)
}

// A Codec makes coders. It is an immutable value, safe for concurrent use.
type Codec interface {
	// Params is what the codec is called in SDP, and the parameters we offer.
	Params() Params
	// NewEncoder makes an encoder for PCM at rate samples per second.
	NewEncoder(rate int) (Encoder, error)
	// NewDecoder makes a decoder to PCM at rate samples per second.
	NewDecoder(rate int) (Decoder, error)
}

// An Encoder holds the state of one outgoing stream. One goroutine uses it.
type Encoder interface {
	// Encode appends the payload of one frame to dst and returns the longer slice.
	Encode(dst []byte, pcm []int16) ([]byte, error)
}

// A Decoder holds the state of one incoming stream. One goroutine uses it.
type Decoder interface {
	// Decode appends the samples of one payload to dst.
	Decode(dst []int16, payload []byte) ([]int16, error)
	// Conceal appends n samples in place of a payload that never came.
	Conceal(dst []int16, n int) []int16
}

// A Recoverer is a Decoder that can rebuild a lost payload from the one after
// it, as Opus does with its in-band redundancy (RFC 6716 §2.1.7).
type Recoverer interface {
	// Recover appends the n samples of the payload lost just before next, and
	// reports whether next held any of it; if not, what it appends is
	// concealment. Decode of next is to follow.
	Recover(dst []int16, next []byte, n int) ([]int16, bool)
}

// A Set is the codecs we have, most preferred first.
type Set []Codec

// Find returns the codec of the set that p names, for a far end of its Format;
// nil if there is none.
func (s Set) Find(p Params) Codec {
	for _, c := range s {
		if !c.Params().Same(p) {
			continue
		}
		if f, ok := c.(Fitter); ok {
			return f.Fit(p.Format)
		}
		return c
	}
	return nil
}

// Named returns the codec with that encoding name, compared without case, or nil.
func (s Set) Named(name string) Codec {
	for _, c := range s {
		if strings.EqualFold(c.Params().Name, name) {
			return c
		}
	}
	return nil
}

// An Adapter is an Encoder that can spend bits against loss. Expect tells it
// what share of its packets the far end reports as lost, in percent 0..100.
type Adapter interface {
	Expect(lossPercent int)
}

// A Fitter is a Codec that can be less than it is. Fit returns the codec for a
// far end whose fmtp parameters are format: its encoders keep within what can be
// taken there.
type Fitter interface {
	Fit(format string) Codec
}
