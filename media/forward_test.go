package media

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/pion/rtcp"

	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/media/sdp"
)

// Two endpoints connected to each other pass audio both ways, under numbers of
// their own, without a gap.
func TestConnectedEndpointsForward(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, eb, pa, pb := b.join(Options{}, Options{})
		for range 50 {
			pa.send(pa.packet(1))
			pb.send(pb.packet(2))
			time.Sleep(FrameDuration)
		}
		for _, p := range []*phone{pa, pb} {
			got := p.packets()
			if len(got) != 50 {
				t.Fatalf("phone %v heard %d packets, want 50", p.addr(), len(got))
			}
			for i, h := range got[1:] {
				if h.SequenceNumber != got[i].SequenceNumber+1 || h.Timestamp != got[i].Timestamp+160 || h.SSRC != got[0].SSRC {
					t.Fatalf("packet %d does not follow the one before: %v after %v", i+1, h.Header, got[i].Header)
				}
			}
			if got[0].SSRC == pa.ssrc || got[0].SSRC == pb.ssrc {
				t.Error("the source's SSRC reached the other side")
			}
		}
		if s := ea.Stats(); s.Received.Packets != 50 || s.Sent.Packets != 50 || s.Received.Lost != 0 {
			t.Errorf("stats %+v", s)
		}
		if got := b.told(NoticeFirstMedia); len(got) != 2 {
			t.Errorf("first media told %d times, want once for each side", len(got))
		}
		eb.Close(time.Now())
		ea.Close(time.Now())
	})
}

// A gap in the source's sequence stays a gap, a wrap is none, and a source that
// changes or jumps begins where the last one ended (RFC 3550 §5.1, §A.1).
func TestNumbersFollowWhateverTheSourceDoes(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{}, Options{})
		pa.seq, pa.ts = 65530, 1<<32-1600
		pa.say(10, 1)
		pa.seq += 2 // lost
		pa.ts += 320
		time.Sleep(2 * FrameDuration)
		pa.say(5, 1)
		pa.ssrc, pa.seq, pa.ts = 77, 9000, 123456 // another source
		pa.say(5, 1)
		pa.seq, pa.ts = 30000, 999 // the same, begun anew without telling
		pa.say(5, 1)

		got := pb.packets()
		if len(got) != 24 { // the first of the last five could be a stray (RFC 3550 §A.1)
			t.Fatalf("heard %d packets, want 24", len(got))
		}
		for i := 1; i < len(got); i++ {
			seq, ts := got[i].SequenceNumber-got[i-1].SequenceNumber, got[i].Timestamp-got[i-1].Timestamp
			wantSeq, wantTS := uint16(1), uint32(160)
			switch i {
			case 10:
				wantSeq, wantTS = 3, 480
			case 20:
				wantTS = 320
			}
			if seq != wantSeq || ts != wantTS {
				t.Errorf("packet %d: sequence +%d, timestamp +%d, want +%d and +%d", i, seq, ts, wantSeq, wantTS)
			}
			if marked := i == 15 || i == 20; got[i].Marker != marked {
				t.Errorf("packet %d: marker %v", i, got[i].Marker)
			}
		}
		if s := ea.Stats(); s.Received.Lost != 2 {
			t.Errorf("lost %d, want 2", s.Received.Lost)
		}
	})
}

// Hold stops our packets and not our reports; what the source sends meanwhile
// leaves no hole (RFC 3264 §8.4).
func TestHoldStopsPacketsAndNotReports(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		_, eb, pa, pb := b.join(Options{}, Options{})
		pa.say(5, 1)
		held := agree(pb.addr())
		held.Direction = sdp.Inactive
		apply(t, eb, "b", held)
		rtcp := b.phone("203.0.113.1:5001", eb)
		pa.say(1000, 1)
		if n := len(pb.packets()); n != 5 {
			t.Errorf("%d packets went to a far side on hold", n-5)
		}
		if n := len(rtcp.rest()); n < 2 {
			t.Errorf("%d reports in 20 s of hold", n)
		}
		apply(t, eb, "b", agree(pb.addr()))
		pa.say(5, 1)
		got := pb.packets()
		if len(got) != 10 || got[5].SequenceNumber != got[4].SequenceNumber+1 {
			t.Fatalf("after hold: %d packets, want 10 in sequence", len(got))
		}
		if d := got[5].Timestamp - got[4].Timestamp; d < 1000*160 {
			t.Errorf("the timestamp went on by %d in 20 s", d)
		}
	})
}

// Silence of an endpoint is told once, and hold is no silence.
func TestSilenceIsToldOnceAndHoldIsNot(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, _ := b.join(Options{}, Options{})
		pa.say(5, 1)
		time.Sleep(59 * time.Second)
		if n := b.told(NoticeSilent); len(n) != 0 && time.Since(n[0].At) < 2*time.Second {
			t.Fatalf("silence told early: %+v", n)
		}
		if q := ea.Quiet(time.Now()); q < 59*time.Second || q > 60*time.Second {
			t.Errorf("quiet for %v", q)
		}
		time.Sleep(10 * time.Minute)
		if n := b.told(NoticeSilent); len(n) != 2 {
			t.Errorf("silence told %d times, want once for each side", len(n))
		}
		pa.say(1, 1)
		held := agree(pa.addr())
		held.Direction = sdp.SendOnly
		apply(t, ea, "a", held)
		time.Sleep(time.Hour)
		if n := b.told(NoticeSilent); len(n) != 2 {
			t.Error("a far side on hold was called silent")
		}
		if q := ea.Quiet(time.Now()); q != 0 {
			t.Errorf("on hold, quiet for %v", q)
		}
	})
}

// Late packets of a call do not reach the next, for a port rests; and when all
// are used up the caller is told, and it is counted.
func TestPortsRestAndRunOut(t *testing.T) {
	bubble(t, func(c *Config, _ *Deps) { c.PortMax = c.PortMin + 3 }, func(t *testing.T, b *bench) {
		one, two := b.open(Options{}), b.open(Options{})
		if _, err := b.pool.Open(time.Now(), Options{}); !errors.Is(err, ErrNoPorts) {
			t.Errorf("third of two pairs: %v", err)
		}
		one.Close(time.Now())
		if _, err := b.pool.Open(time.Now(), Options{}); !errors.Is(err, ErrNoPorts) {
			t.Error("a port was given out again at once")
		}
		time.Sleep(b.pool.cfg.PortRest)
		three := b.open(Options{})
		if _, p, _ := three.Local(); p%2 != 0 {
			t.Errorf("RTP port %d is odd", p)
		}
		s := b.pool.Stats(time.Now())
		if s.Exhausted != 2 || s.Used != 2 || s.Endpoints != 2 || s.Opened != 3 {
			t.Errorf("stats %+v", s)
		}
		two.Close(time.Now())
		three.Close(time.Now())
		three.Close(time.Now())
		if n := b.net.Counts().OpenUDP; n != 0 {
			t.Errorf("%d sockets are left", n)
		}
	})
}

// A port that somebody else has is passed over.
func TestForeignPortIsPassedOver(t *testing.T) {
	bubble(t, func(c *Config, d *Deps) {
		c.PortMax = c.PortMin + 5
		open := d.ListenPacket
		d.ListenPacket = func(a netip.AddrPort) (PacketConn, error) {
			if a.Port() == c.PortMin+2 || a.Port() == c.PortMin+5 {
				return nil, &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}
			}
			return open(a)
		}
	}, func(t *testing.T, b *bench) {
		e := b.open(Options{})
		if _, port, _ := e.Local(); port != b.pool.cfg.PortMin {
			t.Errorf("port %d, only %d is free", port, b.pool.cfg.PortMin)
		}
		e.Close(time.Now())
		if n := b.net.Counts().OpenUDP; n != 0 {
			t.Errorf("%d sockets are left", n)
		}
	})
}

// A far side that goes over to another codec of those agreed is not passed on
// as the first: the owner is told and connects anew.
func TestCodecChangeWaitsForTheOwner(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, eb, pa, pb := b.join(Options{}, Options{})
		a := agree(pa.addr())
		a.Receive[1] = sdp.Format{Type: 8, Codec: g711.PCMA().Params()}
		apply(t, ea, "a", a)
		pa.say(3, 1)
		pa.pt = 8
		pa.say(3, 1)
		if n := len(pb.packets()); n != 3 {
			t.Errorf("%d packets passed, 3 were of the codec connected", n)
		}
		got := b.told(NoticeCodec)
		if len(got) != 1 || got[0].Codec.Name != "PCMA" {
			t.Fatalf("told %+v", got)
		}
		ea.Connect(eb)
		pa.say(3, 1)
		if n := len(pb.packets()); n != 6 {
			t.Errorf("after Connect %d packets, want 6", n)
		}
	})
}

// Reports say what was sent and lost, and from theirs we learn the same and the
// round trip (RFC 3550 §6.4).
func TestReportsSayWhatHappened(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		ea, _, pa, pb := b.join(Options{}, Options{})
		ctl := b.phone("198.51.100.1:4001", ea)
		ctl.to = ctl.rtcp
		for range 400 {
			pb.send(pb.packet(2))
			if pa.seq++; pa.seq%10 != 0 {
				pa.seq--
				pa.send(pa.packet(1))
			}
			time.Sleep(FrameDuration)
		}
		var sr *rtcp.SenderReport
		for _, raw := range ctl.rest() {
			ps, err := rtcp.Unmarshal(raw)
			if err != nil {
				t.Fatal(err)
			}
			if s, ok := ps[0].(*rtcp.SenderReport); ok {
				sr = s
			}
			if _, ok := ps[1].(*rtcp.SourceDescription); !ok {
				t.Errorf("no CNAME in %v", ps)
			}
		}
		if sr == nil || len(sr.Reports) != 1 || sr.Reports[0].SSRC != pa.ssrc || sr.Reports[0].TotalLost == 0 {
			t.Fatalf("sender report %+v", sr)
		}
		answer := rtcp.ReceiverReport{SSRC: pa.ssrc, Reports: []rtcp.ReceptionReport{{
			SSRC: sr.SSRC, TotalLost: 7, Jitter: 80,
			LastSenderReport: uint32(ntp(time.Now().Add(-time.Second)) >> 16), Delay: 0xC000,
		}}}
		raw, err := answer.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		ctl.send(raw)
		time.Sleep(time.Millisecond)
		s := ea.Stats()
		if s.RemoteLost != 7 || s.RemoteJitter != 10*time.Millisecond || s.RTT < 249*time.Millisecond || s.RTT > 251*time.Millisecond {
			t.Errorf("lost %d, jitter %v, round trip %v", s.RemoteLost, s.RemoteJitter, s.RTT)
		}
		ea.Close(time.Now())
		time.Sleep(time.Millisecond)
		ps, _ := rtcp.Unmarshal(ctl.rest()[len(ctl.rest())-1])
		if _, ok := ps[len(ps)-1].(*rtcp.Goodbye); !ok {
			t.Error("no goodbye at the end")
		}
	})
}
