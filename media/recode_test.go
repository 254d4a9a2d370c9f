package media

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/g722"
	"github.com/tandem-voip/tandem/codec/opus"
	"github.com/tandem-voip/tandem/media/sdp"
)

var r0 = time.Unix(1_700_000_000, 0)

// farSide takes what a Recoder writes and decodes it.
type farSide struct {
	t       *testing.T
	dec     codec.Decoder
	clock   int
	rate    int
	headers []rtp.Header
	pcm     []int16
	events  []rtp.Header
}

func (f *farSide) WriteRTP(_ time.Time, p *rtp.Packet) error {
	if p.PayloadType != PayloadAudio {
		f.events = append(f.events, p.Header)
		return nil
	}
	f.headers = append(f.headers, p.Header)
	var err error
	if f.pcm, err = f.dec.Decode(f.pcm, p.Payload); err != nil {
		f.t.Fatal(err)
	}
	return nil
}

// source makes the packets of a tone in one codec.
type source struct {
	t     *testing.T
	enc   codec.Encoder
	clock int
	rate  int
	ptime time.Duration
	n     int
	seq   uint16
	stamp uint32
}

func newSource(t *testing.T, c codec.Codec, rate int, ptime time.Duration) *source {
	enc, err := c.NewEncoder(rate)
	if err != nil {
		t.Fatal(err)
	}
	// Both numbers are about to wrap.
	return &source{t: t, enc: enc, clock: c.Params().ClockRate, rate: rate, ptime: ptime, seq: 65530, stamp: math.MaxUint32 - 3000}
}

func (s *source) packet(payloadType uint8) *rtp.Packet {
	n := samples(s.ptime, s.rate)
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(12000 * math.Sin(2*math.Pi*1004*float64(s.n+i)/float64(s.rate)))
	}
	s.n += n
	payload, err := s.enc.Encode(nil, pcm)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: payloadType, SequenceNumber: s.seq, Timestamp: s.stamp, SSRC: 7}, Payload: payload}
	s.seq++
	s.stamp += uint32(samples(s.ptime, s.clock))
	return p
}

func newFarSide(t *testing.T, c codec.Codec, rate int) *farSide {
	dec, err := c.NewDecoder(rate)
	if err != nil {
		t.Fatal(err)
	}
	return &farSide{t: t, dec: dec, clock: c.Params().ClockRate, rate: rate}
}

// wantContinuous checks that sequence and timestamps have no hole.
func (f *farSide) wantContinuous(ptime time.Duration) {
	f.t.Helper()
	step := uint32(samples(ptime, f.clock))
	for i := 1; i < len(f.headers); i++ {
		a, b := f.headers[i-1], f.headers[i]
		if b.SequenceNumber != a.SequenceNumber+1 || b.Timestamp != a.Timestamp+step {
			f.t.Fatalf("packet %d: sequence %d to %d, timestamp +%d, want +%d", i, a.SequenceNumber, b.SequenceNumber, b.Timestamp-a.Timestamp, step)
		}
	}
}

// level is the level of the 1004 Hz tone relative to what the source sent, in dB.
func (f *farSide) level() float64 {
	pcm := f.pcm[len(f.pcm)/2:]
	var re, im float64
	for i, s := range pcm {
		a := 2 * math.Pi * 1004 * float64(i) / float64(f.rate)
		re += float64(s) * math.Cos(a)
		im += float64(s) * math.Sin(a)
	}
	n := float64(len(pcm))
	return 10 * math.Log10(4*(re*re+im*im)/(n*n)/(12000*12000))
}

type recodePair struct {
	name     string
	from, to codec.Codec
	in, out  int // rates of the two test ends
}

func recodePairs() []recodePair {
	u, a, o, g := g711.PCMU(), g711.PCMA(), opus.New(opus.DefaultConfig()), g722.New()
	return []recodePair{
		{"PCMU to PCMA", u, a, 8000, 8000},
		{"PCMU to opus", u, o, 8000, 48000},
		{"opus to PCMU", o, u, 48000, 8000},
		{"opus to PCMA", o, a, 8000, 8000},
		{"G722 to PCMU", g, u, 16000, 8000},
		{"PCMA to G722", a, g, 8000, 16000},
		{"G722 to opus", g, o, 16000, 16000},
		{"opus to G722", o, g, 48000, 16000},
	}
}

// Every pair of codecs and every pair of packet times keeps the level of a tone
// within 1 dB and leaves no hole, over the wraps of sequence and timestamp.
func TestRecodingKeepsTheTone(t *testing.T) {
	times := []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 40 * time.Millisecond, 60 * time.Millisecond}
	for _, tt := range recodePairs() {
		for _, in := range times {
			for _, out := range times {
				t.Run(tt.name+" "+in.String()+" to "+out.String(), func(t *testing.T) {
					far := newFarSide(t, tt.to, tt.out)
					r, err := NewRecoder(tt.from, tt.to, out, far)
					if err != nil {
						t.Fatal(err)
					}
					src := newSource(t, tt.from, tt.in, in)
					for range 1200 * time.Millisecond / in {
						if err := r.WriteRTP(r0, src.packet(PayloadAudio)); err != nil {
							t.Fatal(err)
						}
					}
					far.wantContinuous(out)
					if db := far.level(); math.Abs(db) > 1 {
						t.Errorf("level changed by %.2f dB", db)
					}
					if n := int(1200 * time.Millisecond / out); len(far.headers) != n {
						t.Errorf("%d packets, want %d", len(far.headers), n)
					}
				})
			}
		}
	}
}

// Up to three packets lost in a row leave no hole in the other side's stream.
func TestShortLossIsFilled(t *testing.T) {
	for _, tt := range recodePairs() {
		for lost := 1; lost <= repairable; lost++ {
			far := newFarSide(t, tt.to, tt.out)
			r, err := NewRecoder(tt.from, tt.to, 0, far)
			if err != nil {
				t.Fatal(err)
			}
			src := newSource(t, tt.from, tt.in, FrameDuration)
			for i := range 60 {
				p := src.packet(PayloadAudio)
				if i >= 20 && i < 20+lost {
					continue
				}
				if err := r.WriteRTP(r0, p); err != nil {
					t.Fatal(err)
				}
			}
			far.wantContinuous(FrameDuration)
			if s := r.Stats(); s.Recovered+s.Concealed != uint64(lost) || s.Recoded != 60 {
				t.Errorf("%s, %d lost: %+v", tt.name, lost, s)
			}
		}
	}
}

// A longer loss is left as the same gap in sequence and time.
func TestLongLossIsLeft(t *testing.T) {
	far := newFarSide(t, g711.PCMA(), 8000)
	r, _ := NewRecoder(g711.PCMU(), g711.PCMA(), 0, far)
	src := newSource(t, g711.PCMU(), 8000, FrameDuration)
	for i := range 40 {
		if p := src.packet(PayloadAudio); i < 10 || i >= 20 {
			if err := r.WriteRTP(r0, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	a, b := far.headers[9], far.headers[10]
	if b.SequenceNumber-a.SequenceNumber != 11 || b.Timestamp-a.Timestamp != 11*160 || !b.Marker {
		t.Errorf("after the gap: sequence +%d, timestamp +%d, marker %v", b.SequenceNumber-a.SequenceNumber, b.Timestamp-a.Timestamp, b.Marker)
	}
}

// A packet that comes late or twice goes no further.
func TestLateAndDoublePacketsAreDropped(t *testing.T) {
	far := newFarSide(t, g711.PCMA(), 8000)
	r, _ := NewRecoder(g711.PCMU(), g711.PCMA(), 0, far)
	src := newSource(t, g711.PCMU(), 8000, FrameDuration)
	var held *rtp.Packet
	for i := range 20 {
		p := src.packet(PayloadAudio)
		if i == 5 {
			held = p
			continue
		}
		_ = r.WriteRTP(r0, p)
		if i == 6 {
			if r.WriteRTP(r0, held) == nil || r.WriteRTP(r0, p) == nil {
				t.Error("a late packet was taken")
			}
		}
	}
	far.wantContinuous(FrameDuration)
	if got := r.Stats().Late; got != 2 {
		t.Errorf("late = %d, want 2", got)
	}
}

// Silence that was not sent stays a gap in time, not in sequence.
func TestUnsentSilenceStaysAGap(t *testing.T) {
	far := newFarSide(t, g711.PCMU(), 8000)
	r, _ := NewRecoder(opus.New(opus.DefaultConfig()), g711.PCMU(), 0, far)
	src := newSource(t, opus.New(opus.DefaultConfig()), 8000, FrameDuration)
	for i := range 20 {
		if i == 10 {
			src.stamp += 48000
		}
		_ = r.WriteRTP(r0, src.packet(PayloadAudio))
	}
	a, b := far.headers[9], far.headers[10]
	if b.SequenceNumber != a.SequenceNumber+1 || b.Timestamp-a.Timestamp != 8000+160 || !b.Marker {
		t.Errorf("after silence: sequence +%d, timestamp +%d, marker %v", b.SequenceNumber-a.SequenceNumber, b.Timestamp-a.Timestamp, b.Marker)
	}
}

// Events pass in order, with timestamps on the other side's clock.
func TestEventsPassInOrder(t *testing.T) {
	far := newFarSide(t, opus.New(opus.DefaultConfig()), 8000)
	r, _ := NewRecoder(g711.PCMU(), opus.New(opus.DefaultConfig()), 0, far)
	src := newSource(t, g711.PCMU(), 8000, FrameDuration)
	for i := range 20 {
		p := src.packet(PayloadAudio)
		if i >= 10 && i < 13 {
			p.PayloadType = PayloadEvent
			p.Payload = []byte{1, 10, 0, 160}
		}
		_ = r.WriteRTP(r0, p)
	}
	if len(far.events) != 3 || r.Stats().Passed != 3 {
		t.Fatalf("%d events passed", len(far.events))
	}
	e, before, after := far.events[0], far.headers[9], far.headers[10]
	if e.SequenceNumber != before.SequenceNumber+1 || e.Timestamp != before.Timestamp+960 {
		t.Errorf("event at sequence +%d, timestamp +%d", e.SequenceNumber-before.SequenceNumber, e.Timestamp-before.Timestamp)
	}
	if after.Timestamp != before.Timestamp+4*960 {
		t.Errorf("audio after the event at timestamp +%d", after.Timestamp-before.Timestamp)
	}
}

// Another SSRC is another stream: it goes on at once.
func TestNewSourceGoesOnAtOnce(t *testing.T) {
	far := newFarSide(t, g711.PCMA(), 8000)
	r, _ := NewRecoder(g711.PCMU(), g711.PCMA(), 0, far)
	for _, ssrc := range []uint32{1, 2} {
		src := newSource(t, g711.PCMU(), 8000, FrameDuration)
		src.seq, src.stamp = uint16(ssrc*1000), ssrc*77777
		for range 5 {
			p := src.packet(PayloadAudio)
			p.SSRC = ssrc
			if err := r.WriteRTP(r0, p); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(far.headers) != 10 || far.headers[5].SSRC != 2 || !far.headers[5].Marker {
		t.Errorf("%d packets, the new source's first: %+v", len(far.headers), far.headers[5])
	}
}

// Redundancy is asked of the encoder when the far end reports loss, and then a
// lost packet is recovered.
func TestReportedLossBuysRedundancy(t *testing.T) {
	o := opus.New(opus.DefaultConfig())
	pcmu := newFarSide(t, g711.PCMU(), 8000)
	back, _ := NewRecoder(o, g711.PCMU(), 0, pcmu)
	drop := 0
	lossy := lossyWriter{func(now time.Time, p *rtp.Packet) error {
		if drop++; drop > 30 && drop%10 == 0 {
			return nil
		}
		return back.WriteRTP(now, p)
	}}
	r, _ := NewRecoder(g711.PCMU(), o, 0, lossy)
	src := newSource(t, g711.PCMU(), 8000, FrameDuration)
	for range 200 {
		_ = r.WriteRTP(r0, src.packet(PayloadAudio))
	}
	if s := back.Stats(); s.Recovered < 15 {
		t.Errorf("recovered %d of 17 lost packets: %+v", s.Recovered, s)
	}
	pcmu.wantContinuous(FrameDuration)
}

type writerFunc func(now time.Time, p *rtp.Packet) error

func (f writerFunc) WriteRTP(now time.Time, p *rtp.Packet) error { return f(now, p) }

// A lossyWriter reports that a tenth of its packets is lost.
type lossyWriter struct{ writerFunc }

func (lossyWriter) RemoteLoss() int { return 10 }

// Opus is coded no wider than the far end plays, whatever the source brings
// (RFC 7587 §6.1).
func TestOpusIsNoWiderThanTheFarEndPlays(t *testing.T) {
	for fmtp, widest := range map[string]int{"": 2, "maxplaybackrate=8000": 0, "maxplaybackrate=16000": 2} {
		o := codec.Set{opus.New(opus.DefaultConfig())}.Find(codec.Params{Name: "opus", ClockRate: 48000, Channels: 2, Format: fmtp})
		got := 0
		r, err := NewRecoder(g722.New(), o, 0, writerFunc(func(_ time.Time, p *rtp.Packet) error {
			got = max(got, opusBand(p.Payload[0]))
			return nil
		}))
		if err != nil {
			t.Fatal(err)
		}
		src := newSource(t, g722.New(), 16000, FrameDuration)
		for range 100 {
			_ = r.WriteRTP(r0, src.packet(PayloadAudio))
		}
		if got != widest {
			t.Errorf("%q: bandwidth %d, want %d", fmtp, got, widest)
		}
	}
}

// opusBand is the bandwidth that the first octet of an Opus packet states: 0 to
// 4 are 4, 6, 8, 12 and 20 kHz of audio (RFC 6716 §3.1, table 2).
func opusBand(toc byte) int {
	switch config := int(toc >> 3); {
	case config < 12:
		return config / 4
	case config < 16:
		return 3 + (config-12)/2
	default:
		return []int{0, 2, 3, 4}[(config-16)/4]
	}
}

// The loss that the far side reports by RTCP reaches the encoder, and its end
// does (RFC 3550 §6.4.1, RFC 6716 §2.1.7). None of it allocates.
func TestLossReportedByRTCPTurnsRedundancyOnAndOff(t *testing.T) {
	o := opus.New(opus.DefaultConfig())
	bubble(t, func(_ *Config, d *Deps) { d.Codecs = codec.Set{o, g711.PCMU()} }, func(t *testing.T, b *bench) {
		ea, eb, pa, pb := b.join(Options{}, Options{})
		a := agree(pb.addr())
		a.Send = sdp.Format{Type: 111, Codec: o.Params()}
		a.Receive[0] = a.Send
		apply(t, eb, "b", a)
		r, err := NewRecoder(g711.PCMU(), codec.Set{o}.Find(a.Send.Codec), 0, eb)
		if err != nil {
			t.Fatal(err)
		}
		ea.Connect(r)
		ctl := b.phone("203.0.113.1:5001", eb)
		ctl.to = ctl.rtcp
		for _, c := range []struct {
			lost      uint8 // of 256
			redundant bool
		}{{0, false}, {26, true}, {0, false}} {
			pa.say(1, 1) // so that our SSRC is known
			heard := pb.packets()
			report := rtcp.ReceiverReport{SSRC: pb.ssrc, Reports: []rtcp.ReceptionReport{{SSRC: heard[len(heard)-1].SSRC, FractionLost: c.lost}}}
			raw, err := report.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			ctl.send(raw)
			pb.forget()
			for i := range 50 {
				pa.say(1, byte(40*i))
			}
			with := 0
			for _, p := range pb.packets() {
				// The second bit of a mono packet of SILK says that it holds
				// the one before as well (RFC 6716 §4.2.4).
				if p.Payload[1]&0x40 != 0 {
					with++
				}
			}
			if (with > 10) != c.redundant {
				t.Errorf("%d of 256 reported lost: %d of %d packets are redundant", c.lost, with, len(pb.packets()))
			}
		}
	})
}

// Recoding a packet allocates nothing.
func TestRecodingAllocatesNothing(t *testing.T) {
	for _, tt := range recodePairs() {
		r, _ := NewRecoder(tt.from, tt.to, 0, lossyWriter{func(time.Time, *rtp.Packet) error { return nil }})
		src := newSource(t, tt.from, tt.in, FrameDuration)
		p := src.packet(PayloadAudio)
		if n := testing.AllocsPerRun(100, func() {
			p.SequenceNumber++
			p.Timestamp += uint32(samples(FrameDuration, src.clock))
			_ = r.WriteRTP(r0, p)
		}); n != 0 {
			t.Errorf("%s: %v allocations a packet", tt.name, n)
		}
	}
}

// BenchmarkRecode is the cost of one packet of 20 ms through a Recoder.
func BenchmarkRecode(b *testing.B) {
	for _, tt := range recodePairs() {
		b.Run(tt.name, func(b *testing.B) {
			r, _ := NewRecoder(tt.from, tt.to, 0, writerFunc(func(time.Time, *rtp.Packet) error { return nil }))
			src := newSource(&testing.T{}, tt.from, tt.in, FrameDuration)
			p := src.packet(PayloadAudio)
			b.ReportAllocs()
			for b.Loop() {
				p.SequenceNumber++
				p.Timestamp += uint32(samples(FrameDuration, src.clock))
				_ = r.WriteRTP(r0, p)
			}
		})
	}
}
