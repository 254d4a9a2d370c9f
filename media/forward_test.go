package media

import (
	"testing"
	"testing/synctest"
	"time"
)

// Two endpoints connected to each other pass audio both ways, under numbers of
// their own, without a gap.
func TestConnectedEndpointsForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil)
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
