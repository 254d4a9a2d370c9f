//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// The offer that follows the nomination names our candidate: we answer with the
// same credentials and candidate, and media stays where it is. RFC 8839 §4.4.1.3,
// §5.2.
func TestOfferOfTheNominatedPathChangesNothing(t *testing.T) {
	e := ring(t)
	a := e.fork("A", 21, 22)
	a.ice.dial(e)
	a.progress()
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	a.ice.check(0, 1)
	e.hears(a, a.talk())
	a.answer()
	e.answered()
	a.d.wait("ACK")
	a.ice.nominate(1)
	a.only(a.ice, 1, 300*time.Millisecond)

	ufrag, pwd, at := e.ufrag, e.pwd, e.at
	first, chosen := a.ice.paths[0].addr(), a.ice.paths[1].addr()
	offer := strings.NewReplacer(
		"o=- 1 1", "o=- 1 2",
		"c=IN IP4 "+first.Addr().String(), "c=IN IP4 "+chosen.Addr().String(),
		fmt.Sprintf("m=audio %d ", first.Port()), fmt.Sprintf("m=audio %d ", chosen.Port()),
		"a=rtcp-mux", fmt.Sprintf("a=rtcp-mux\r\na=remote-candidates:1 %s %d", at.Addr(), at.Port()),
	).Replace(a.sdp(a.ice))
	a.d.seq++
	a.d.request("INVITE", offer)
	e.read(a.d.wait("200 INVITE").body)
	a.d.request("ACK", "")
	if e.ufrag != ufrag || e.pwd != pwd || e.at != at {
		t.Errorf("the answer says %s at %v, want the same as before, %s at %v", e.ufrag, e.at, ufrag, at)
	}
	now := time.Now()
	a.only(a.ice, 1, time.Second)
	a.quiet()
	time.Sleep(margin)
	heard := e.heard(a, time.Time{}, time.Time{})
	t.Logf("%d of %d packets heard, %d lost the other way", len(heard), len(a.sent), a.lost())
	if len(heard) < len(a.sent)-1 || a.lost() > 3 || len(e.heard(a, now, time.Time{})) == 0 {
		t.Errorf("%d of %d packets heard, %d lost the other way", len(heard), len(a.sent), a.lost())
	}
	e.end(a)
}
