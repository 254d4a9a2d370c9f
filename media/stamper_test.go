package media

import (
	"testing"
	"time"
)

// A source that pauses without counting the pause is laid behind what was
// inserted meanwhile: to the far side time never runs backwards.
func TestTimeDoesNotRunBackAfterAPause(t *testing.T) {
	for _, pause := range []time.Duration{250 * time.Millisecond, time.Second, 3 * time.Second} {
		s := stamper{clock: 8000}
		now := time.Unix(1_700_000_000, 0)
		seq, ts := uint16(10), uint32(5000)
		play := func(n int) (last stamp) {
			for range n {
				last, _ = s.next(now, 7, seq, ts)
				now, seq, ts = now.Add(FrameDuration), seq+1, ts+160
			}
			return last
		}
		before := play(20)
		now = now.Add(pause)
		in := s.insert(now)
		now = now.Add(FrameDuration)
		after := play(1)
		if d := int32(in.ts - before.ts); d < int32(pause/time.Millisecond*8) {
			t.Errorf("after %v: what was inserted is %d later", pause, d)
		}
		if d := int32(after.ts - in.ts); d <= 0 || d > 8*100 {
			t.Errorf("after %v: the source goes on %d after what was inserted", pause, d)
		}
		if after.seq != in.seq+1 {
			t.Errorf("after %v: sequence %d follows %d", pause, after.seq, in.seq)
		}
	}
}

// What is inserted while the source plays leaves the source's time as it is.
func TestInsertingLeavesTheSourcesTime(t *testing.T) {
	s := stamper{clock: 8000}
	now := time.Unix(1_700_000_000, 0)
	var last stamp
	for i := range 100 {
		st, ok := s.next(now, 7, uint16(i), uint32(i)*160)
		if !ok || i > 0 && st.ts-last.ts != 160 {
			t.Fatalf("packet %d: timestamp moves by %d", i, st.ts-last.ts)
		}
		last = st
		if i%3 == 0 {
			s.insert(now.Add(FrameDuration / 2))
		}
		now = now.Add(FrameDuration)
	}
}
