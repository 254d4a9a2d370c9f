package dtmf

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

var t0 = time.Unix(1_000_000_000, 0)

// heard collects what a Receiver reports.
func heard(r *Receiver, now time.Time, stamp uint32, events ...Event) []Press {
	var got []Press
	for i, e := range events {
		if p, ok := r.Receive(now.Add(time.Duration(i)*Step), stamp, e); ok {
			got = append(got, p)
		}
	}
	return got
}

func packets(code uint8) []Event {
	return []Event{
		{Code: code, Duration: 160},
		{Code: code, Duration: 320},
		{Code: code, Duration: 480, End: true},
		{Code: code, Duration: 480, End: true},
		{Code: code, Duration: 480, End: true},
	}
}

// Each of the sixteen keys is reported once with its duration (RFC 4733 §2.5.2).
func TestEachDigitIsReportedOnce(t *testing.T) {
	for i := range len(keys) {
		r := NewReceiver(8000)
		got := heard(r, t0, 1000, packets(uint8(i))...)
		if want := []Press{{Digit(keys[i]), 60 * time.Millisecond}}; !slices.Equal(got, want) {
			t.Errorf("%c: heard %d presses of %v", keys[i], len(got), got)
		}
	}
}

// Any subset of a digit's packets, in any order, is one press.
func TestLostAndShuffledPacketsAreOnePress(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		r := NewReceiver(8000)
		ps := packets(5)
		rng.Shuffle(len(ps), func(i, j int) { ps[i], ps[j] = ps[j], ps[i] })
		ps = ps[:1+rng.IntN(len(ps))]
		got := heard(r, t0, 77, ps...)
		if p, ok := r.Advance(t0.Add(time.Second)); ok {
			got = append(got, p)
		}
		got = append(got, heard(r, t0.Add(2*time.Second), 77, packets(5)...)...)
		if len(got) != 1 || got[0].Digit != '5' {
			t.Fatalf("%d presses from %+v", len(got), ps)
		}
	}
}

// A digit whose end packets are all lost ends when the next one begins.
func TestNextDigitEndsTheOneBefore(t *testing.T) {
	r := NewReceiver(8000)
	got := heard(r, t0, 1000, packets(1)[:2]...)
	got = append(got, heard(r, t0.Add(100*time.Millisecond), 5000, packets(2)...)...)
	want := []Press{{'1', 40 * time.Millisecond}, {'2', 60 * time.Millisecond}}
	if !slices.Equal(got, want) {
		t.Errorf("%d presses, want 2", len(got))
	}
}

// A digit held longer than one segment can say is still one digit (RFC 4733 §2.5.1.3).
func TestLongDigitIsOnePress(t *testing.T) {
	r := NewReceiver(8000)
	got := heard(r, t0, 1000, Event{Code: 3, Duration: 60000}, Event{Code: 3, Duration: longest})
	got = append(got, heard(r, t0.Add(time.Second), 1000+longest, Event{Code: 3, Duration: 465, End: true})...)
	want := Press{'3', (longest + 465) * time.Second / 8000}
	if len(got) != 1 || got[0] != want {
		t.Errorf("heard %d presses, the first for %v", len(got), got)
	}
}

// What a Sender sends, a Receiver hears: same digits, same order, same lengths.
func TestSenderIsHeardByReceiver(t *testing.T) {
	for _, clock := range []int{8000, 48000} {
		s, r := NewSender(clock), NewReceiver(clock)
		var want, got []Press
		for i := range len(keys) {
			p := Press{Digit(keys[i]), time.Duration(60+20*i) * time.Millisecond}
			want = append(want, p)
			if !s.Press(t0, p) {
				t.Fatal("refused")
			}
		}
		var stamp uint32
		for now := t0; s.Busy(); now = now.Add(5 * time.Millisecond) {
			for {
				p, ok := s.Next(now)
				if !ok {
					break
				}
				if p.First {
					stamp = uint32(now.Sub(t0) * time.Duration(clock) / time.Second)
				}
				e, err := ParseEvent(p.Event.Append(nil))
				if err != nil {
					t.Fatal(err)
				}
				if p, ok := r.Receive(now, stamp, e); ok {
					got = append(got, p)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("clock %d: %d presses came, want %d", clock, len(got), len(want))
		}
	}
}

// A full line refuses, and forgets nothing.
func TestSenderBoundsItsLine(t *testing.T) {
	s := NewSender(8000)
	for range waiting {
		if !s.Press(t0, Press{Digit: '1'}) {
			t.Fatal("refused too early")
		}
	}
	if s.Press(t0, Press{Digit: '2'}) {
		t.Error("a press more than the line holds was taken")
	}
}

// Both INFO bodies say every key, in every spelling seen.
func TestInfoBodies(t *testing.T) {
	for _, tt := range []struct {
		kind, body string
		want       Press
	}{
		{InfoRelay, "Signal=5\r\nDuration=160\r\n", Press{'5', 160 * time.Millisecond}},
		{InfoRelay, "Signal= #\nDuration= 250", Press{'#', 250 * time.Millisecond}},
		{InfoRelay, "signal=a", Press{'A', infoDuration}},
		{InfoRelay, "Signal=10\r\nDuration=99999999", Press{'*', infoDuration}},
		{InfoPlain, "11\r\n", Press{'#', infoDuration}},
		{"Application/DTMF; charset=x", "D", Press{'D', infoDuration}},
	} {
		got, err := ParseInfo(tt.kind, []byte(tt.body))
		if err != nil || got != tt.want {
			t.Errorf("%s %q: %v %v", tt.kind, tt.body, got.Duration, err)
		}
	}
	for _, body := range []string{"", "Signal=", "Signal=x", "Signal=16", "99"} {
		if _, err := ParseInfo(InfoRelay, []byte(body)); err == nil {
			t.Errorf("%q holds a digit?", body)
		}
	}
}

// A body written is read back.
func TestInfoRoundTrip(t *testing.T) {
	for i := range len(keys) {
		p := Press{Digit(keys[i]), infoDuration}
		for _, kind := range []string{InfoRelay, InfoPlain} {
			if got, err := ParseInfo(kind, AppendInfo(nil, kind, p)); err != nil || got != p {
				t.Errorf("%s of %c: %v %v", kind, keys[i], got, err)
			}
		}
	}
}

// detect runs pcm through a Detector in pieces of 20 ms.
func detect(d *Detector, pcm []int16, piece int, mute bool) []Press {
	var got []Press
	for len(pcm) > 0 {
		n := min(piece, len(pcm))
		if p, ok := d.Process(pcm[:n], mute); ok {
			got = append(got, p)
		}
		pcm = pcm[n:]
	}
	return got
}

func spell(ps []Press) string {
	var b strings.Builder
	for _, p := range ps {
		b.WriteByte(byte(p.Digit))
	}
	return b.String()
}

// Every key that is sounded is detected once, at each rate, with its length to
// within a block.
func TestTonesAreDetected(t *testing.T) {
	for _, rate := range []int{8000, 16000, 48000} {
		for _, length := range []time.Duration{Shortest, 100 * time.Millisecond, 400 * time.Millisecond} {
			g := NewGenerator(rate)
			for i := range len(keys) {
				g.Press(Press{Digit(keys[i]), length})
			}
			pcm := make([]int16, 20*rate)
			g.Sound(pcm)
			got := detect(NewDetector(rate), pcm, rate/50, false)
			if spell(got) != keys {
				t.Errorf("%d Hz, %v: heard %q", rate, length, spell(got))
			}
			for _, p := range got {
				if d := p.Duration - length; d < -26*time.Millisecond || d > 26*time.Millisecond {
					t.Errorf("%d Hz: %v was measured as %v", rate, length, p.Duration)
				}
			}
		}
	}
}

// Digits are found under noise of -15 dB and not in noise alone.
func TestDetectorAndNoise(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	g := NewGenerator(8000)
	for i := range len(keys) {
		g.Press(Press{Digit(keys[i]), 80 * time.Millisecond})
	}
	pcm := make([]int16, 8000*4)
	g.Sound(pcm)
	for i := range pcm {
		pcm[i] += int16(rng.NormFloat64() * 1700)
	}
	if got := spell(detect(NewDetector(8000), pcm, 160, false)); got != keys {
		t.Errorf("under noise: %q", got)
	}
	noise := make([]int16, 8000*60)
	for i := range noise {
		noise[i] = int16(rng.NormFloat64() * 6000)
	}
	if got := detect(NewDetector(8000), noise, 160, false); len(got) != 0 {
		t.Errorf("%d digits in a minute of noise", len(got))
	}
}

// With mute, less of a digit is left than anyone could take for one.
func TestMutedTonesAreGone(t *testing.T) {
	g := NewGenerator(8000)
	for i := range len(keys) {
		g.Press(Press{Digit(keys[i]), 100 * time.Millisecond})
	}
	pcm := make([]int16, 8000*4)
	g.Sound(pcm)
	if got := spell(detect(NewDetector(8000), pcm, 160, true)); got != keys {
		t.Fatalf("heard %q while muting", got)
	}
	if got := detect(NewDetector(8000), pcm, 160, false); len(got) != 0 {
		t.Errorf("%d digits are still heard", len(got))
	}
}

// Speech-like sweeps, chords and single tones are no digits.
func TestOtherTonesAreNoDigits(t *testing.T) {
	d := NewDetector(8000)
	for _, hz := range [][]float64{{1004}, {440, 480}, {350, 440}, {697}, {697, 770}, {1209, 1336}, {697, 1209, 1477}} {
		g := Generator{rate: 8000}
		pcm := make([]int16, 8000)
		for _, f := range hz {
			g.row, g.column, g.sound = 2*3.14159265*f/8000, 0, len(pcm)
			for i := range pcm {
				g.at = i
				pcm[i] += g.sample() / 2
			}
		}
		if got := detect(d, pcm, 160, false); len(got) != 0 {
			t.Errorf("%v Hz: %d digits", hz, len(got))
		}
	}
}

// A packet costs no allocation in any of the cores.
func TestNothingIsAllocated(t *testing.T) {
	r, s, d, g := NewReceiver(8000), NewSender(8000), NewDetector(8000), NewGenerator(8000)
	pcm, buf := make([]int16, 160), make([]byte, 0, 8)
	now := t0
	if n := testing.AllocsPerRun(200, func() {
		now = now.Add(Step)
		s.Press(now, Press{'1', Shortest})
		g.Press(Press{'1', Shortest})
		if p, ok := s.Next(now); ok {
			e, _ := ParseEvent(p.Event.Append(buf))
			r.Receive(now, 1, e)
		}
		g.Sound(pcm)
		d.Process(pcm, true)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Arbitrary payloads and bodies never panic, and a press is always of a key.
func FuzzEvent(f *testing.F) {
	f.Add([]byte{5, 0x8a, 1, 64}, uint32(1000), "Signal=5")
	f.Add([]byte{255}, uint32(0), "")
	r := NewReceiver(8000)
	f.Fuzz(func(t *testing.T, b []byte, stamp uint32, body string) {
		check := func(p Press) {
			if _, ok := p.Digit.Code(); !ok {
				t.Fatalf("press of %q", byte(p.Digit))
			}
		}
		if e, err := ParseEvent(b); err == nil {
			if p, ok := r.Receive(t0, stamp, e); ok {
				check(p)
			}
		}
		for _, kind := range []string{InfoRelay, InfoPlain} {
			if p, err := ParseInfo(kind, []byte(body)); err == nil {
				check(p)
			}
		}
	})
}

func BenchmarkDetector(b *testing.B) {
	d, pcm := NewDetector(8000), make([]int16, 160)
	b.ReportAllocs()
	for b.Loop() {
		d.Process(pcm, false)
	}
}
