//go:build interop

package interop

import (
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A pair is a call between two phones, with audio at both ends.
type pair struct {
	g            *gateway
	caller, call *talk // call is the called side's
	a, b         *stream
}

// connect makes a call from west with one codec to east with another.
func connect(t *testing.T, west, east trunk, fa, fb format) *pair {
	t.Helper()
	g := start(t, toEast, "", west, east)
	p := &pair{g: g, a: g.stream(west.host, fa), b: g.stream(east.host, fb)}
	p.connect(g.phone(west.host), g.phone(east.host))
	return p
}

// connect makes the call between these phones.
func (p *pair) connect(west, east *phone) {
	p.g.t.Helper()
	p.caller = west.call("+15550100", p.a.sdp())
	p.call = east.incoming()
	p.b.meet(p.call.invite.body)
	p.call.accept(p.b.sdp())
	p.a.meet(p.caller.answered())
}

// end hangs up and wants nothing left.
func (p *pair) end() {
	p.g.t.Helper()
	p.caller.request("BYE", "")
	p.call.hungUp()
	p.caller.wait("200 BYE")
	p.g.idle()
}

// both plays to both sides at once.
func (p *pair) both(toB, toA []int16) {
	done := make(chan struct{})
	go func() { defer close(done); p.a.play(toB) }()
	p.b.play(toA)
	<-done
	time.Sleep(200 * time.Millisecond)
}

// recodings are the pairs of codecs of a carrier-to-carrier call.
func recodings() map[string][2]format {
	return map[string][2]format{
		"PCMU to PCMA": {pcmu(), pcma()},
		"PCMU to Opus": {pcmu(), opus48()},
		"Opus to PCMA": {opus48(), pcma()},
		"PCMU to PCMU": {pcmu(), pcmu()},
		"Opus to Opus": {opus48(), opus48()},
	}
}

// codecsOf is a trunk that has only that codec.
func codecsOf(f format) string {
	name := map[int]string{0: "PCMU", 8: "PCMA", 107: "opus"}[f.pt]
	return "media: {codecs: [" + name + "]}"
}

// A 1004 Hz tone keeps its level within 1 dB both ways, no gap is longer than
// one packet, and what we add to the delay is printed.
func TestToneThroughTheGateway(t *testing.T) {
	for name, f := range recodings() {
		t.Run(name, func(t *testing.T) {
			p := connect(t, west(codecsOf(f[0])), east(codecsOf(f[1])), f[0], f[1])
			pcm := tone(1004, 3*time.Second)
			p.both(pcm, pcm)
			p.end()
			for _, way := range []struct {
				name     string
				from, to *stream
			}{{"forth", p.a, p.b}, {"back", p.b, p.a}} {
				got := way.to.heard()
				if len(got) < len(pcm)-160 {
					t.Errorf("%s: %d samples of %d came", way.name, len(got), len(pcm))
					continue
				}
				db := level(got[len(got)/3:len(got)*2/3], 1004) - level(pcm[:8000], 1004)
				if math.Abs(db) > 1 {
					t.Errorf("%s: the level changed by %.2f dB", way.name, db)
				}
				p50, p99, gap := delays(way.from.sent, way.to.got())
				t.Logf("%d sent %d got, first %v later", len(way.from.sent), len(way.to.got()), way.to.got()[0].at.Sub(way.from.sent[0]))
				t.Logf("%s: level %+.2f dB, delay p50 %v p99 %v, longest gap %v", way.name, db, p50, p99, gap)
				if holes := holes(way.to); holes != 0 {
					t.Errorf("%s: %d holes in sequence or time", way.name, holes)
				}
			}
		})
	}
}

// delays are those of the i-th packet from one side to the other, both ends
// being in this process, and the longest time between two arrivals.
func delays(sent []time.Time, got []packet) (p50, p99, gap time.Duration) {
	var ds []time.Duration
	for i := range min(len(sent), len(got)) {
		ds = append(ds, got[i].at.Sub(sent[i]))
		if i > 0 {
			gap = max(gap, got[i].at.Sub(got[i-1].at))
		}
	}
	if len(ds) == 0 {
		return 0, 0, 0
	}
	slices.Sort(ds)
	return ds[len(ds)/2], ds[len(ds)*99/100], gap
}

// holes counts the places where sequence or timestamp does not go on.
func holes(s *stream) int {
	n := 0
	got := s.got()
	for i := 1; i < len(got); i++ {
		a, b := got[i-1], got[i]
		if b.seq != a.seq+1 || b.stamp != a.stamp+uint32(s.clock/50) {
			n++
		}
	}
	return n
}

// speech is a spoken sentence at 8 kHz.
func speech(t *testing.T) []int16 {
	t.Helper()
	dir := t.TempDir()
	wav, raw := filepath.Join(dir, "s.wav"), filepath.Join(dir, "s.raw")
	text := "The quick brown fox jumps over the lazy dog, and nobody on this line has missed a word of it so far."
	for _, c := range []*exec.Cmd{
		exec.Command("espeak-ng", "-w", wav, text),
		exec.Command("sox", wav, "-r", "8000", "-c", "1", "-b", "16", "-e", "signed-integer", "-t", "raw", raw, "norm", "-6"),
	} {
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", c.Args, err, out)
		}
	}
	b, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(uint16(b[2*i]) | uint16(b[2*i+1])<<8)
	}
	return pcm
}

// With 3 % of one side's packets lost the other side's stream has no hole, and
// what is heard follows the speech as it was spoken.
func TestSpeechSurvivesLoss(t *testing.T) {
	for name, f := range recodings() {
		if f[0].pt == f[1].pt {
			continue // forwarded as it is: a loss stays a loss
		}
		t.Run(name, func(t *testing.T) {
			p := connect(t, west(codecsOf(f[0])), east(codecsOf(f[1])), f[0], f[1])
			rng := rand.New(rand.NewPCG(1, 2))
			lost := 0
			p.a.lose = func() bool {
				if rng.IntN(100) < 3 {
					lost++
					return true
				}
				return false
			}
			spoken := speech(t)
			p.both(spoken, tone(0, time.Second))
			p.end()
			if n := holes(p.b); n != 0 {
				t.Errorf("%d holes in the other side's stream", n)
			}
			if lost < 3 {
				t.Fatalf("only %d packets were lost", lost)
			}
			like := likeness(spoken, p.b.heard())
			t.Logf("%d packets lost of %d; envelopes agree to %.3f", lost, len(p.a.sent), like)
			if like < 0.9 {
				t.Errorf("what was heard follows what was said to %.3f only", like)
			}
		})
	}
}

// likeness is the correlation of the loudness of two recordings over time, in
// steps of 20 ms, at the lag that fits best.
func likeness(a, b []int16) float64 {
	ea, eb := envelope(a), envelope(b)
	best := 0.0
	for lag := -150; lag <= 150; lag++ { // 3 s either way
		x, y := ea[min(max(0, -lag), len(ea)):], eb[min(max(0, lag), len(eb)):]
		if n := min(len(x), len(y)); n >= 100 {
			best = max(best, correlation(x[:n], y[:n]))
		}
	}
	return best
}

func envelope(pcm []int16) []float64 {
	var e []float64
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		sum := 1.0
		for _, v := range pcm[:160] {
			sum += float64(v) * float64(v)
		}
		e = append(e, math.Log(sum/160+100))
	}
	return e
}

func correlation(a, b []float64) float64 {
	var ma, mb float64
	for i := range a {
		ma += a[i] / float64(len(a))
		mb += b[i] / float64(len(a))
	}
	var ab, aa, bb float64
	for i := range a {
		x, y := a[i]-ma, b[i]-mb
		ab += x * y
		aa += x * x
		bb += y * y
	}
	return ab / math.Sqrt(aa*bb+1e-9)
}
