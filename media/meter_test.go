package media

import (
	"bytes"
	"math"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/opus"
)

// A delay passes packets on later, and leaves some out.
type delay struct {
	dst  PacketWriter
	by   time.Duration
	drop uint16
}

func (d delay) WriteRTP(now time.Time, p *rtp.Packet) error {
	if d.drop != 0 && p.SequenceNumber%d.drop == 7 {
		return nil
	}
	return d.dst.WriteRTP(now.Add(d.by), p)
}

// A meter hears the player's tone at its level, after the delay of the path and
// of the codec, and counts what was lost.
func TestMeterMeasuresThePath(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for _, tc := range []struct {
		codec codec.Codec
		own   time.Duration // delay of the codec itself
	}{{g711.PCMU(), 0}, {opus.New(opus.DefaultConfig()), 7 * time.Millisecond}} {
		m, err := NewMeter(tc.codec, 1004)
		if err != nil {
			t.Fatal(err)
		}
		p, err := NewPlayer(tc.codec, Tone{Frequency: 1004}, delay{m, 5 * time.Millisecond, 50}, bytes.NewReader(make([]byte, 64)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			if err := p.Play(start.Add(time.Duration(i) * FrameDuration)); err != nil {
				t.Fatal(err)
			}
		}
		got := m.Measured()
		name := tc.codec.Params().Name
		if math.Abs(got.Level+10) > 1 {
			t.Errorf("%s: level %.2f dBm0, want -10", name, got.Level)
		}
		if d := got.Began.Sub(start) - 5*time.Millisecond - tc.own; d < -2*time.Millisecond || d > 2*time.Millisecond {
			t.Errorf("%s: began %v after the start", name, got.Began.Sub(start))
		}
		if got.Lost != 2 || got.Jitter != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
