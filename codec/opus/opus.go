package opus

import (
	"errors"
	"fmt"
	"slices"

	"gopkg.in/hraban/opus.v2"

	"github.com/tandem-voip/tandem/codec"
)

// ClockRate is the RTP clock of Opus, whatever it codes (RFC 7587 §4.1).
const ClockRate = 48000

const (
	maxPayload  = 1275 // octets of one Opus frame (RFC 6716 §3.2.1)
	longestMs   = 120  // of one packet (RFC 6716 §2.1.4)
	lossForFEC  = 3    // percent reported lost from which redundancy pays
	mostLossFEC = 30   // percent above which libopus gains nothing more

	minBitrate, maxBitrate = 6000, 510000 // bit/s (RFC 6716 §2.1.1)
)

// Config says how libopus spends its time and bits.
type Config struct {
	// Complexity is libopus's, 0 (cheapest) to 10. 5 costs a quarter of 10 and
	// is hard to tell from it on speech.
	Complexity int
	// Bitrate is bits per second for each stream; 0 leaves it to libopus.
	Bitrate int
}

// DefaultConfig is what a gateway of telephone calls wants.
func DefaultConfig() Config { return Config{Complexity: 5, Bitrate: 24000} }

// Validate says what is wrong with c, all of it; nil if nothing is.
func (c Config) Validate() error {
	var errs []error
	if c.Complexity < 0 || c.Complexity > 10 {
		errs = append(errs, fmt.Errorf("complexity: %d, want 0 to 10", c.Complexity))
	}
	if c.Bitrate != 0 && (c.Bitrate < minBitrate || c.Bitrate > maxBitrate) {
		errs = append(errs, fmt.Errorf("bitrate: %d, want %d to %d, or 0 to leave it to libopus", c.Bitrate, minBitrate, maxBitrate))
	}
	return errors.Join(errs...)
}

// New returns the Opus codec, for far ends that take whatever it makes.
func New(c Config) codec.Codec { return opusCodec{c, format{playback: ClockRate, fec: true}} }

type opusCodec struct {
	cfg Config
	far format
}

// Fit implements codec.Fitter.
func (c opusCodec) Fit(fmtp string) codec.Codec { return opusCodec{c.cfg, parseFormat(fmtp)} }

// Params implements codec.Codec. Two channels are declared whatever is sent
// (RFC 7587 §7: the rtpmap is always opus/48000/2).
func (c opusCodec) Params() codec.Params {
	return codec.Params{Name: "opus", ClockRate: ClockRate, Channels: 2, Format: "useinbandfec=1"}
}

// NewEncoder implements codec.Codec. Rates other than 8, 12, 16, 24 and
// 48 kHz, and those the far end does not play, are an error.
func (c opusCodec) NewEncoder(rate int) (codec.Encoder, error) {
	if rate > c.far.playback {
		return nil, fmt.Errorf("make opus encoder at %d samples a second: the far end plays %d", rate, c.far.playback)
	}
	e, err := opus.NewEncoder(rate, 1, opus.AppVoIP)
	if err != nil {
		return nil, fmt.Errorf("make opus encoder at %d samples a second: %w", rate, err)
	}
	if err := e.SetComplexity(c.cfg.Complexity); err != nil {
		return nil, fmt.Errorf("set opus complexity %d (0 to 10): %w", c.cfg.Complexity, err)
	}
	if bitrate := c.bitrate(rate); bitrate > 0 {
		if err := e.SetBitrate(bitrate); err != nil {
			return nil, fmt.Errorf("set opus bitrate %d: %w", bitrate, err)
		}
	}
	return &encoder{enc: e, useful: c.far.fec}, nil
}

// bitrate is ours, within what the far end takes; 0 leaves it to libopus.
func (c opusCodec) bitrate(rate int) int {
	switch ours := c.cfg.Bitrate; {
	case c.far.bitrate == 0:
		return ours
	case ours == 0:
		return min(rate+60*50, c.far.bitrate) // the first is what libopus would choose
	default:
		return min(ours, c.far.bitrate)
	}
}

// NewDecoder implements codec.Codec. Rates as for NewEncoder.
func (c opusCodec) NewDecoder(rate int) (codec.Decoder, error) {
	d, err := opus.NewDecoder(rate, 1)
	if err != nil {
		return nil, fmt.Errorf("make opus decoder at %d samples a second: %w", rate, err)
	}
	return &decoder{dec: d, longest: rate * longestMs / 1000}, nil
}

type encoder struct {
	enc    *opus.Encoder
	useful bool // the far end can use redundancy
	fec    bool // there is some
}

// Encode implements codec.Encoder. pcm holds 2.5, 5, 10, 20, 40 or 60 ms.
func (e *encoder) Encode(dst []byte, pcm []int16) ([]byte, error) {
	n := len(dst)
	dst = slices.Grow(dst, maxPayload)
	size, err := e.enc.Encode(pcm, dst[n:n+maxPayload:n+maxPayload])
	if err != nil {
		return dst, fmt.Errorf("encode %d samples as opus: %w", len(pcm), err)
	}
	return dst[:n+size], nil
}

// Expect implements codec.Adapter: redundancy costs nearly a third more time,
// so it is on only while the far end reports loss and said it can use it.
func (e *encoder) Expect(lossPercent int) {
	loss := min(max(lossPercent, 0), mostLossFEC)
	if fec := e.useful && loss >= lossForFEC; fec != e.fec {
		if e.enc.SetInBandFEC(fec) == nil {
			e.fec = fec
		}
	}
	if e.fec {
		_ = e.enc.SetPacketLossPerc(loss) // 0 to 100 is always taken
	}
}

type decoder struct {
	dec     *opus.Decoder
	longest int // samples of the longest packet
}

// Decode implements codec.Decoder.
func (d *decoder) Decode(dst []int16, payload []byte) ([]int16, error) {
	n := len(dst)
	dst = slices.Grow(dst, d.longest)
	got, err := d.dec.Decode(payload, dst[n:n+d.longest:n+d.longest])
	if err != nil {
		return dst[:n], fmt.Errorf("decode %d octets of opus: %w", len(payload), err)
	}
	return dst[:n+got], nil
}

// Conceal implements codec.Decoder. n that libopus cannot conceal in one piece
// (it wants multiples of 2.5 ms) is filled with silence.
func (d *decoder) Conceal(dst []int16, n int) []int16 {
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	if d.dec.DecodePLC(dst[at:at+n:at+n]) != nil { // the library fills to the capacity
		clear(dst[at:])
	}
	return dst
}

// Recover implements codec.Recoverer (RFC 6716 §2.1.7).
func (d *decoder) Recover(dst []int16, next []byte, n int) ([]int16, bool) {
	at := len(dst)
	dst = slices.Grow(dst, n)[:at+n]
	if d.dec.DecodeFEC(next, dst[at:at+n:at+n]) != nil {
		return d.Conceal(dst[:at], n), false
	}
	return dst, true
}
