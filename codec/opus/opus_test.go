package opus

import (
	"math/rand/v2"
	"testing"

	"github.com/tandem-voip/tandem/codec"
)

// What a far end can take is read, and what makes no sense is ignored.
func TestFormatIsRead(t *testing.T) {
	for _, tt := range []struct {
		fmtp string
		want format
	}{
		{"", format{playback: 48000}},
		{"useinbandfec=1;maxplaybackrate=8000; sprop-maxcapturerate=16000", format{playback: 8000, fec: true}},
		{"stereo=1;cbr=1;usedtx=1;MaxAverageBitrate=24000", format{playback: 48000, bitrate: 24000}},
		{"maxplaybackrate=7;maxaveragebitrate=1;useinbandfec=2;;=;x", format{playback: 48000}},
	} {
		if got := parseFormat(tt.fmtp); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.fmtp, got, tt.want)
		}
	}
}

// An encoder for a far end codes nothing that cannot be played there (RFC 7587
// §6.1, maxplaybackrate).
func TestEncoderKeepsToThePlaybackRate(t *testing.T) {
	for fmtp, fits := range map[string]int{"": 48000, "maxplaybackrate=8000": 8000, "maxplaybackrate=12000": 12000, "maxplaybackrate=16000": 16000} {
		c := fitted(t, fmtp)
		for _, rate := range []int{8000, 12000, 16000, 24000, 48000} {
			if _, err := c.NewEncoder(rate); (err == nil) != (rate <= fits) {
				t.Errorf("%q at %d samples a second: %v", fmtp, rate, err)
			}
		}
		if _, err := c.NewDecoder(48000); err != nil {
			t.Errorf("%q: what we play is bounded: %v", fmtp, err)
		}
	}
}

// The bits of what is coded stay within what the far end asked for, redundancy
// included (RFC 7587 §6.1, maxaveragebitrate); else the configuration decides.
func TestEncoderKeepsToTheBitrate(t *testing.T) {
	const seconds = 20
	for fmtp, most := range map[string]int{"useinbandfec=1": 24000, "maxaveragebitrate=9000;useinbandfec=1": 9000, "maxaveragebitrate=64000": 24000} {
		e, err := fitted(t, fmtp).NewEncoder(16000)
		if err != nil {
			t.Fatal(err)
		}
		e.(codec.Adapter).Expect(20)
		noise, pcm, octets := rand.New(rand.NewPCG(1, 2)), make([]int16, 320), 0
		for range 50 * seconds {
			for i := range pcm {
				pcm[i] = int16(noise.IntN(8000) - 4000)
			}
			payload, err := e.Encode(nil, pcm)
			if err != nil {
				t.Fatal(err)
			}
			octets += len(payload)
		}
		if got := octets * 8 / seconds; got > most*105/100 {
			t.Errorf("%q: %d bit/s, want at most %d", fmtp, got, most)
		}
	}
}

// Redundancy is for far ends that can use it: by default none can (RFC 7587
// §6.1, useinbandfec).
func TestRedundancyIsForWhoCanUseIt(t *testing.T) {
	for fmtp, want := range map[string]bool{"": false, "useinbandfec=0": false, "useinbandfec=1": true} {
		made, err := fitted(t, fmtp).NewEncoder(8000)
		if err != nil {
			t.Fatal(err)
		}
		e := made.(*encoder)
		e.Expect(20)
		if got, err := e.enc.InBandFEC(); err != nil || got != want {
			t.Errorf("%q: redundancy %v, %v", fmtp, got, err)
		}
	}
}

func fitted(t *testing.T, fmtp string) codec.Codec {
	t.Helper()
	f, ok := New(DefaultConfig()).(codec.Fitter)
	if !ok {
		t.Fatal("opus does not fit")
	}
	return f.Fit(fmtp)
}
