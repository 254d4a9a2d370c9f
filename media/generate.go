package media

import (
	"math"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/sdp"
)

const (
	// fillPause is how long nothing may be sent before we fill it.
	fillPause = 100 * time.Millisecond
	// noiseEvery is the time between two comfort noise packets while nothing
	// changes (RFC 3389 §4 leaves it to the sender).
	noiseEvery = 200 * time.Millisecond
	// noiseLevel is what we say the background is: -70 dBov, hardly audible.
	noiseLevel = 70
	// behind is how many frames may be made up for after a stall.
	behind = 5
)

// A generator makes audio of our own: digits as tones, and silence, or the noise
// the source described, where a far side must not hear nothing.
type generator struct {
	agreed codec.Params
	noise  sdp.Payload

	encoder codec.Encoder // made when needed
	tones   *dtmf.Generator
	pcm     []int16
	payload []byte
	tone    bool // digits are in line
	hiss    hiss // what pauses sound like

	due  time.Time // of the next frame; zero: nothing is being made
	ts   uint32    // of the last frame
	runs bool      // the last frame was made by us, the next follows it
	last time.Time // when a source last sent
}

// tune makes the generator ready for what was agreed.
func (g *generator) tune(a *sdp.Agreed) {
	g.noise = a.ComfortNoise
	if !g.agreed.Same(a.Send.Codec) || g.agreed.Format != a.Send.Codec.Format {
		g.agreed, g.encoder, g.tones, g.tone = a.Send.Codec, nil, nil, false
	}
}

// ready makes an encoder, once; false when there is none for the codec.
func (g *generator) ready(set codec.Set) bool {
	if g.encoder != nil {
		return true
	}
	c := set.Find(g.agreed)
	if c == nil {
		return false
	}
	for _, rate := range [...]int{8000, 16000, 48000} {
		enc, err := c.NewEncoder(rate)
		if err != nil {
			continue
		}
		g.encoder, g.tones = enc, dtmf.NewGenerator(rate)
		g.pcm = make([]int16, rate/int(time.Second/FrameDuration))
		g.payload = make([]byte, 0, maxPayload)
		return true
	}
	return false
}

// press puts a digit into the line of tones.
func (g *generator) press(now time.Time, p dtmf.Press) bool {
	if !g.tones.Press(p) {
		return false
	}
	if !g.tone {
		g.tone, g.due, g.runs = true, now, false
	}
	return true
}

// sounding reports whether a digit sounds: it takes the place of speech.
func (g *generator) sounding() bool { return g.tone }

// heard notes that a source sends: nothing is to be filled.
func (g *generator) heard(now time.Time) { g.last, g.runs, g.hiss.peak = now, false, 0 }

// A hiss is white noise as loud as comfort noise said. The zero hiss is silence.
type hiss struct {
	peak int32 // of samples
	last uint32
}

// set takes the level from comfort noise, in -dBov (RFC 3389 §3).
func (h *hiss) set(payload []byte) {
	if len(payload) == 0 {
		return
	}
	rms := math.MaxInt16 * math.Pow(10, -float64(payload[0]&0x7f)/20)
	h.peak = int32(min(rms*math.Sqrt(3), math.MaxInt16)) // of an even distribution
}

// fill makes a frame.
func (h *hiss) fill(pcm []int16) {
	if h.peak == 0 {
		clear(pcm)
		return
	}
	for i := range pcm {
		h.last = h.last*1664525 + 1013904223 // Numerical Recipes: quick, and random enough to hear
		pcm[i] = int16(int64(int32(h.last)) * int64(h.peak) >> 31)
	}
}

// generate sends the frames of our own that are due. The caller holds mu.
func (e *Endpoint) generate(now time.Time) {
	g := &e.writer
	if now.Sub(g.due) > behind*FrameDuration {
		g.due = now
	}
	for !g.due.After(now) && (g.tone || e.fills(now)) {
		if g.tone && !g.tones.Sound(g.pcm) {
			g.tone = false
			continue
		}
		g.due = g.due.Add(e.generateFrame(now, g))
	}
	switch {
	case g.tone || e.fills(now):
		e.wakeAt(g.due)
	case e.opts.KeepMedia && !e.held():
		e.wakeAt(laterOf(now, g.last).Add(fillPause))
	}
}

// fills reports whether a pause is to be filled now.
func (e *Endpoint) fills(now time.Time) bool {
	return e.opts.KeepMedia && (e.selected || !e.opts.MuteUntilSelected) && !e.pressing.busy() &&
		now.Sub(e.writer.last) >= fillPause && !e.held()
}

// held reports whether the far side wants nothing, or is not there.
func (e *Endpoint) held() bool {
	d := e.talk()
	return d == nil || !d.agreed.Direction.Sends()
}

// generateFrame sends one frame and returns when the next is due after it.
func (e *Endpoint) generateFrame(now time.Time, g *generator) time.Duration {
	d, to, err := e.path(now)
	if err != nil {
		return FrameDuration
	}
	st := e.out.insert(now)
	first := !g.runs
	if g.tone || g.noise.Clock == 0 {
		if !g.ready(e.pool.deps.Codecs) {
			return time.Second
		}
		if !g.tone {
			g.hiss.fill(g.pcm)
		}
		if !first {
			st.ts = g.ts + e.out.units(FrameDuration)
			e.out.ts = st.ts
		}
		g.ts, g.runs = st.ts, true
		payload, err := g.encoder.Encode(g.payload[:0], g.pcm)
		if err == nil {
			_ = e.send(now, d, to, outgoing{pt: d.agreed.Send.Type, marker: first, stamp: st, payload: payload}) // counted
		}
		return FrameDuration
	}
	g.runs = false
	_ = e.send(now, d, to, outgoing{pt: g.noise.Send, stamp: st, payload: []byte{noiseLevel}}) // counted
	return noiseEvery
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
