package media

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/media/sdp"
)

// Comfort noise for a far side that takes none is a pause, or, where pauses are
// filled, noise as loud as it said, until speech comes again (RFC 3389 §3).
func TestComfortNoiseFillsPausesAtItsLevel(t *testing.T) {
	for _, c := range []struct {
		keep  bool
		level byte
		want  float64 // dBov of what is heard; 0: nothing
	}{{true, 40, -40}, {true, 55, -55}, {false, 40, 0}} {
		bubble(t, nil, func(t *testing.T, b *bench) {
			ea, _, pa, pb := b.join(Options{}, Options{KeepMedia: c.keep})
			a := agree(pa.addr())
			a.ComfortNoise = sdp.Payload{Send: 13, Receive: 13, Clock: 8000}
			apply(t, ea, "a", a)
			pa.say(5, 0xff)
			noise := rtp.Packet{
				Header:  rtp.Header{Version: 2, PayloadType: 13, SequenceNumber: pa.seq, Timestamp: pa.ts, SSRC: pa.ssrc},
				Payload: []byte{c.level},
			}
			pa.seq++
			raw, err := noise.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			pa.send(raw)
			pb.forget()
			time.Sleep(2 * time.Second)
			if got := loudness(t, pb.packets()); math.Abs(got-c.want) > 1 {
				t.Errorf("level %d, filled %v: heard %.1f dBov, want %.1f", c.level, c.keep, got, c.want)
			}
			pa.ts += 160 * 101
			pa.say(1, 0xff)
			pb.forget()
			time.Sleep(time.Second)
			if got := loudness(t, pb.packets()); c.keep && got > -90 {
				t.Errorf("after speech pauses are filled at %.1f dBov", got)
			}
		})
	}
}

// loudness is the level of PCMU packets in dBov; 0 for none.
func loudness(t *testing.T, packets []heardPacket) float64 {
	t.Helper()
	d, err := g711.PCMU().NewDecoder(8000)
	if err != nil {
		t.Fatal(err)
	}
	var sum, n float64
	for _, p := range packets {
		pcm, err := d.Decode(nil, p.Payload)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range pcm {
			sum += float64(s) * float64(s)
			n++
		}
	}
	if n == 0 {
		return 0
	}
	return 10 * math.Log10(max(sum/n, 1e-3)/(math.MaxInt16*math.MaxInt16))
}
