package media

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
)

// What a Meter takes for the tone.
const (
	meterRate  = 8000  // samples per second it decodes to
	meterFloor = -30.0 // dBm0 below which a packet holds no tone
	meterOnset = 500   // peak of a sample with which the tone begins, of 32767
	maxMetered = 3000  // packets measured: a minute
)

// A Meter hears the steady tone of a [Player] and measures it, for tests of a
// path. It is a PacketWriter to which an endpoint is connected. Safe for
// concurrent use.
type Meter struct {
	mu sync.Mutex
	// Guarded by mu.
	dec       codec.Decoder
	clock     int     // RTP timestamp units per second
	step      float64 // radians per sample
	pcm       []int16
	packets   int
	lost      int
	last      uint16
	first     uint32 // timestamp of the first packet
	levels    []float64
	arrivals  []time.Duration // of each packet: how long after the first it came, less how long after it was due
	began     time.Time       // arrival of the first packet with the tone
	offset    time.Duration   // of the tone in it
	firstTime time.Time
}

// NewMeter returns a Meter of a tone of that frequency in hertz, coded with c.
func NewMeter(c codec.Codec, frequency float64) (*Meter, error) {
	m := &Meter{clock: c.Params().ClockRate, step: 2 * math.Pi * frequency / meterRate}
	var err error
	if m.dec, err = c.NewDecoder(meterRate); err != nil {
		return nil, fmt.Errorf("make meter for %s: %w", c.Params().Name, err)
	}
	return m, nil
}

// WriteRTP measures a packet. What is no audio is passed over.
func (m *Meter) WriteRTP(now time.Time, p *rtp.Packet) error {
	if p.PayloadType != PayloadAudio {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	pcm, err := m.dec.Decode(m.pcm[:0], p.Payload)
	if err != nil {
		return err
	}
	m.pcm = pcm
	m.count(now, p)
	if level := m.level(pcm); level > meterFloor && len(m.levels) < maxMetered {
		if m.began.IsZero() {
			m.began, m.offset = now, onset(pcm)
		}
		m.levels = append(m.levels, level)
	}
	return nil
}

// count notes when a packet came, and those that did not.
func (m *Meter) count(now time.Time, p *rtp.Packet) {
	if m.packets == 0 {
		m.first, m.firstTime = p.Timestamp, now
	} else if gap := int16(p.SequenceNumber - m.last); gap > 1 {
		m.lost += int(gap) - 1
	}
	m.last = p.SequenceNumber
	m.packets++
	if len(m.arrivals) < maxMetered {
		due := time.Duration(p.Timestamp-m.first) * time.Second / time.Duration(m.clock)
		m.arrivals = append(m.arrivals, now.Sub(m.firstTime)-due)
	}
}

// level is that of the tone in a packet, in dBm0, by Goertzel's algorithm.
func (m *Meter) level(pcm []int16) float64 {
	if len(pcm) == 0 {
		return math.Inf(-1)
	}
	var s1, s2 float64
	k := 2 * math.Cos(m.step)
	for _, x := range pcm {
		s1, s2 = float64(x)+k*s1-s2, s1
	}
	peak := 2 * math.Sqrt(s1*s1+s2*s2-k*s1*s2) / float64(len(pcm))
	// 32124 is the peak of a sine of 3.14 dBm0 (ITU-T G.711 table 5).
	return 20*math.Log10(max(peak, 1e-9)/32124) + 3.14
}

// onset is where in a packet the tone begins.
func onset(pcm []int16) time.Duration {
	i := slices.IndexFunc(pcm, func(x int16) bool { return x > meterOnset || x < -meterOnset })
	return time.Duration(max(i, 0)) * time.Second / meterRate
}

// Measured is what a Meter found.
type Measured struct {
	Packets int
	Lost    int     // by the gaps in the sequence
	Level   float64 // dBm0, the median of all packets with the tone; 0 without any
	// Began is when the tone was first heard, put right by how late that packet
	// was against the others. Zero: never.
	Began time.Time
	// Jitter is how much later than the median the latest hundredth came.
	Jitter time.Duration
}

// Measured returns what was found so far.
func (m *Meter) Measured() Measured {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := Measured{Packets: m.packets, Lost: m.lost}
	if len(m.levels) == 0 {
		return out
	}
	levels, arrivals := slices.Sorted(slices.Values(m.levels)), slices.Sorted(slices.Values(m.arrivals))
	median := arrivals[len(arrivals)/2]
	out.Level = levels[len(levels)/2]
	out.Jitter = arrivals[len(arrivals)*99/100] - median
	out.Began = m.firstTime.Add(median + m.began.Sub(m.firstTime).Truncate(FrameDuration) + m.offset)
	return out
}
