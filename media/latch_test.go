package media

import (
	"net/netip"
	"testing"
	"time"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func ap(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// stream shows a latch n packets of src, 20 ms apart, and returns the last verdict.
func stream(l *Latch, from time.Time, src string, ssrc uint32, n int) Verdict {
	v := Rejected
	for i := range n {
		v = l.Accept(from.Add(time.Duration(i)*FrameDuration), ap(src), ssrc, uint16(i), false)
	}
	return v
}

func armed(p LatchPolicy, relearn time.Duration, ranges ...netip.Prefix) *Latch {
	l := NewLatch(p, ranges, 3*time.Second, relearn)
	l.Arm(t0, ap("192.0.2.10:4000"))
	return l
}

// The signalled address wins with its first packet.
func TestLatchTakesTheSignalledAddressAtOnce(t *testing.T) {
	l := armed(LatchSignalled, 0)
	if v := l.Accept(t0, ap("192.0.2.10:4000"), 1, 9, false); v != Latched {
		t.Errorf("verdict %v", v)
	}
}

// What may be learned is the policy's to say (RFC 7362 §5).
func TestLatchLearnsWhatThePolicyAllows(t *testing.T) {
	private := netip.MustParsePrefix("10.0.0.0/8")
	for _, c := range []struct {
		name   string
		policy LatchPolicy
		ranges []netip.Prefix
		src    string
		want   Verdict
	}{
		{"signalled, another port", LatchSignalled, nil, "192.0.2.10:4002", Rejected},
		{"same_ip, another port", LatchSameIP, nil, "192.0.2.10:4002", Latched},
		{"same_ip, another host", LatchSameIP, nil, "198.51.100.1:4000", Rejected},
		{"default is same_ip", LatchDefault, nil, "198.51.100.1:4000", Rejected},
		{"nat, another host", LatchNAT, nil, "198.51.100.1:4000", Latched},
		{"nat, outside of the ranges", LatchNAT, []netip.Prefix{private}, "198.51.100.1:4000", Rejected},
		{"nat, within the ranges", LatchNAT, []netip.Prefix{private}, "10.1.2.3:4000", Latched},
	} {
		if v := stream(armed(c.policy, 0, c.ranges...), t0, c.src, 1, 4); v != c.want {
			t.Errorf("%s: verdict %v, want %v", c.name, v, c.want)
		}
	}
}

// Learning takes four packets in sequence, of one source, over 22 ms.
func TestLatchNeedsProbation(t *testing.T) {
	src := ap("192.0.2.10:4002")
	burst := armed(LatchSameIP, 0)
	for i := range uint16(20) {
		if v := burst.Accept(t0, src, 1, i, false); v != Learning {
			t.Fatalf("packet %d of a burst: %v", i, v)
		}
	}
	gaps := armed(LatchSameIP, 0)
	for i := range 20 {
		if v := gaps.Accept(t0.Add(time.Duration(i)*FrameDuration), src, 1, uint16(2*i), false); v != Learning {
			t.Fatalf("packet %d with gaps: %v", i, v)
		}
	}
	sources := armed(LatchSameIP, 0)
	for i := range 20 {
		if v := sources.Accept(t0.Add(time.Duration(i)*FrameDuration), src, uint32(i), uint16(i), false); v != Learning {
			t.Fatalf("packet %d of changing SSRC: %v", i, v)
		}
	}
	if v := stream(armed(LatchSameIP, 0), t0, src.String(), 1, 3); v != Learning {
		t.Errorf("three packets: %v", v)
	}
}

// Nothing is learned before an offer or answer, nor after the window.
func TestLatchLearnsInTheWindowOnly(t *testing.T) {
	if v := stream(NewLatch(LatchNAT, nil, 3*time.Second, 0), t0, "192.0.2.10:4002", 1, 10); v != Rejected {
		t.Errorf("before anything was signalled: %v", v)
	}
	if v := stream(armed(LatchNAT, 0), t0.Add(3*time.Second+1), "192.0.2.10:4002", 1, 10); v != Rejected {
		t.Errorf("after the window: %v", v)
	}
}

// Once locked, the latch does not follow a stranger, whatever the policy and
// the window (RFC 7362 §5), while its source streams.
func TestLatchIgnoresStranger(t *testing.T) {
	l := armed(LatchNAT, 0)
	good, bad := ap("192.0.2.10:4000"), ap("203.0.113.9:4000")
	for i := range 100 {
		now := t0.Add(time.Duration(i) * FrameDuration)
		if v := l.Accept(now, good, 1, uint16(i), false); v < Accepted {
			t.Fatalf("packet %d of the signalled source: %v", i, v)
		}
		if v := l.Accept(now.Add(time.Millisecond), bad, 1, uint16(i), false); v != Rejected {
			t.Fatalf("packet %d of a stranger: %v", i, v)
		}
	}
	if got := l.Remote(); got != good {
		t.Errorf("remote = %v, want %v", got, good)
	}
}

// A source that is silent is replaced after another offer or answer, or by the
// option for trunks behind NAT, and else by nobody.
func TestLatchOpensAgainBySignallingOrOption(t *testing.T) {
	moved := "192.0.2.10:4444"
	l := armed(LatchSameIP, 0)
	stream(l, t0, "192.0.2.10:4000", 1, 10)
	later := t0.Add(time.Minute)
	if v := stream(l, later, moved, 1, 10); v != Rejected {
		t.Errorf("after a minute of silence: %v", v)
	}
	l.Arm(later, ap("192.0.2.10:4000"))
	if v := stream(l, later, moved, 1, 4); v != Latched {
		t.Errorf("after another answer: %v", v)
	}
}

// With the option a stream that goes on from another address is followed, once
// the address before is silent: the NAT on the way bound it anew. Another
// stream is not: whoever cannot see this one knows neither its SSRC nor its
// place in the sequence.
func TestLatchFollowsAReboundStreamAlone(t *testing.T) {
	const moved = "198.51.100.1:4444"
	for _, c := range []struct {
		name  string
		after time.Duration
		ssrc  uint32
		seq   uint16
		want  Verdict
	}{
		{"the stream goes on", 5 * time.Second, 1, 10 + 250, Latched},
		{"its address was not silent for long enough", 4 * time.Second, 1, 10 + 200, Rejected},
		{"another SSRC", 5 * time.Second, 2, 10 + 250, Rejected},
		{"sequence numbers that were sent before", 5 * time.Second, 1, 5, Rejected},
		{"sequence numbers far away", 5 * time.Second, 1, 10 + maxDropout, Rejected},
	} {
		l := armed(LatchNAT, 5*time.Second)
		stream(l, t0, "192.0.2.10:4000", 1, 10)
		from, v := t0.Add(9*FrameDuration+c.after), Rejected
		for i := range 4 {
			v = l.Accept(from.Add(time.Duration(i)*FrameDuration), ap(moved), c.ssrc, c.seq+uint16(i), false)
		}
		if v != c.want {
			t.Errorf("%s: %v, want %v", c.name, v, c.want)
		}
	}
}

// An address that moves by signalling is accepted at once; of the one before
// only what is under way is.
func TestLatchFollowsSignalling(t *testing.T) {
	l := armed(LatchSignalled, 0)
	stream(l, t0, "192.0.2.10:4000", 1, 10)
	now := t0.Add(time.Second)
	l.Arm(now, ap("192.0.2.20:6000"))
	if got := l.Remote(); got != ap("192.0.2.20:6000") {
		t.Errorf("remote = %v", got)
	}
	if v := l.Accept(now, ap("192.0.2.10:4000"), 1, 10, false); v != Accepted {
		t.Errorf("old address, new one not heard yet: %v", v)
	}
	if v := l.Accept(now, ap("192.0.2.20:6000"), 2, 1, false); v != Latched {
		t.Errorf("new address: %v", v)
	}
	if v := l.Accept(now, ap("192.0.2.10:4000"), 1, 11, false); v != Rejected {
		t.Errorf("old address: %v", v)
	}
	l.Arm(now, netip.AddrPort{})
	l.Arm(now, ap("0.0.0.0:9"))
	if got := l.Remote(); got != ap("192.0.2.20:6000") {
		t.Errorf("hold moved the latch to %v", got)
	}
}

// The SSRC of the latched source may change.
func TestLatchAcceptsAnotherSSRC(t *testing.T) {
	l := armed(LatchSignalled, 0)
	stream(l, t0, "192.0.2.10:4000", 1, 2)
	if v := l.Accept(t0.Add(time.Second), ap("192.0.2.10:4000"), 99, 5, false); v != Accepted {
		t.Errorf("verdict %v", v)
	}
}

// What is authenticated needs no window, but to replace a source that was heard
// it needs probation: who copies packets is not to win a race with one of them.
func TestLatchLearnsAuthenticPackets(t *testing.T) {
	l := armed(LatchSameIP, 0)
	late := t0.Add(time.Hour)
	if v := l.Accept(late, ap("192.0.2.10:4002"), 1, 1, true); v != Latched {
		t.Errorf("first: %v", v)
	}
	for i := range 3 {
		now := late.Add(time.Duration(i+1) * FrameDuration)
		if v := l.Accept(now, ap("192.0.2.10:4004"), 1, uint16(i), true); v != Learning {
			t.Errorf("packet %d of another address: %v", i, v)
		}
	}
	if v := l.Accept(late.Add(4*FrameDuration), ap("192.0.2.10:4004"), 1, 3, true); v != Latched {
		t.Errorf("fourth: %v", v)
	}
	if v := l.Accept(late, ap("198.51.100.7:4004"), 1, 1, true); v != Rejected {
		t.Errorf("authentic, but not allowed: %v", v)
	}
}

// S2: the address that was signalled does not take a session back from a source
// that was learned and streams, once the window is over: it may be a private
// one, and anybody's.
func TestLatchStaysWithWhatItLearned(t *testing.T) {
	l := armed(LatchNAT, 0)
	learned, signalled := "203.0.113.9:4000", ap("192.0.2.10:4000")
	stream(l, t0, learned, 1, 4)
	now := t0.Add(10 * time.Second)
	stream(l, now, learned, 1, 1)
	if v := l.Accept(now, signalled, 1, 9, false); v != Rejected || l.Remote() != ap(learned) {
		t.Errorf("verdict %v, remote %v", v, l.Remote())
	}
	if v := l.Accept(now.Add(alive), signalled, 1, 10, false); v != Latched {
		t.Errorf("once it is silent: %v", v)
	}
}
