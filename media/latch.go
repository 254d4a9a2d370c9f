package media

import (
	"net/netip"
	"slices"
	"time"
)

// The probation of an address that was not signalled: so many packets in
// sequence, of one SSRC, over at least so long. A burst cannot win, and a
// packet sent blindly cannot either.
const (
	probation     = 4
	probationTime = 22 * time.Millisecond // of 3 gaps of 20 ms, with jitter
	// alive is how long a latched source counts as streaming after a packet:
	// while it does, a stranger cannot replace it.
	alive = 100 * time.Millisecond
	// candidates bounds the sources on probation at a time; the one heard
	// least recently makes room.
	candidates = 4
)

// A Verdict is what a latch says to one packet.
type Verdict uint8

// The verdicts. Reason says why.
const (
	Rejected Verdict = iota // not of this session
	Learning                // not yet: its source is on probation
	Accepted                // of the latched source
	Latched                 // accepted, and its source is latched from now on
)

// A Latch decides which source an RTP session listens and answers to. It is a
// core for one goroutine. The zero Latch accepts nothing but what Arm names.
//
// RFC 4961; RFC 7362 §4 and §5.
type Latch struct {
	policy  LatchPolicy
	ranges  []netip.Prefix
	window  time.Duration // of learning after Arm
	relearn time.Duration // silence after which a stream may go on from elsewhere; 0: never

	signalled netip.AddrPort
	remote    netip.AddrPort // where to send; zero while unknown
	locked    bool           // remote was heard
	before    netip.AddrPort // latched when Arm moved the address; accepted until the new one is heard
	ssrc      uint32         // of the last packet of remote
	seq       uint16         // likewise
	armed     time.Time
	heard     time.Time // last packet of remote
	reason    string
	trial     [candidates]trial
}

// A trial is a source on probation.
type trial struct {
	src         netip.AddrPort
	ssrc        uint32
	seq         uint16
	n           int // packets in sequence; 0: unused
	first, last time.Time
}

// NewLatch returns a latch. Addresses are learned for window after each Arm;
// ranges bound what may be learned, none means no bound. A stream that was
// silent for relearn may go on from another address: that is for peers behind a
// NAT, which may bind them anew; 0 switches it off.
func NewLatch(policy LatchPolicy, ranges []netip.Prefix, window, relearn time.Duration) *Latch {
	return &Latch{policy: policy, ranges: ranges, window: window, relearn: relearn}
}

// Arm takes the address that an offer or answer named and opens the window in
// which another may be learned. Where the same address is named again a source
// that was learned stays, and is replaced only once it is silent. An address
// that is unspecified names nothing and changes nothing: that is hold.
func (l *Latch) Arm(now time.Time, signalled netip.AddrPort) {
	if !signalled.IsValid() || signalled.Addr().IsUnspecified() || signalled.Port() == 0 {
		return
	}
	l.armed = now
	l.trial = [candidates]trial{}
	if signalled == l.signalled {
		return
	}
	if l.locked && l.remote != signalled {
		l.before = l.remote
	}
	l.signalled, l.remote = signalled, signalled
	l.locked = false
}

// Remote is where to send: the address latched, else the one signalled. Zero
// until one is known.
func (l *Latch) Remote() netip.AddrPort { return l.remote }

// Locked reports whether the remote address has been heard.
func (l *Latch) Locked() bool { return l.locked }

// Reason explains the last verdict that was Rejected or Latched.
func (l *Latch) Reason() string { return l.reason }

// Accept judges a packet from src. Packets of a payload type that was not
// negotiated are not to be shown to it, nor is RTCP: neither teaches. With SRTP
// it is called after the packet was authenticated, never before, and says so.
//
// The signalled address wins at once. Any other that the policy allows wins
// after probation, while the window is open and no latched source streams. Where
// relearning is on, the stream that was latched may later go on from such an
// address. An authenticated source needs no window, and no probation unless it
// replaces one that was heard. The winner keeps the session; its SSRC may change.
func (l *Latch) Accept(now time.Time, src netip.AddrPort, ssrc uint32, seq uint16, authentic bool) Verdict {
	switch {
	case l.locked && src == l.remote:
		l.ssrc, l.seq, l.heard = ssrc, seq, now
		return Accepted
	case src == l.signalled && src.IsValid():
		if l.locked && l.streams(now) && !l.open(now) {
			return l.reject("another source is latched")
		}
		return l.latch(now, src, ssrc, seq, "signalled address")
	case !l.locked && src == l.before && src.IsValid() && l.open(now):
		return Accepted // what is left of the stream before the address moved
	case !l.allowed(src):
		return l.reject(l.reason)
	case authentic && !l.locked:
		return l.latch(now, src, ssrc, seq, "authenticated")
	case authentic:
		return l.try(now, src, ssrc, seq, "authenticated, address changed")
	case l.locked && l.streams(now):
		return l.reject("another source is latched")
	case l.relearn > 0 && l.locked && now.Sub(l.heard) >= l.relearn && l.goesOn(ssrc, seq):
		return l.try(now, src, ssrc, seq, "learned: the stream goes on from another address")
	case !l.open(now):
		return l.reject("not the signalled address, learning is over")
	case src.Addr() == l.signalled.Addr():
		return l.try(now, src, ssrc, seq, "learned: another port of the signalled address")
	}
	return l.try(now, src, ssrc, seq, "learned: an address behind NAT")
}

// open reports whether plain RTP may teach an address now.
func (l *Latch) open(now time.Time) bool {
	return !l.armed.IsZero() && now.Sub(l.armed) <= l.window
}

// streams reports whether the latched source still sends.
func (l *Latch) streams(now time.Time) bool { return now.Sub(l.heard) < alive }

// goesOn reports whether a packet continues the latched stream: its SSRC, and the
// next of its sequence numbers but for what was lost. Whoever cannot see the
// stream would have to guess both, 48 bits.
func (l *Latch) goesOn(ssrc uint32, seq uint16) bool {
	ahead := seq - l.seq
	return ssrc == l.ssrc && ahead > 0 && ahead < maxDropout
}

// allowed is the policy, for a source that is not the signalled one. It leaves
// the reason of a refusal.
func (l *Latch) allowed(src netip.AddrPort) bool {
	if !l.signalled.IsValid() {
		l.reason = "no address was signalled yet"
		return false
	}
	switch l.policy {
	case LatchSameIP, LatchDefault:
		if src.Addr() != l.signalled.Addr() {
			l.reason = "not the signalled address"
			return false
		}
	case LatchNAT:
	case LatchSignalled:
		l.reason = "not the signalled address"
		return false
	}
	if len(l.ranges) > 0 && !slices.ContainsFunc(l.ranges, func(p netip.Prefix) bool { return p.Contains(src.Addr()) }) {
		l.reason = "outside of the media ranges"
		return false
	}
	return true
}

// anyone reports whether src may be the far side though nobody named it: behind
// a NAT any address within the media ranges may.
func (l *Latch) anyone(src netip.AddrPort) bool {
	return l.policy == LatchNAT && l.allowed(src)
}

// try counts a packet of a source on probation.
func (l *Latch) try(now time.Time, src netip.AddrPort, ssrc uint32, seq uint16, reason string) Verdict {
	t := l.slot(src)
	if t.src != src || t.n == 0 || t.ssrc != ssrc || seq != t.seq+1 {
		*t = trial{src: src, ssrc: ssrc, seq: seq, n: 1, first: now, last: now}
		return Learning
	}
	t.seq, t.last = seq, now
	if t.n++; t.n < probation || now.Sub(t.first) < probationTime {
		return Learning
	}
	return l.latch(now, src, ssrc, seq, reason)
}

// slot returns the trial of src, or the one to be overwritten.
func (l *Latch) slot(src netip.AddrPort) *trial {
	oldest := &l.trial[0]
	for i := range l.trial {
		t := &l.trial[i]
		if t.n > 0 && t.src == src {
			return t
		}
		if t.n == 0 || (oldest.n > 0 && t.last.Before(oldest.last)) {
			oldest = t
		}
	}
	return oldest
}

func (l *Latch) latch(now time.Time, src netip.AddrPort, ssrc uint32, seq uint16, reason string) Verdict {
	l.remote, l.locked, l.ssrc, l.seq, l.heard = src, true, ssrc, seq, now
	l.before = netip.AddrPort{}
	l.trial = [candidates]trial{}
	l.reason = reason
	return Latched
}

// reject leaves the reason of a refusal.
func (l *Latch) reject(reason string) Verdict {
	l.reason = reason
	return Rejected
}

// names reports whether src is the latched address, the signalled one, or the
// one before the last move.
func (l *Latch) names(src netip.AddrPort) bool {
	return src == l.signalled || src == l.remote || (src == l.before && src.IsValid())
}
