package flow

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/pion/rtp"
)

// keypad is the digits in the order of their event codes (RFC 4733 §3.2).
const keypad = "0123456789*#ABCD"

// How long a digit sounds, and the silence after it.
const (
	pressed  = 100 * time.Millisecond
	released = 60 * time.Millisecond
)

// A digit is one that was received.
type digit struct {
	key  byte
	kind string // event, info, tone
	long int    // ms, as far as it is known
}

// presses collects digits of all kinds, each once.
type presses struct {
	got     []digit
	claimed int            // how many the script has asked for
	ends    map[string]int // event "ssrc ts" to its index in got

	down   byte // tone that sounds
	frames int  // for so many steps of 10 ms
	rest   []int16
}

// event takes a telephone-event packet (RFC 4733 §2.3).
func (p *presses) event(k *rtp.Packet, clock int) {
	if len(k.Payload) < 4 || int(k.Payload[0]) >= len(keypad) {
		return
	}
	id := fmt.Sprint(k.SSRC, " ", k.Timestamp)
	i, again := p.ends[id]
	if !again {
		i = len(p.got)
		p.ends[id] = i
		p.got = append(p.got, digit{key: keypad[k.Payload[0]], kind: "event"})
	}
	long := int(binary.BigEndian.Uint16(k.Payload[2:])) * 1000 / clock
	p.got[i].long = max(p.got[i].long, long)
}

// info takes the body of an INFO; false when it is no digit.
func (p *presses) info(contentType string, body []byte) bool {
	text := strings.TrimSpace(string(body))
	switch strings.ToLower(contentType) {
	case "application/dtmf":
	case "application/dtmf-relay":
		_, rest, ok := strings.Cut(text, "Signal=")
		if !ok {
			return false
		}
		text = strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0])
	default:
		return false
	}
	if len(text) == 0 || !strings.ContainsRune(keypad, rune(text[0])) {
		return false
	}
	p.got = append(p.got, digit{key: text[0], kind: "info"})
	return true
}

// listen looks for tones in audio, in steps of 10 ms. A digit counts when it
// has sounded for 40 ms (ITU-T Q.24).
func (p *presses) listen(pcm []int16) {
	p.rest = append(p.rest, pcm...)
	const window, step = rate * 20 / 1000, rate * 10 / 1000
	for len(p.rest) >= window {
		key := dual(p.rest[:window])
		p.rest = p.rest[step:]
		if key != p.down {
			p.down, p.frames = key, 0
		}
		p.frames++
		if p.frames == 3 && key != 0 {
			p.got = append(p.got, digit{key: key, kind: "tone"})
		}
	}
}

// rows and columns of the keypad, Hz (ITU-T Q.23).
func rows() []float64    { return []float64{697, 770, 852, 941} }
func columns() []float64 { return []float64{1209, 1336, 1477, 1633} }

// layout is the keypad by row and column.
const layout = "123A456B789C*0#D"

// dual finds the digit whose two tones a piece of audio is, 0 when none.
func dual(pcm []int16) byte {
	best := func(fs []float64) (i int, share float64) {
		for k, f := range fs {
			if s, rms := tone(pcm, f); s > share && rms > 300 {
				i, share = k, s
			}
		}
		return i, share
	}
	r, low := best(rows())
	c, high := best(columns())
	if low < 0.2 || high < 0.2 || low+high < 0.8 {
		return 0
	}
	return layout[r*4+c]
}

// frequencies gives the two tones of a digit, Hz.
func frequencies(key byte) []float64 {
	i := strings.IndexByte(layout, key)
	return []float64{rows()[i/4], columns()[i%4]}
}

// dial sends digits in one of the three kinds and takes as long as that does.
// ends is how many end packets an event has; marker whether its first packet
// bears the marker bit.
func (m *media) dial(keys, kind string, marker bool, ends int, info func(key byte) error) error {
	for i := range len(keys) {
		code := strings.IndexByte(keypad, keys[i])
		if code < 0 {
			return fmt.Errorf("%q is no digit", keys[i])
		}
		var err error
		switch kind {
		case "event":
			err = m.dialEvent(code, marker, ends)
		case "tone":
			err = m.dialTone(keys[i])
		case "info":
			err = info(keys[i])
			sleep(pressed + released)
		default:
			err = fmt.Errorf("digits go by event, info or tone, not %q", kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dialEvent sends one telephone event: a packet every 20 ms, then the end.
func (m *media) dialEvent(code int, marker bool, ends int) error {
	_, _, to, err := m.sending()
	if err != nil {
		return err
	}
	m.mu.Lock()
	pt, clock := -1, 8000
	for _, f := range m.remote.formats {
		if strings.EqualFold(f.name, "telephone-event") && pt < 0 {
			pt, clock = f.pt, f.clock
		}
	}
	m.mu.Unlock()
	if pt < 0 {
		return fmt.Errorf("the far end of %s takes no telephone-event", m.who)
	}
	m.mute(true)
	ts, first := m.stamp(clock), true
	send := func(end byte, long time.Duration) error {
		m.sendMu.Lock()
		defer m.sendMu.Unlock()
		b := []byte{byte(code), end | 10, 0, 0}
		binary.BigEndian.PutUint16(b[2:], uint16(int64(long)*int64(clock)/int64(time.Second)))
		err := m.emit(to, pt, ts, first && marker, b)
		first = false
		return err
	}
	for d := 20 * time.Millisecond; d <= pressed; d += 20 * time.Millisecond {
		sleep(20 * time.Millisecond)
		if err := send(0, d); err != nil {
			return err
		}
	}
	for range ends {
		if err := send(0x80, pressed); err != nil {
			return err
		}
	}
	m.mute(false)
	sleep(released)
	return nil
}

// dialTone sounds a digit in the audio.
func (m *media) dialTone(key byte) error {
	m.mute(true)
	defer m.mute(false)
	o := &oscillator{hz: frequencies(key)}
	for d := time.Duration(0); d < pressed+released; d += 20 * time.Millisecond {
		if d == pressed {
			o.hz = nil
		}
		sleep(20 * time.Millisecond)
		if err := m.speak(o.samples(rate*20/1000), false); err != nil {
			return err
		}
	}
	return nil
}

func (m *media) mute(on bool) {
	m.sendMu.Lock()
	defer m.sendMu.Unlock()
	m.muted = on
}

// digits returns what was received and not yet claimed.
func (m *media) digits() []digit {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]digit(nil), m.press.got[m.press.claimed:]...)
}

// claim marks n digits as asked for.
func (m *media) claim(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.press.claimed += n
}
