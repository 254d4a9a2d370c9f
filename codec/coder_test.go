package codec_test

import (
	"math"
	"testing"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/g722"
	"github.com/tandem-voip/tandem/codec/opus"
)

type coding struct {
	name string
	codec.Codec
	rate int
}

func codings() []coding {
	return []coding{
		{"PCMU", g711.PCMU(), 8000},
		{"PCMA", g711.PCMA(), 8000},
		{"G722 narrow", g722.New(), 8000},
		{"G722", g722.New(), 16000},
		{"opus 8", opus.New(opus.DefaultConfig()), 8000},
		{"opus 16", opus.New(opus.DefaultConfig()), 16000},
		{"opus 48", opus.New(opus.DefaultConfig()), 48000},
	}
}

// tone is n samples of a sine of half scale, beginning at sample at.
func tone(hz float64, rate, at, n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		pcm[i] = int16(16000 * math.Sin(2*math.Pi*hz*float64(at+i)/float64(rate)))
	}
	return pcm
}

// power is the mean square of what pcm holds at hz, in samples squared.
func power(pcm []int16, hz float64, rate int) float64 {
	var re, im float64
	for i, s := range pcm {
		a := 2 * math.Pi * hz * float64(i) / float64(rate)
		re += float64(s) * math.Cos(a)
		im += float64(s) * math.Sin(a)
	}
	n := float64(len(pcm))
	return 2 * (re*re + im*im) / (n * n)
}

// pair makes both halves of one coding.
func pair(t testing.TB, c coding) (codec.Encoder, codec.Decoder) {
	t.Helper()
	e, err := c.NewEncoder(c.rate)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.NewDecoder(c.rate)
	if err != nil {
		t.Fatal(err)
	}
	return e, d
}

// A 1004 Hz tone keeps its level within 1 dB through every codec.
func TestToneKeepsItsLevel(t *testing.T) {
	for _, c := range codings() {
		t.Run(c.name, func(t *testing.T) {
			e, d := pair(t, c)
			n := c.rate / 50
			var in, out []int16
			for i := range 50 {
				pcm := tone(1004, c.rate, i*n, n)
				p, err := e.Encode(nil, pcm)
				if err != nil {
					t.Fatal(err)
				}
				if out, err = d.Decode(out, p); err != nil {
					t.Fatal(err)
				}
				in = append(in, pcm...)
			}
			if len(out) != len(in) {
				t.Fatalf("%d samples came back of %d", len(out), len(in))
			}
			half := len(in) / 2
			db := 10 * math.Log10(power(out[half:], 1004, c.rate)/power(in[half:], 1004, c.rate))
			if math.Abs(db) > 1 {
				t.Errorf("level changed by %.2f dB", db)
			}
		})
	}
}

// Coding into a slice that is large enough allocates nothing.
func TestCodingAllocatesNothing(t *testing.T) {
	for _, c := range codings() {
		t.Run(c.name, func(t *testing.T) {
			e, d := pair(t, c)
			pcm := tone(440, c.rate, 0, c.rate/50)
			payload := make([]byte, 0, 4000)
			out := make([]int16, 0, 48000)
			if n := testing.AllocsPerRun(100, func() {
				p, _ := e.Encode(payload, pcm)
				got, _ := d.Decode(out, p)
				_ = d.Conceal(got[:0], len(got))
			}); n != 0 {
				t.Errorf("%v allocations for a payload", n)
			}
		})
	}
}

// One lost payload in a tone is concealed at nearly the tone's level.
func TestOneLostPayloadIsConcealed(t *testing.T) {
	for _, c := range codings() {
		t.Run(c.name, func(t *testing.T) {
			e, d := pair(t, c)
			n := c.rate / 50
			var got []int16
			for i := range 30 {
				p, err := e.Encode(nil, tone(200, c.rate, i*n, n))
				if err != nil {
					t.Fatal(err)
				}
				if i == 20 {
					got = d.Conceal(nil, n)
				} else if _, err = d.Decode(nil, p); err != nil {
					t.Fatal(err)
				}
			}
			if len(got) != n {
				t.Fatalf("%d samples in place of %d", len(got), n)
			}
			want := power(tone(200, c.rate, 0, n), 200, c.rate)
			if db := 10 * math.Log10(power(got, 200, c.rate)/want); db < -6 || db > 3 {
				t.Errorf("concealment is %.1f dB from the tone", db)
			}
		})
	}
}

// A lost Opus payload is rebuilt from the next one when redundancy is on.
func TestOpusRecoversALostPayload(t *testing.T) {
	e, d := pair(t, coding{"opus", opus.New(opus.DefaultConfig()), 8000})
	e.(codec.Adapter).Expect(20)
	r := d.(codec.Recoverer)
	const n = 160
	var rebuilt []int16
	for i := range 60 {
		p, err := e.Encode(nil, tone(300, 8000, i*n, n))
		if err != nil {
			t.Fatal(err)
		}
		if i == 40 {
			continue
		}
		if i == 41 {
			var ok bool
			if rebuilt, ok = r.Recover(nil, p, n); !ok {
				t.Fatal("nothing was recovered")
			}
		}
		if _, err = d.Decode(nil, p); err != nil {
			t.Fatal(err)
		}
	}
	want := power(tone(300, 8000, 0, n), 300, 8000)
	if db := 10 * math.Log10(power(rebuilt, 300, 8000)/want); math.Abs(db) > 3 {
		t.Errorf("what was rebuilt is %.1f dB from the tone", db)
	}
}

// Garbage from the wire is an error or noise, never a panic.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{0x78, 1, 2, 3})
	f.Add([]byte{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff})
	cs := codings()
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > 2000 {
			return
		}
		for _, c := range cs {
			d, err := c.NewDecoder(c.rate)
			if err != nil {
				t.Fatal(err)
			}
			if r, ok := d.(codec.Recoverer); ok {
				r.Recover(nil, payload, c.rate/50)
			}
			if _, err := d.Decode(nil, payload); err != nil {
				continue
			}
			if got := d.Conceal(nil, c.rate/50); len(got) != c.rate/50 {
				t.Fatalf("%s concealed %d samples", c.name, len(got))
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	for _, c := range codings() {
		b.Run(c.name, func(b *testing.B) {
			e, _ := pair(b, c)
			pcm := tone(440, c.rate, 0, c.rate/50)
			dst := make([]byte, 0, 4000)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = e.Encode(dst, pcm)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range codings() {
		b.Run(c.name, func(b *testing.B) {
			e, d := pair(b, c)
			p, _ := e.Encode(nil, tone(440, c.rate, 0, c.rate/50))
			dst := make([]int16, 0, 48000)
			b.ReportAllocs()
			for b.Loop() {
				_, _ = d.Decode(dst, p)
			}
		})
	}
}
