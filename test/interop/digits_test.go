//go:build interop

package interop

import (
	"fmt"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/media/dtmf"
)

// allKeys is what each way of each combination must carry.
const allKeys = "0123456789*#ABCD"

// All sixteen digits pass each way in the nine combinations of kinds, each once.
func TestDigitsInNineCombinations(t *testing.T) {
	kinds := []string{"rfc4733", "info_relay", "inband"}
	for _, from := range kinds {
		for _, to := range kinds {
			t.Run(from+" and "+to, func(t *testing.T) {
				p := connect(t, west("media: {codecs: [PCMU], dtmf: "+from+"}"), east("media: {codecs: [PCMU], dtmf: "+to+"}"), pcmu(), pcmu())
				p.both(tone(440, 200*time.Millisecond), tone(440, 200*time.Millisecond))
				p.press(p.caller, p.a, from, allKeys)
				p.press(p.call, p.b, to, allKeys)
				time.Sleep(4 * time.Second)
				for _, side := range []struct {
					name, kind string
					s          *stream
					d          *talk
				}{{"called", to, p.b, p.call}, {"caller", from, p.a, p.caller}} {
					got := map[string]string{"rfc4733": side.s.digits(), "inband": side.s.tones(), "info_relay": side.d.infos()}
					for kind, keys := range got {
						want := ""
						if kind == side.kind {
							want = allKeys
						}
						if keys != want {
							for _, q := range side.s.got() {
								if q.pt == side.s.event {
									t.Logf("event seq %d stamp %d marker %v % x", q.seq, q.stamp, q.marker, q.payload)
								}
							}
							t.Errorf("the %s side, %s, got by %s %q, want %q", side.name, side.kind, kind, keys, want)
						}
					}
				}
				p.end()
			})
		}
	}
}

// press sends keys from one side in its kind.
func (p *pair) press(d *talk, s *stream, kind, keys string) {
	switch kind {
	case "rfc4733":
		s.press(keys)
	case "inband":
		s.play(keyed(keys))
	case "info_relay":
		for _, k := range keys {
			d.request("INFO", fmt.Sprintf("Signal=%c\r\nDuration=100\r\n", k), "Content-Type: "+dtmf.InfoRelay)
			d.wait("200 INFO")
			s.play(tone(440, 100*time.Millisecond))
		}
	}
	s.play(tone(440, 300*time.Millisecond))
}
