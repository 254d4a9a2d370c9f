package media

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/srtp/v3"

	"github.com/tandem-voip/tandem/media/sdp"
)

func testKey(t testing.TB, s sdp.Suite, fill byte) sdp.Key {
	t.Helper()
	k, err := sdp.NewKey(s, bytes.Repeat([]byte{fill}, sdp.MaxKeyLen))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// keyed is a with SDES keys, ours and the far side's.
func keyed(a sdp.Agreed, ours, theirs sdp.Key) sdp.Agreed {
	a.Profile = sdp.ProfileSAVP
	a.Keys = sdp.Keys{Send: ours, Receive: theirs}
	return a
}

// A securePhone protects what it sends and opens what it hears.
type securePhone struct {
	*phone
	out, in *srtp.Context
}

func secure(t testing.TB, p *phone, theirs, ours sdp.Key) *securePhone {
	t.Helper()
	out, err := sdesContext(theirs)
	if err != nil {
		t.Fatal(err)
	}
	in, err := sdesContext(ours)
	if err != nil {
		t.Fatal(err)
	}
	return &securePhone{p, out, in}
}

func (p *securePhone) protect(b []byte) []byte {
	p.t.Helper()
	sealed, err := p.out.EncryptRTP(nil, b, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return sealed
}

func (p *securePhone) say(n int, fill byte) {
	p.t.Helper()
	for range n {
		p.send(p.protect(p.packet(fill)))
		time.Sleep(FrameDuration)
	}
}

// opened returns the payloads of what was heard; each must be authentic.
func (p *securePhone) opened() [][]byte {
	p.t.Helper()
	var all [][]byte
	for i, h := range p.packets() {
		raw, err := h.Marshal()
		if err != nil {
			p.t.Fatal(err)
		}
		plain, err := p.in.DecryptRTP(nil, raw, nil)
		if err != nil {
			p.t.Fatalf("packet %d: %v", i, err)
		}
		all = append(all, plain[headerLen:])
	}
	return all
}

func suites() []sdp.Suite {
	return []sdp.Suite{
		sdp.SuiteAES128SHA80, sdp.SuiteAES128SHA32, sdp.SuiteAES256SHA80, sdp.SuiteAES256SHA32,
		sdp.SuiteGCM128, sdp.SuiteGCM256,
	}
}

// Every suite forwards to plain RTP and back, also with a key identifier in
// each packet.
func TestSDESForwardsToPlainAndBack(t *testing.T) {
	for _, suite := range suites() {
		for _, identifier := range []uint8{0, 1, 4} {
			bubble(t, nil, func(t *testing.T, b *bench) {
				ea, _, pa, pb := b.join(Options{}, Options{})
				ours, theirs := testKey(t, suite, 1), testKey(t, suite, 2)
				theirs.MKI, theirs.MKILen = 1, identifier
				apply(t, ea, "a", keyed(agree(pa.addr()), ours, theirs))
				far := secure(t, pa, theirs, ours)
				far.say(10, 7)
				pb.say(10, 8)
				if got := pb.packets(); len(got) != 10 || got[9].Payload[0] != 7 || len(got[9].Payload) != 160 {
					t.Errorf("%v: the plain side heard %d", suite, len(got))
				}
				if got := far.opened(); len(got) != 10 || got[9][0] != 8 {
					t.Errorf("%v: the secure side heard %d", suite, len(got))
				}
				if s := ea.Stats(); s.Secure != "sdes" || s.Unauthentic != 0 {
					t.Errorf("%v: stats %+v", suite, s)
				}
			})
		}
	}
}

// S4 and spec test 9: packets with a wrong key, changed on the way, or seen
// before are dropped and counted and move nothing, not the latch, not the
// figures, whatever address they come from.
func TestUnauthenticPacketsChangeNothing(t *testing.T) {
	for _, suite := range []sdp.Suite{sdp.SuiteAES128SHA80, sdp.SuiteGCM128} {
		bubble(t, nil, func(t *testing.T, b *bench) {
			ea, _, pa, pb := b.join(Options{Latch: LatchNAT}, Options{})
			ours, theirs := testKey(t, suite, 1), testKey(t, suite, 2)
			apply(t, ea, "a", keyed(agree(pa.addr()), ours, theirs))
			far := secure(t, pa, theirs, ours)
			thief := b.phone("203.0.113.66:6666", ea)
			wrong := secure(t, b.phone("203.0.113.66:6668", ea), testKey(t, suite, 9), ours)
			wrong.ssrc = far.ssrc

			thief.say(5, 9) // plain RTP where keys were agreed
			wrong.say(5, 9)
			if s := ea.Stats(); s.Received.Packets != 0 || s.Unauthentic != 10 || s.Remote != pa.addr() {
				t.Errorf("before the far side: %+v", s)
			}
			replayed := far.protect(far.packet(7))
			far.send(replayed)
			time.Sleep(FrameDuration)
			far.say(5, 7)
			for range 5 {
				far.send(replayed)   // from its own address
				thief.send(replayed) // and from another
				far.send([]byte{0x80, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
				changed := far.protect(far.packet(7))
				changed[20] ^= 1
				far.send(changed)
				wrong.say(1, 9)
			}
			if n := len(pb.packets()); n != 6 {
				t.Errorf("%v: %d packets heard, 6 were authentic", suite, n)
			}
			if s := ea.Stats(); s.Received.Packets != 6 || s.Unauthentic != 35 || s.Remote != pa.addr() {
				t.Errorf("%v: accepted %d, unauthentic %d, remote %v", suite, s.Received.Packets, s.Unauthentic, s.Remote)
			}
			if n := len(thief.packets()); n != 0 {
				t.Errorf("%d packets went to the thief", n)
			}
		})
	}
}

// Two early dialogs at one address are told apart by their keys.
func TestKeysTellDialogsApart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{}, "X")
		ours := testKey(t, sdp.SuiteAES128SHA80, 1)
		keyA, keyB := testKey(t, sdp.SuiteAES128SHA80, 2), testKey(t, sdp.SuiteAES128SHA80, 3)
		apply(t, e, "A", keyed(agree(far["X"].addr()), ours, keyA))
		apply(t, e, "B", keyed(agree(far["X"].addr()), ours, keyB))
		secure(t, far["X"], keyB, ours).say(5, 'B')
		if got := fills(ear); got != "B" {
			t.Errorf("heard %q", got)
		}
		if n := b.told(NoticeDialogLatched); len(n) != 1 || n[0].Dialog != "B" {
			t.Errorf("latched %+v", n)
		}
	})
}

// The packets under a key are counted. Near the end of the lifetime that was
// stated for it, of ours or the far side's, the owner is told, in time to change
// it; under a key of ours that is used up nothing is sent (RFC 4568 §6.1, RFC
// 3711 §9.2).
func TestKeysWearOut(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{}, Options{})
		suite := sdp.SuiteAES128SHA80
		ours, theirs := testKey(t, suite, 1), testKey(t, suite, 2)
		ours.Lifetime, theirs.Lifetime = 1<<10, 1<<9
		apply(t, ea, "a", keyed(agree(pa.addr()), ours, theirs))
		worn := func() (reasons []string) {
			for _, n := range b.told(NoticeKeyWorn) {
				reasons = append(reasons, n.Reason)
			}
			return reasons
		}
		far := secure(t, pa, theirs, ours)
		far.say(383, 7)
		pb.say(767, 8)
		if got := worn(); len(got) != 0 {
			t.Errorf("told at once: %q", got)
		}
		far.say(1, 7)
		pb.say(1, 8)
		if got, want := worn(), []string{"the far side's", "ours"}; !slices.Equal(got, want) {
			t.Errorf("told %q, want %q", got, want)
		}
		pb.say(300, 8)
		far.say(300, 7)
		if got := len(pa.packets()); got != 1<<10 {
			t.Errorf("%d packets were sent under a key for 1024", got)
		}
		if got := len(pb.packets()); got != 684 {
			t.Errorf("%d packets of the far side were heard, 684 were sent: how long it uses its key is its own affair", got)
		}
		before := ea.Stats()
		apply(t, ea, "a", keyed(agree(pa.addr()), testKey(t, suite, 3), theirs))
		pb.say(10, 8)
		if s := ea.Stats(); s.Sent.Packets != before.Sent.Packets+10 || before.Unroutable != 44 {
			t.Errorf("under another key %d were sent; %d could not be before", s.Sent.Packets-before.Sent.Packets, before.Unroutable)
		}
	})
}

// New keys take over; packets under way with the old ones are still accepted
// for a while. Keys that stay keep their roll-over counter.
func TestRekeyLosesNothing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{}, Options{})
		suite := sdp.SuiteAES128SHA80
		ours, theirs, next := testKey(t, suite, 1), testKey(t, suite, 2), testKey(t, suite, 3)
		apply(t, ea, "a", keyed(agree(pa.addr()), ours, theirs))
		old, fresh := secure(t, pa, theirs, ours), secure(t, pa, next, ours)
		pa.seq = 65530
		old.say(10, 7) // over a wrap
		apply(t, ea, "a", keyed(agree(pa.addr()), ours, theirs))
		old.say(5, 7)
		apply(t, ea, "a", keyed(agree(pa.addr()), ours, next))
		old.say(2, 7)
		fresh.say(5, 7)
		time.Sleep(overlap)
		old.say(1, 7)
		fresh.say(1, 7)
		if n := len(pb.packets()); n != 23 {
			t.Errorf("heard %d packets, want 23", n)
		}
		if s := ea.Stats(); s.Unauthentic != 1 {
			t.Errorf("unauthentic %d, want the one under a key that is over", s.Unauthentic)
		}
	})
}

// Reports are protected too, and those that are not are not believed.
func TestReportsAreProtected(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{}, Options{})
		suite := sdp.SuiteGCM128
		ours, theirs := testKey(t, suite, 1), testKey(t, suite, 2)
		apply(t, ea, "a", keyed(agree(pa.addr()), ours, theirs))
		far := secure(t, pa, theirs, ours)
		ctl := b.phone("198.51.100.1:4001", ea)
		for range 500 {
			pb.send(pb.packet(1))
			far.say(1, 7)
		}
		if len(ctl.rest()) == 0 {
			t.Fatal("no report in 10 s")
		}
		plain, err := far.in.DecryptRTCP(nil, ctl.rest()[0], nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rtcp.Unmarshal(plain); err != nil {
			t.Error(err)
		}
		forged, err := (&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ea.Stats().Sent.SSRC, TotalLost: 99}}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		ctl.to = ctl.rtcp
		ctl.send(forged)
		time.Sleep(time.Millisecond)
		if s := ea.Stats(); s.RemoteLost != 0 || s.Unauthentic != 1 {
			t.Errorf("a forged report: lost %d, unauthentic %d", s.RemoteLost, s.Unauthentic)
		}
		genuine, err := far.out.EncryptRTCP(nil, forged, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctl.send(genuine)
		ctl.send(genuine)
		time.Sleep(time.Millisecond)
		if s := ea.Stats(); s.RemoteLost != 99 || s.Unauthentic != 2 {
			t.Errorf("a report that was sent twice: lost %d, unauthentic %d", s.RemoteLost, s.Unauthentic)
		}
	})
}

// The SSRCs one key may protect are bounded, also for a far side that has it.
func TestSourcesUnderOneKeyAreBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, _ := b.join(Options{}, Options{})
		ours, theirs := testKey(t, sdp.SuiteGCM128, 1), testKey(t, sdp.SuiteGCM128, 2)
		apply(t, ea, "a", keyed(agree(pa.addr()), ours, theirs))
		far := secure(t, pa, theirs, ours)
		for range 2 * maxSources {
			far.ssrc++
			far.say(1, 7)
		}
		if s := ea.Stats(); s.Received.Packets != maxSources {
			t.Errorf("accepted %d sources of %d", s.Received.Packets, 2*maxSources)
		}
	})
}
