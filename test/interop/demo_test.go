//go:build interop

package interop

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// demo runs the binary with nothing said, as a new user does.
func demo(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{t: t, net: "127.0.0.", dir: t.TempDir(), done: make(chan struct{})}
	g.sock = filepath.Join(g.dir, "admin.sock")
	t.Setenv("TANDEM_ADMIN_SOCKET", g.sock)
	t.Setenv("TANDEM_RECORDS_PATH", filepath.Join(g.dir, "calls.db"))
	g.run()
	return g
}

// What the README tells a new user to type with sipp works.
func TestFirstFiveMinutes(t *testing.T) {
	g := demo(t)
	s := g.sipp(1, "uac", "127.0.0.1:5060", "-s", "600", "-p", "5062", "-m", "1", "-d", "500")
	g.wantGood(s)
	g.eventually(5*time.Second, "no call", func() bool {
		var calls []any
		g.json(&calls, "calls")
		return len(calls) == 0
	})
}

// The digits pressed at 602 are heard again, as tones, in the order in which they
// were pressed and once each: by a phone with telephone events that uses them,
// by one that has them and presses tones, and by one without.
func TestDigitsAreHeardAgain(t *testing.T) {
	g := demo(t)
	p, s := g.phone(11), g.stream(11, pcma())
	for _, how := range []string{"events", "tones", "tones without events"} {
		for _, keys := range []string{"159", "951"} {
			offer := s.sdp()
			if strings.HasSuffix(how, "without events") {
				offer = withoutEvents(offer)
			}
			d := p.call("602", offer)
			s.meet(d.answered())
			before := len(s.got())
			if how == "events" {
				s.press(keys)
			} else {
				s.play(keyed(keys))
			}
			s.play(tone(0, 3*time.Second))
			if got := s.tonesSince(before); got != keys {
				t.Errorf("%s %s: %q was heard", how, keys, got)
			}
			for _, packet := range s.got()[before:] {
				if packet.pt == s.event {
					t.Errorf("%s %s: an event came, which nobody hears", how, keys)
					break
				}
			}
			d.bye()
		}
	}
}

// withoutEvents takes telephone events out of an offer.
func withoutEvents(sdp string) string {
	var lines []string
	for line := range strings.SplitSeq(sdp, "\r\n") {
		switch {
		case strings.Contains(line, "telephone-event"), strings.HasPrefix(line, "a=fmtp:101"):
			continue
		case strings.HasPrefix(line, "m=audio"):
			line = strings.TrimSuffix(line, " 101")
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\r\n")
}
