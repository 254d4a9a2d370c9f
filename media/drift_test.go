package media

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
)

// blank is a codec of 8000 samples a second that costs next to nothing: half a
// million packets are not to be about PCM.
type blank struct{}

func (blank) Params() codec.Params                       { return codec.Params{Name: "blank", ClockRate: 8000} }
func (blank) NewEncoder(rate int) (codec.Encoder, error) { return blank{}.at(rate) }
func (blank) NewDecoder(rate int) (codec.Decoder, error) { return blank{}.at(rate) }

func (b blank) at(rate int) (blank, error) {
	if rate != b.Params().ClockRate {
		return b, errors.New("no such rate")
	}
	return b, nil
}

func (blank) Encode(dst []byte, pcm []int16) ([]byte, error) {
	return append(dst, byte(len(pcm))), nil
}

func (blank) Decode(dst []int16, payload []byte) ([]int16, error) {
	return dst[:len(dst)+int(payload[0])], nil
}

func (blank) Conceal(dst []int16, n int) []int16 { return dst[:len(dst)+n] }

// A driftCheck stamps what a Recoder writes and looks for holes and delay.
type driftCheck struct {
	t     *testing.T
	line  stamper
	step  uint32
	n     int
	last  stamp
	first uint32 // outgoing timestamp of the first packet
}

func (d *driftCheck) WriteRTP(now time.Time, p *rtp.Packet) error {
	st, ok := d.line.next(now, p.SSRC, p.SequenceNumber, p.Timestamp)
	switch {
	case d.n == 0:
		d.first = st.ts
	case !ok || st.marker || st.seq != d.last.seq+1 || st.ts-d.last.ts != d.step:
		d.t.Fatalf("packet %d: kept %v, marker %v, sequence %d to %d, timestamp +%d, want +%d",
			d.n, ok, st.marker, d.last.seq, st.seq, st.ts-d.last.ts, d.step)
	}
	d.n++
	d.last = st
	return nil
}

// F9: a source whose clock runs 200 ppm fast or slow for three hours, which is
// 2.16 s in all, is passed on packet by packet: no hole, no restart, never more
// than one packet waits.
func TestClockDriftForHoursGathersNoDelay(t *testing.T) {
	const hours, ppm = 3 * time.Hour, 200
	for _, tt := range []struct{ every, out time.Duration }{
		{FrameDuration * (1e6 - ppm) / 1e6, 30 * time.Millisecond},
		{FrameDuration * (1e6 + ppm) / 1e6, FrameDuration},
	} {
		step := samples(tt.out, 8000)
		far := &driftCheck{t: t, line: stamper{clock: 8000}, step: uint32(step)}
		r, err := NewRecoder(blank{}, blank{}, tt.out, far)
		if err != nil {
			t.Fatal(err)
		}
		room := cap(r.pcm)
		p := newSource(t, blank{}, 8000, FrameDuration).packet(PayloadAudio)
		now, in := r0, 0
		for ; now.Sub(r0) < hours; now = now.Add(tt.every) {
			if err := r.WriteRTP(now, p); err != nil {
				t.Fatal(err)
			}
			in += 160
			if behind := in - far.n*step; behind < 0 || behind >= step {
				t.Fatalf("after %v %d samples wait, a packet has %d", now.Sub(r0), behind, step)
			}
			p.SequenceNumber++
			p.Timestamp += 160
		}
		if got, want := far.last.ts-far.first, uint32((far.n-1)*step); got != want {
			t.Errorf("a packet every %v: the far side's time went on by %d, want %d", tt.every, got, want)
		}
		if s := r.Stats(); s.Late+s.Bad+s.Concealed+s.Recovered != 0 || cap(r.pcm) != room {
			t.Errorf("a packet every %v: %+v, room for %d samples, was %d", tt.every, s, cap(r.pcm), room)
		}
	}
}
