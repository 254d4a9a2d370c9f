package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

// trickle gives r a fragment of these lines after its m-line.
func trickle(t *testing.T, r *RemoteICE, session string, lines ...string) bool {
	t.Helper()
	body := session + "m=audio 9 RTP/SAVP 0\r\na=mid:1\r\n" + strings.Join(lines, "\r\n") + "\r\n"
	changed, err := r.Trickle([]byte(body), Local{Addr: netip.MustParseAddr("192.0.2.1")})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// Candidates that come later take their places among those that are known, each
// once.
func TestTrickledCandidatesAreRanked(t *testing.T) {
	r := RemoteICE{Ufrag: "u", Trickles: true}
	r.Candidates[0] = Candidate{Addr: netip.MustParseAddrPort("192.0.2.7:4000"), Priority: 500, Component: 1}
	if !trickle(t, &r, "a=ice-pwd:p\r\na=ice-ufrag:u\r\n",
		"a=candidate:1 1 UDP 900 192.0.2.8 4000 typ host", "a=candidate:2 1 UDP 100 192.0.2.9 4000 typ host",
		"a=candidate:3 1 UDP 800 2001:db8::9 4000 typ host", "a=candidate:4 1 TCP 700 192.0.2.9 9 typ host", "a=end-of-candidates") {
		t.Error("nothing was new")
	}
	var got []string
	for _, c := range r.Candidates[:4] {
		got = append(got, fmt.Sprint(c.Addr, "/", c.Priority))
	}
	if s := strings.Join(got, " "); s != "192.0.2.8:4000/900 192.0.2.7:4000/500 192.0.2.9:4000/100 invalid AddrPort/0" {
		t.Errorf("candidates %s", s)
	}
	if trickle(t, &r, "", "a=candidate:1 1 UDP 901 192.0.2.8 4000 typ host") {
		t.Error("a candidate that is known was new")
	}
}

// Of candidates without end the best are kept.
func TestTrickledCandidatesAreBounded(t *testing.T) {
	r := RemoteICE{Ufrag: "u", Trickles: true}
	for n := range 10 * MaxCandidates {
		trickle(t, &r, "", fmt.Sprintf("a=candidate:1 1 UDP %d 192.0.2.8 %d typ host", n+1, 4000+n))
	}
	if first, last := r.Candidates[0], r.Candidates[MaxCandidates-1]; first.Priority != 160 || last.Priority != 145 {
		t.Errorf("from %+v to %+v", first, last)
	}
}

// What is of another ufrag, or of an agent without ICE or that did not say it would
// trickle, or no fragment, changes nothing.
func TestTrickledCandidatesOfAnotherAreNone(t *testing.T) {
	for _, c := range []struct {
		ice     RemoteICE
		session string
	}{
		{RemoteICE{Ufrag: "u", Trickles: true}, "a=ice-ufrag:old\r\n"},
		{RemoteICE{Trickles: true}, ""},
		{RemoteICE{Ufrag: "u"}, ""},
	} {
		r := c.ice
		if trickle(t, &r, c.session, "a=candidate:1 1 UDP 900 192.0.2.8 4000 typ host") || r != c.ice {
			t.Errorf("%+v: %+v", c, r)
		}
	}
	r := RemoteICE{Ufrag: "u", Trickles: true}
	if _, err := r.Trickle([]byte("\x00"), Local{}); !errors.Is(err, ErrMalformed) {
		t.Errorf("error is %v", err)
	}
	if changed, err := r.Trickle([]byte("a=ice-ufrag:u\r\n"), Local{}); changed || err != nil {
		t.Errorf("without an m-line: %t, %v", changed, err)
	}
}

// Whatever comes, what is kept stays in order.
func FuzzTrickle(f *testing.F) {
	f.Add([]byte("a=ice-ufrag:u\r\nm=audio 9 RTP/AVP 0\r\na=candidate:1 1 UDP 900 192.0.2.8 4000 typ host\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := RemoteICE{Ufrag: "u", Trickles: true}
		_, _ = r.Trickle(b, Local{})
		for i := 1; i < MaxCandidates; i++ {
			if r.Candidates[i].Priority > r.Candidates[i-1].Priority && r.Candidates[i-1].Addr.IsValid() {
				t.Fatalf("not in order: %+v", r.Candidates)
			}
		}
	})
}
