package media

import (
	"strings"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/stun/v4"

	"github.com/tandem-voip/tandem/media/sdp"
)

const (
	ourUfrag = "gwgw"
	ourPwd   = "gwpasswordgwpasswordgw"
)

// check makes a connectivity check of a far side with that ufrag.
func check(t *testing.T, ufrag, pwd string, priority uint32, nominate bool) []byte {
	t.Helper()
	setters := []stun.Setter{
		stun.TransactionID, stun.BindingRequest, stun.NewUsername(ourUfrag + ":" + ufrag),
		rawAttr(stun.AttrPriority, byte(priority>>24), byte(priority>>16), byte(priority>>8), byte(priority)),
		rawAttr(stun.AttrICEControlling, 1, 2, 3, 4, 5, 6, 7, 8),
	}
	if nominate {
		setters = append(setters, rawAttr(stun.AttrUseCandidate))
	}
	setters = append(setters, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	m, err := stun.Build(setters...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

func rawAttr(typ stun.AttrType, v ...byte) stun.RawAttribute {
	return stun.RawAttribute{Type: typ, Value: v}
}

// checking is a with ICE agreed with a far side of that ufrag.
func checking(a sdp.Agreed, ufrag string) sdp.Agreed {
	a.ICE = sdp.RemoteICE{Ufrag: ufrag, Pwd: strings.Repeat(ufrag, 6)}
	a.Mux, a.RemoteRTCP = true, a.Remote
	return a
}

func withICE() Options { return Options{ICE: &ICE{Ufrag: ourUfrag, Pwd: ourPwd}} }

// Spec tests 1, 2 and 7, A23, A25: checks are answered before the answer came;
// media is heard before any nomination and goes to the highest path that was
// checked, never to one that was not.
func TestMediaFlowsOnCheckedPathsBeforeNomination(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(withICE(), "low", "high", "unchecked")
		low, high, none := far["low"], far["high"], far["unchecked"]
		low.send(check(t, "AAAA", ourPwd, 100, false))
		time.Sleep(time.Millisecond)
		if len(low.rest()) != 1 {
			t.Fatal("a check before the answer was not answered")
		}
		apply(t, e, "A", checking(agree(none.addr()), "AAAA"))
		none.say(3, 'n')
		low.say(3, 'l')
		ear.say(3, 'x')
		if fills(ear) != "l" || len(low.packets()) != 3 || len(none.packets()) != 0 {
			t.Errorf("heard %q; sent %d to the checked path, %d to the other", fills(ear), len(low.packets()), len(none.packets()))
		}
		high.send(check(t, "AAAA", ourPwd, 200, false))
		time.Sleep(time.Millisecond)
		ear.say(3, 'x')
		low.send(check(t, "AAAA", ourPwd, 100, false))
		time.Sleep(time.Millisecond)
		ear.say(3, 'x')
		if len(high.packets()) != 6 || len(low.packets()) != 3 {
			t.Errorf("sent %d to the higher path, %d to the lower", len(high.packets()), len(low.packets()))
		}
		low.send(check(t, "AAAA", ourPwd, 100, true))
		time.Sleep(time.Millisecond)
		ear.say(3, 'x')
		if len(low.packets()) != 6 {
			t.Errorf("the nominated path got %d", len(low.packets())-3)
		}
		reasons := ""
		for _, n := range b.told(NoticePathLatched) {
			reasons += n.Addr.String() + " " + n.Reason + "; "
		}
		if len(b.told(NoticePathLatched)) != 3 || !strings.HasSuffix(reasons, "nominated; ") {
			t.Errorf("told: %s", reasons)
		}
	})
}

// Spec tests 9 and 10: a check with a wrong password, or none, opens no path.
func TestForgedChecksOpenNoPath(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(withICE(), "thief", "A")
		apply(t, e, "A", checking(agree(far["A"].addr()), "AAAA"))
		thief := far["thief"]
		thief.send(check(t, "AAAA", "wrongpasswordwrongpass", 1<<31, true))
		broken := check(t, "AAAA", ourPwd, 1<<31, true)
		broken[len(broken)-1] ^= 1
		thief.send(broken)
		thief.say(10, 't')
		ear.say(5, 'x')
		if len(thief.packets()) != 0 || len(ear.packets()) != 0 {
			t.Errorf("the thief got %d packets and was heard %d times", len(thief.packets()), len(ear.packets()))
		}
		s := e.Stats()
		if s.Rejected != 10 || s.Sources[0].Addr != thief.addr() {
			t.Errorf("stats %+v", s)
		}
	})
}

// Spec test 3: forks on one socket are told apart by their checks.
func TestForksAreToldApartByTheirChecks(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(withICE(), "A", "B")
		for _, n := range []string{"A", "B"} {
			apply(t, e, n, checking(agree(ap("203.0.113.250:9")), strings.Repeat(n, 4)))
			far[n].send(check(t, strings.Repeat(n, 4), ourPwd, 100, false))
		}
		time.Sleep(time.Millisecond)
		far["B"].say(5, 'B')
		for range 5 {
			far["A"].send(far["A"].packet('A'))
			far["B"].send(far["B"].packet('B'))
			time.Sleep(FrameDuration)
		}
		if got := fills(ear); got != "B" {
			t.Errorf("heard %q", got)
		}
		e.Select(time.Now(), "A")
		far["A"].say(1, 'A')
		ear.say(2, 'x')
		if got := fills(ear); got != "BA" || len(far["A"].packets()) != 2 || len(far["B"].packets()) != 0 {
			t.Errorf("after the answer of A heard %q", got)
		}
	})
}

// Specification 3.2, A22: two forks behind one media address are told apart by
// the key that authenticates a packet, their reports too. Which it is, is
// remembered by SSRC, so that a packet costs one try.
func TestForksBehindOneAddressAreToldApartByTheirKeys(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(withICE(), "edge")
		ours := testKey(t, sdp.SuiteAES128SHA80, 1)
		edge := far["edge"]
		fork := map[string]*securePhone{}
		for i, n := range []string{"A", "B", "C"} {
			theirs := testKey(t, sdp.SuiteAES128SHA80, byte(2+i))
			apply(t, e, n, checking(keyed(agree(edge.addr()), ours, theirs), strings.Repeat(n, 4)))
			edge.send(check(t, strings.Repeat(n, 4), ourPwd, 100, false))
			fork[n] = secure(t, &phone{t: t, conn: edge.conn, to: edge.to, ssrc: uint32(n[0])}, theirs, ours)
		}
		time.Sleep(time.Millisecond)
		fork["B"].say(5, 'B')
		fork["A"].say(5, 'A')
		if got := fills(ear); got != "B" {
			t.Errorf("heard %q, want B, which came first", got)
		}
		if s := e.Stats(); s.Muted != 5 || s.Rejected != 0 || s.Unauthentic != 0 {
			t.Errorf("muted %d, rejected %d, not authentic %d", s.Muted, s.Rejected, s.Unauthentic)
		}
		e.Select(time.Now(), "C")
		fork["B"].say(2, 'B')
		fork["C"].say(2, 'C')
		if got := fills(ear); got != "BC" {
			t.Errorf("after the answer of C heard %q", got)
		}
		stranger := secure(t, edge, testKey(t, sdp.SuiteAES128SHA80, 9), ours)
		before := e.Stats()
		stranger.say(3, 's')
		if s := e.Stats(); s.Rejected-before.Rejected != 3 || s.Unauthentic-before.Unauthentic != 3 || fills(ear) != "BC" {
			t.Errorf("under another key: rejected %d, not authentic %d", s.Rejected-before.Rejected, s.Unauthentic-before.Unauthentic)
		}
		raw, err := (&rtcp.SenderReport{SSRC: 'C', NTPTime: ntp(time.Now())}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if raw, err = fork["C"].out.EncryptRTCP(nil, raw, nil); err != nil {
			t.Fatal(err)
		}
		before = e.Stats()
		edge.send(raw)
		time.Sleep(time.Millisecond)
		if s := e.Stats(); s.Unauthentic != before.Unauthentic {
			t.Error("the report of C is not taken for its own")
		}
	})
}

// Spec test 9, S4: a path that was checked is not enough where keys were agreed:
// packets without them, or under others, are not heard.
func TestCheckedPathNeedsItsKeys(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(withICE(), "A")
		ours, theirs := testKey(t, sdp.SuiteGCM128, 1), testKey(t, sdp.SuiteGCM128, 2)
		apply(t, e, "A", checking(keyed(agree(far["A"].addr()), ours, theirs), "AAAA"))
		far["A"].send(check(t, "AAAA", ourPwd, 100, false))
		time.Sleep(time.Millisecond)
		far["A"].say(5, 'p')
		secure(t, far["A"], testKey(t, sdp.SuiteGCM128, 9), ours).say(5, 'w')
		secure(t, far["A"], theirs, ours).say(5, 'k')
		if s := e.Stats(); fills(ear) != "k" || s.Unauthentic != 10 {
			t.Errorf("heard %q, unauthentic %d of 10", fills(ear), s.Unauthentic)
		}
	})
}
