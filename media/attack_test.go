package media

import (
	"fmt"
	"testing"
	"time"

	"github.com/pion/rtcp"
)

// S1: RTP and RTCP of a stranger to a media port teach nothing: not a packet of
// the call goes to it, while nobody has latched, and later.
func TestBleedingPortGivesNothingAway(t *testing.T) {
	for _, policy := range []LatchPolicy{LatchSignalled, LatchSameIP} {
		t.Run(policy.String(), func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, b *bench) {
				ea, _, pa, pb := b.join(Options{Latch: policy}, Options{})
				thief := b.phone("203.0.113.66:6666", ea)
				thief.ssrc = pa.ssrc
				rr, err := (&rtcp.ReceiverReport{SSRC: pa.ssrc}).Marshal()
				if err != nil {
					t.Fatal(err)
				}
				attack := func(n int) {
					for range n {
						thief.send(thief.packet(9))
						thief.send(rr)
						if _, err := thief.conn.WriteToUDPAddrPort(rr, thief.rtcp); err != nil {
							t.Fatal(err)
						}
						pb.send(pb.packet(2))
						time.Sleep(FrameDuration)
					}
				}
				attack(50) // before the far side has sent anything
				pa.say(10, 1)
				attack(200)
				if n := len(thief.packets()) + len(thief.rest()); n != 0 {
					t.Errorf("%d packets of the call went to a stranger", n)
				}
				if n := len(pa.packets()); n < 250 {
					t.Errorf("the far side got %d packets of 250", n)
				}
				for _, h := range pb.packets() {
					if h.Payload[0] == 9 {
						t.Fatal("a packet of the stranger was heard")
					}
				}
				s := ea.Stats()
				if s.Rejected < 250 || len(s.Sources) == 0 || s.Sources[0].Addr != thief.addr() {
					t.Errorf("not counted: %d, %+v", s.Rejected, s.Sources)
				}
				if n := b.told(NoticeRejected); len(n) == 0 || n[0].Addr != thief.addr() {
					t.Errorf("not told: %+v", n)
				}
			})
		})
	}
}

// S2: packets put into a latched call are dropped and counted, whatever SSRC
// and sequence they show, in a trunk behind NAT too.
func TestInjectedPacketsAreNotHeard(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{Latch: LatchNAT}, Options{})
		pa.say(5, 1)
		apply(t, ea, "a", agree(pa.addr())) // a session refresh opens the window
		thief := b.phone("203.0.113.66:6666", ea)
		for range 400 {
			thief.ssrc, thief.seq, thief.ts = pa.ssrc, pa.seq, pa.ts
			thief.send(thief.packet(9))
			pa.send(pa.packet(1))
			time.Sleep(FrameDuration)
		}
		heard := 0
		for _, h := range pb.packets() {
			if h.Payload[0] == 9 {
				heard++
			}
		}
		if heard > 0 || len(pb.packets()) != 405 {
			t.Errorf("%d injected packets heard, %d in all", heard, len(pb.packets()))
		}
		if s := ea.Stats(); s.Rejected != 400 || s.Remote != pa.addr() {
			t.Errorf("rejected %d, remote %v", s.Rejected, s.Remote)
		}
	})
}

// The list of sources that were rejected is bounded, whoever sprays.
func TestSprayFromEverywhereIsBounded(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, _, _ := b.join(Options{}, Options{})
		for i := range 100 {
			b.phone(fmt.Sprintf("203.0.113.77:%d", 7000+i), ea).say(1, 9)
		}
		s := ea.Stats()
		if s.Rejected != 100 || len(s.Sources) != maxRejected || len(b.told(NoticeRejected)) != maxRejected {
			t.Errorf("rejected %d, listed %d, told %d", s.Rejected, len(s.Sources), len(b.told(NoticeRejected)))
		}
	})
}

// A plain trunk that sends from another port than it signalled is learned after
// probation, and answered there (spec test 11).
func TestOtherPortIsLearnedAfterProbation(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, eb := b.open(Options{}), b.open(Options{})
		pa, pb := b.phone("198.51.100.1:4002", ea), b.phone("203.0.113.1:5000", eb)
		apply(t, ea, "a", agree(ap("198.51.100.1:4000")))
		apply(t, eb, "b", agree(pb.addr()))
		ea.Connect(eb)
		eb.Connect(ea)
		pa.say(10, 1)
		pb.say(5, 2)
		if n := len(pb.packets()); n != 7 {
			t.Errorf("%d packets heard of 10, want all after three of probation", n)
		}
		if n := len(pa.packets()); n != 5 {
			t.Errorf("%d packets came back, want 5", n)
		}
		if n := b.told(NoticePathLatched); len(n) == 0 || n[0].Addr != pa.addr() || n[0].Reason == "" {
			t.Errorf("told %+v", n)
		}
	})
}

// S1: a payload type that was not agreed teaches no address, however long it
// comes.
func TestUnknownPayloadTypeTeachesNothing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, _, pb := b.join(Options{Latch: LatchNAT}, Options{})
		thief := b.phone("203.0.113.66:6666", ea)
		for range 20 {
			p := thief.packet(9)
			p[1] = 77
			thief.send(p)
			time.Sleep(FrameDuration)
		}
		if s := ea.Stats(); s.Rejected != 20 || s.Remote == thief.addr() || len(pb.packets()) != 0 {
			t.Errorf("rejected %d of 20, remote %v, heard %d", s.Rejected, s.Remote, len(pb.packets()))
		}
	})
}

// S2: what a stranger reports of our packets is not believed.
func TestReportsOfAStrangerAreNotBelieved(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{}, Options{})
		pa.say(2, 1)
		pb.say(2, 1)
		thief := b.phone("203.0.113.66:6666", ea)
		thief.to = thief.rtcp
		forged, err := (&rtcp.ReceiverReport{SSRC: 1, Reports: []rtcp.ReceptionReport{{SSRC: ea.Stats().Sent.SSRC, TotalLost: 99}}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		thief.send(forged)
		time.Sleep(time.Millisecond)
		if s := ea.Stats(); s.RemoteLost != 0 || s.Rejected != 1 {
			t.Errorf("%d lost by its report, %d rejected", s.RemoteLost, s.Rejected)
		}
	})
}

// What is neither RTP nor RTCP, STUN or DTLS is counted and is nothing else,
// even from the far side's own address (RFC 7983 §7).
func TestGarbageIsCountedAndMovesNothing(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{}, Options{})
		garbage := 0
		for first := range 256 {
			if first >= 20 && first < 64 || first >= 128 && first < 192 {
				continue
			}
			raw := pa.packet(9)
			raw[0] = byte(first)
			pa.send(raw)
			garbage++
			time.Sleep(time.Millisecond)
		}
		pa.send([]byte{0x80})
		time.Sleep(time.Millisecond)
		s := ea.Stats()
		if s.Malformed != uint64(garbage+1) || s.Received.Packets != 0 || len(pb.packets()) != 0 {
			t.Errorf("malformed %d of %d, accepted %d, heard %d", s.Malformed, garbage+1, s.Received.Packets, len(pb.packets()))
		}
		if n := b.pool.Stats(time.Now()).Malformed; n != s.Malformed {
			t.Errorf("the pool counts %d while the call is up, the endpoint %d", n, s.Malformed)
		}
		if n := b.told(NoticePathLatched); len(n) != 0 {
			t.Errorf("latched %+v", n)
		}
	})
}
