//go:build interop

package interop

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

const (
	// margin is what a loaded machine may add to what takes one packet interval.
	margin = 200 * time.Millisecond
	// early is within how long both sides are heard after the first check.
	early = 300 * time.Millisecond
)

// within wants a switch within one packet interval.
func within(t *testing.T, what string, took time.Duration) {
	t.Helper()
	t.Logf("%s: %v", what, took.Round(100*time.Microsecond))
	if took > step+margin {
		t.Errorf("%s took %v, want at most %v", what, took, step+margin)
	}
}

// latches counts the entries of a call's timeline that say so.
func latches(ladder, what string) int { return strings.Count(ladder, what) }

// Media goes both ways as soon as a check was answered, on the best of three
// pairs that were checked, with nomination held back for three seconds, and does
// not start anew when it comes. Specification 3.3 test 1; CHECKLIST A23.
func TestForkIsHeardBeforeNomination(t *testing.T) {
	e := ring(t)
	a := e.fork("A", 21, 22, 23)
	a.ice.dial(e)
	a.progress()
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	checked := time.Now()
	a.ice.check(0, 1, 2)
	a.talk()
	toCaller, toFork := e.hears(a, checked), a.hears(a.ice, 0, checked)
	t.Logf("after the first check the caller hears after %v, the fork after %v", toCaller, toFork)
	if toCaller > early || toFork > early {
		t.Errorf("want both within %v", early)
	}
	a.only(a.ice, 0, 3*time.Second)
	nominated := time.Now()
	a.ice.nominate(0)
	a.only(a.ice, 0, 500*time.Millisecond)
	a.answer()
	e.answered()
	a.d.wait("ACK")
	time.Sleep(200 * time.Millisecond)
	a.quiet()
	time.Sleep(margin)
	heard := e.heard(a, time.Time{}, time.Time{})
	t.Logf("nomination after %v; %d of %d packets heard, %d lost the other way", nominated.Sub(checked).Round(time.Millisecond), len(heard), len(a.sent), a.lost())
	if len(heard) < len(a.sent)-1 || a.lost() > 0 {
		t.Errorf("media started anew: %d of %d packets heard, %d lost the other way", len(heard), len(a.sent), a.lost())
	}
	for i := 1; i < len(heard); i++ {
		if heard[i].seq != heard[i-1].seq+1 || heard[i].stamp != heard[i-1].stamp+160 {
			t.Errorf("packet %d does not follow the one before it", i)
		}
	}
	e.end(a)
}

// We send on the best path on which a check came: up when a better one is
// checked, never down while that is alive, never on one without a check.
// Specification 3.3 test 2; CHECKLIST A25.
func TestPathIsTheBestThatWasChecked(t *testing.T) {
	e := ring(t)
	a := e.fork("A", 21, 22, 23)
	a.ice.dial(e)
	a.progress()
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	now := time.Now()
	a.ice.check(2)
	within(t, "first check, the worst path", a.hears(a.ice, 2, now))
	a.only(a.ice, 2, 400*time.Millisecond)
	now = time.Now()
	a.ice.check(1)
	within(t, "check of a better path", a.hears(a.ice, 1, now))
	a.only(a.ice, 1, 400*time.Millisecond)
	now = time.Now()
	a.ice.check(0)
	within(t, "check of the best path", a.hears(a.ice, 0, now))
	a.only(a.ice, 0, 400*time.Millisecond)
	if n := a.lost(); n > 3 {
		t.Errorf("%d packets lost by moves, want at most 60 ms", n)
	}
	t.Logf("%d packets lost by two moves", a.lost())

	// The same in the other order: a check of a worse path moves nothing.
	b := e.fork("B", 31, 32)
	b.ice.dial(e)
	b.progress()
	b.ice.check(0)
	b.answer()
	e.answered()
	b.d.wait("ACK")
	b.hears(b.ice, 0, now)
	b.ice.check(1)
	b.only(b.ice, 0, 400*time.Millisecond)
	e.end(b)
}

// Of two forks the one that streams first is heard, the other counted; one
// latch is on the call's timeline. Specification 3.3 test 3; CHECKLIST A22.
func TestForkThatStreamsFirstIsHeard(t *testing.T) {
	e := ring(t)
	a, b := e.fork("A", 21), e.fork("B", 31)
	for _, f := range []*fork{a, b} {
		f.ice.dial(e)
		f.progress()
		f.ice.check(0)
	}
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	within(t, "the first that streams", e.hears(b, b.talk()))
	a.talk()
	b.only(b.ice, 0, time.Second)
	if n := len(e.heard(a, time.Time{}, time.Time{})); n != 0 {
		t.Errorf("%d packets of the other fork were heard", n)
	}
	ladder := e.ladder()
	t.Log(ladder)
	if n := latches(ladder, "B1 latch: dialog latched"); n != 1 {
		t.Errorf("%d dialog latches, want one", n)
	}
	b.answer()
	e.answered()
	b.d.wait("ACK")
	e.end(b)
}

// The answer of a fork that was not heard wins within one packet interval, and
// the other is heard no more. Specification 3.3 test 4.
func TestAnswerOfAnotherForkWins(t *testing.T) {
	e := ring(t)
	a, b := e.fork("A", 21), e.fork("B", 31)
	for _, f := range []*fork{a, b} {
		f.ice.dial(e)
		f.progress()
		f.ice.check(0)
	}
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	e.hears(b, b.talk())
	a.talk()
	time.Sleep(500 * time.Millisecond)
	e.wins(a, b)
	a.only(a.ice, 0, 500*time.Millisecond)
	e.end(a)
}

// wins answers by fork f while it and another stream, and holds the switch to
// figures.
func (e *edge) wins(f, other *fork) {
	t := e.g.t
	t.Helper()
	at := f.answer()
	e.answered()
	f.d.wait("ACK")
	took := e.hears(f, at)
	within(t, "the answer of fork "+f.name+", to the caller", took)
	within(t, "the answer of fork "+f.name+", from the caller", f.hears(f.ice, 0, at))
	time.Sleep(margin)
	first := e.heard(f, at, time.Time{})[0].at
	late := len(e.heard(other, first, time.Time{}))
	t.Logf("fork %s sent %d packets between its answer and the first heard; then %d of fork %s were heard, which sent %d",
		f.name, f.sentSince(at, first), late, other.name, other.sentSince(first, time.Now()))
	if late != 0 {
		t.Errorf("%d packets of fork %s were heard after the switch", late, other.name)
	}
}

// A fork that never sent a 183 answers: the call goes over to it, by the keys of
// its 200. Specification 3.3 test 5; CHECKLIST A22.
func TestAnswerOfASilentForkWins(t *testing.T) {
	e := ring(t)
	a, b, c := e.fork("A", 21), e.fork("B", 31), e.fork("C", 41)
	for _, f := range []*fork{a, b} {
		f.ice.dial(e)
		f.progress()
		f.ice.check(0)
	}
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	e.hears(a, a.talk())
	c.ice.dial(e)
	c.ice.check(0)
	c.talk() // its keys are not known: counted, not heard
	time.Sleep(200 * time.Millisecond)
	if n := len(e.heard(c, time.Time{}, time.Time{})); n != 0 {
		t.Errorf("%d packets of a fork without an answer were heard", n)
	}
	e.wins(c, a)
	e.end(c)
}

// The nominated path is used whenever nomination comes, and whichever it is.
// Specification 3.3 test 6; CHECKLIST A25.
func TestNominationDecidesThePath(t *testing.T) {
	for _, tt := range []struct {
		name   string
		before bool // the answer
	}{{"before the answer", true}, {"after the answer", false}} {
		t.Run(tt.name, func(t *testing.T) {
			e := ring(t)
			a := e.fork("A", 21, 22)
			a.ice.dial(e)
			a.progress()
			e.early()
			e.a.talk(tone(440, 30*time.Second))
			a.ice.check(0, 1)
			e.hears(a, a.talk())
			a.only(a.ice, 0, 300*time.Millisecond)
			nominate := func() {
				now := time.Now()
				a.ice.nominate(1)
				within(t, "nomination of the lower path, "+tt.name, a.hears(a.ice, 1, now))
				a.only(a.ice, 1, 500*time.Millisecond)
			}
			if tt.before {
				nominate()
			}
			a.answer()
			e.answered()
			a.d.wait("ACK")
			if tt.before {
				a.only(a.ice, 1, 300*time.Millisecond)
			} else {
				a.only(a.ice, 0, 300*time.Millisecond)
				nominate()
			}
			if n := a.lost(); n > 3 {
				t.Errorf("%d packets lost by the move, want at most 60 ms", n)
			}
			e.end(a)
		})
	}
}

// Checks that come before the 183 are answered, and count after it.
// Specification 3.3 test 7.
func TestChecksBeforeTheAnswerCount(t *testing.T) {
	e := ring(t)
	a := e.fork("A", 21, 22)
	a.ice.dial(e)
	t.Logf("two checks were answered %v after they left, before any 18x", a.ice.check(0, 1))
	for _, p := range a.ice.paths {
		p.open.Store(false) // nothing after the 183
	}
	now := time.Now()
	a.progress()
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	within(t, "from the 183, to the fork", a.hears(a.ice, 0, now))
	within(t, "from the fork's first packet, to the caller", e.hears(a, a.talk()))
	a.only(a.ice, 0, 300*time.Millisecond)
	a.answer()
	e.answered()
	a.d.wait("ACK")
	e.end(a)
}

// Digits before the answer go to the fork that is heard, with its payload type
// and our key, and to no other. Specification 3.3 test 8; CHECKLIST A24.
func TestEarlyDigitsReachTheForkThatIsHeard(t *testing.T) {
	e := ring(t)
	a, b := e.fork("A", 21), e.fork("B", 31)
	for _, f := range []*fork{a, b} {
		f.ice.dial(e)
		f.progress()
		f.ice.check(0)
	}
	e.early()
	e.hears(b, b.talk())
	a.talk()
	e.a.play(tone(440, 200*time.Millisecond))
	e.a.press("12#")
	e.a.play(tone(440, 500*time.Millisecond))
	time.Sleep(margin)
	t.Logf("fork B, payload type %d, received %q; fork A %q", b.event, b.digits(), a.digits())
	if got := b.digits(); got != "12#" {
		t.Errorf("the fork that is heard received %q, want 12#", got)
	}
	for _, p := range a.got() {
		if p.pt != 0 {
			t.Errorf("the other fork received payload type %d", p.pt)
			break
		}
	}
	if b.broken+a.broken != 0 {
		t.Errorf("%d packets did not bear our key", b.broken+a.broken)
	}
	b.answer()
	e.answered()
	b.d.wait("ACK")
	e.end(b)
}

// Media without a check, media of a checked path under another key, and media
// that was heard before latch nothing and are not heard; they are counted.
// Specification 3.3 test 9; CHECKLIST A26.
func TestSprayedMediaLatchesNothing(t *testing.T) {
	e := ring(t)
	a := e.fork("A", 21)
	a.ice.dial(e)
	a.progress()
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	a.ice.check(0)
	stranger, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(e.g.addr(66))})
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	spray := func(what string, send func()) {
		t.Helper()
		heard, counted := len(e.a.got()), e.rejected()
		for range 50 {
			send()
			time.Sleep(2 * time.Millisecond)
		}
		time.Sleep(margin)
		h, n := len(e.a.got())-heard, e.rejected()-counted
		t.Logf("%s: %d of 50 heard, %d counted", what, h, n)
		if h != 0 || n != 50 {
			t.Errorf("%s: %d heard, want none; %d counted, want 50", what, h, n)
		}
	}
	wrong := keyedBy(t, material())
	spray("no check", func() { _, _ = stranger.WriteToUDPAddrPort(a.packet(a.out), e.at) })
	spray("another key", func() { _, _ = a.ice.paths[0].WriteToUDPAddrPort(a.packet(wrong), e.at) })
	if n := latches(e.ladder(), "B1 latch: dialog latched"); n != 0 {
		t.Errorf("%d dialog latches, want none", n)
	}
	e.hears(a, a.talk())
	time.Sleep(time.Second)
	a.quiet()
	time.Sleep(margin)
	i := len(a.wire)
	again := func() []byte { i--; return a.wire[i] }
	spray("replay", func() { _, _ = a.ice.paths[0].WriteToUDPAddrPort(again(), e.at) })
	a.only(a.ice, 0, 300*time.Millisecond)
	a.answer()
	e.answered()
	a.d.wait("ACK")
	e.end(a)
	if n := e.g.metric("tandem_media_unauthentic_total"); n != 100 {
		t.Errorf("%v packets are in the metric of those not authentic, want 100", n)
	}
}

// Checks without our password, with a broken fingerprint or from a stranger
// altogether get no answer; one that demands what we do not know gets a 420.
// None of them moves anything. Specification 3.3 test 10; RFC 8489 §6.3.1, §9.1.3.
func TestSpoofedChecksMoveNothing(t *testing.T) {
	e := ring(t)
	a := e.fork("A", 21)
	a.ice.dial(e)
	a.progress()
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	a.ice.check(0)
	e.hears(a, a.talk())
	user := stun.NewUsername(e.ufrag + ":" + a.ice.ufrag)
	best := stun.RawAttribute{Type: stun.AttrPriority, Value: []byte{0x7f, 0xff, 0xff, 0xff}}
	use := stun.RawAttribute{Type: stun.AttrUseCandidate}
	good := stun.NewShortTermIntegrity(e.pwd)
	for _, tt := range []struct {
		name string
		set  []stun.Setter
		code int // of the answer; 0: none
		bend bool
	}{
		{"wrong password", []stun.Setter{user, best, use, stun.NewShortTermIntegrity(e.pwd + "x"), stun.Fingerprint}, 0, false},
		{"wrong user", []stun.Setter{stun.NewUsername("x" + e.ufrag + ":" + a.ice.ufrag), best, use, good, stun.Fingerprint}, 0, false},
		{"no integrity", []stun.Setter{user, best, use, stun.Fingerprint}, 0, false},
		{"no fingerprint", []stun.Setter{user, best, use, good}, 0, false},
		{"wrong fingerprint", []stun.Setter{user, best, use, good, stun.Fingerprint}, 0, true},
		{"unknown attribute", []stun.Setter{user, best, use, stun.RawAttribute{Type: 0x7f01, Value: []byte("what")}, good, stun.Fingerprint}, 420, false},
	} {
		msg, err := stun.Build(append([]stun.Setter{stun.TransactionID, stun.BindingRequest}, tt.set...)...)
		if err != nil {
			t.Fatal(err)
		}
		if tt.bend {
			msg.Raw[len(msg.Raw)-1] ^= 1
		}
		code := answer(t, e.g.addr(66), e.at, msg.Raw)
		t.Logf("%s: answer %d", tt.name, code)
		if code != tt.code {
			t.Errorf("%s: answer %d, want %d", tt.name, code, tt.code)
		}
	}
	a.only(a.ice, 0, 500*time.Millisecond)
	if n := latches(e.ladder(), "B1 latch: path latched"); n != 1 {
		t.Errorf("%d path latches, want one\n%s", n, e.ladder())
	}
	a.answer()
	e.answered()
	a.d.wait("ACK")
	e.end(a)
}

// answer sends a STUN message from a host and returns the code of the answer,
// 200 for success, 0 for none; media that comes there instead fails the test.
func answer(t *testing.T, host string, to netip.AddrPort, raw []byte) int {
	t.Helper()
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(host)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WriteToUDPAddrPort(raw, to); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	code := 0
	for b := make([]byte, 1500); ; {
		n, err := c.Read(b)
		if err != nil {
			return code
		}
		m := &stun.Message{Raw: b[:n]}
		var e stun.ErrorCodeAttribute
		switch {
		case !stun.IsMessage(b[:n]) || m.Decode() != nil:
			t.Errorf("%d bytes that are not STUN came to %s", n, host)
		case m.Type == stun.BindingSuccess:
			code = 200
		case e.GetFrom(m) == nil:
			code = int(e.Code)
		}
	}
}

// A restart by re-INVITE gives us new credentials; the old path is used until
// the new one has a check. Specification 3.3 test 13; RFC 8445 §9.
func TestRestartMovesThePathByItsFirstCheck(t *testing.T) {
	e := ring(t)
	a := e.fork("A", 21)
	a.ice.dial(e)
	a.progress()
	e.early()
	e.a.talk(tone(440, 30*time.Second))
	a.ice.check(0)
	e.hears(a, a.talk())
	a.answer()
	e.answered()
	a.d.wait("ACK")
	old := a.ice
	old.nominate(0)
	a.only(old, 0, 300*time.Millisecond)

	ufrag, pwd := e.ufrag, e.pwd
	fresh := e.g.newAgent(a.take, 24)
	a.d.seq++
	a.d.request("INVITE", strings.Replace(a.sdp(fresh), "o=- 1 1", "o=- 1 2", 1))
	e.read(a.d.wait("200 INVITE").body)
	a.d.request("ACK", "")
	if e.ufrag == ufrag || e.pwd == pwd {
		t.Error("the answer to a restart has the old credentials")
	}
	a.only(old, 0, time.Second)
	fresh.dial(e)
	now := time.Now()
	t.Logf("the new path was checked after %v", fresh.check(0))
	within(t, "check of the new path", a.hears(fresh, 0, now))
	a.only(fresh, 0, 500*time.Millisecond)
	if n := a.lost(); n > 3 {
		t.Errorf("%d packets lost by the restart, want at most 60 ms", n)
	}
	a.quiet()
	e.end(a)
}
