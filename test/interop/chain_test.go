//go:build interop

package interop

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// A tone that goes from PCMU to Opus in one gateway and back to PCMU in the next
// keeps its level within 1 dB both ways, and no packet of it is missing.
func TestToneThroughTwoGateways(t *testing.T) {
	far := start(t, toEast, "", trunk{"west", 0, "peer: {addresses: [127.0.0.0/8]}\nmedia: {codecs: [opus]}"}, east(codecsOf(pcmu())))
	near := start(t, toEast, "", west(codecsOf(pcmu())), trunk{
		"east", 0,
		fmt.Sprintf("peer: {addresses: [%s], host: %[1]s, port: 5060}\noptions: {interval: 0s}\nmedia: {codecs: [opus]}", far.addr(1)),
	})
	p := &pair{g: near, a: near.stream(11, pcmu()), b: far.stream(12, pcmu())}
	p.connect(near.phone(11), far.phone(12))
	pcm := tone(1004, 3*time.Second)
	p.both(pcm, pcm)
	p.end()
	far.idle()
	for name, s := range map[string]*stream{"forth": p.b, "back": p.a} {
		got := s.heard()
		if len(got) < len(pcm)-160 {
			t.Errorf("%s: %d samples of %d came", name, len(got), len(pcm))
			continue
		}
		db := level(got[len(got)/3:len(got)*2/3], 1004) - level(pcm[:8000], 1004)
		t.Logf("%s: level %+.2f dB", name, db)
		if math.Abs(db) > 1 {
			t.Errorf("%s: the level changed by %.2f dB", name, db)
		}
		if n := holes(s); n != 0 {
			t.Errorf("%s: %d holes in sequence or time", name, n)
		}
	}
	for _, g := range []*gateway{near, far} {
		g.eventually(5*time.Second, "a record of a recoded call", func() bool {
			var records []struct {
				Recoded bool `json:"recoded"`
			}
			g.json(&records, "cdr")
			return len(records) == 1 && records[0].Recoded
		})
	}
}
