package media

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec/g711"
)

// A tone player sounds at its frequency and level, in packets without a gap.
func TestPlayerSoundsSteadily(t *testing.T) {
	c := g711.PCMU()
	dec, err := c.NewDecoder(8000)
	if err != nil {
		t.Fatal(err)
	}
	var pcm []int16
	var last rtp.Header
	packets := 0
	dst := writerFunc(func(_ time.Time, p *rtp.Packet) error {
		if packets > 0 && (p.SequenceNumber != last.SequenceNumber+1 || p.Timestamp != last.Timestamp+160) {
			t.Errorf("packet %d: seq %d, stamp %d after %d, %d", packets, p.SequenceNumber, p.Timestamp, last.SequenceNumber, last.Timestamp)
		}
		last = p.Header
		packets++
		pcm, err = dec.Decode(pcm, p.Payload)
		return err
	})
	p, err := NewPlayer(c, Tone{Frequency: 1004}, dst, strings.NewReader("eight by"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(0, 0)
	for i := range 50 {
		if err := p.Play(now.Add(time.Duration(i) * FrameDuration)); err != nil {
			t.Fatal(err)
		}
	}
	sum, crossings := 0.0, 0
	for i, s := range pcm {
		sum += float64(s) * float64(s)
		if i > 0 && (pcm[i-1] < 0) != (s < 0) {
			crossings++
		}
	}
	// 0 dBm0 is a sine 3.14 dB below one whose peak is 32124 (ITU-T G.711).
	level := 20*math.Log10(math.Sqrt(2*sum/float64(len(pcm)))/32124) + 3.14
	if math.Abs(level+10) > 0.5 {
		t.Errorf("level is %.1f dBm0, want -10", level)
	}
	if crossings < 2005 || crossings > 2011 {
		t.Errorf("%d zero crossings in a second, want 2008", crossings)
	}
}

// A tone with pauses sounds and is silent in turn, in packets without a gap.
func TestPlayerPauses(t *testing.T) {
	c := g711.PCMU()
	dec, err := c.NewDecoder(8000)
	if err != nil {
		t.Fatal(err)
	}
	var sounds []bool
	dst := writerFunc(func(_ time.Time, p *rtp.Packet) error {
		pcm, err := dec.Decode(nil, p.Payload)
		sounds = append(sounds, slices.Max(pcm) > 1000)
		return err
	})
	tone := Tone{Frequency: 425, On: 2 * FrameDuration, Off: 3 * FrameDuration}
	p, err := NewPlayer(c, tone, dst, strings.NewReader("eight by"))
	if err != nil {
		t.Fatal(err)
	}
	for range 11 {
		if err := p.Play(time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
	}
	want := []bool{true, true, false, false, false, true, true, false, false, false, true}
	if !slices.Equal(sounds, want) {
		t.Errorf("frames sound %v, want %v", sounds, want)
	}
}
