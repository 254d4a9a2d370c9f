package media

import "time"

// What a source may do without being taken for a new one (RFC 3550 §A.1).
const (
	maxDropout  = 3000
	maxMisorder = 100
	// maxDrift is how far the timestamps of a source may run from the clock on
	// the wall before its time is laid anew: more than any jitter or stall, less
	// than any hold.
	maxDrift = 2 * time.Second
	// maxBehind is how far a source may be behind what was inserted before its
	// time is laid anew: it paused without counting the pause, and to the far
	// side time would run backwards.
	maxBehind = 200 * time.Millisecond
)

// A stamper gives the packets of changing sources one SSRC, one sequence and
// one line of time (RFC 3550 §5.1). Core. Gaps in a source's numbers stay as
// they are; a source that changes, jumps or comes back begins where the last
// one ended.
type stamper struct {
	ssrc  uint32 // ours
	clock int    // timestamp units per second

	started bool
	seq     uint16    // last sent
	ts      uint32    // last sent
	at      time.Time // when ts was first sent: the packets of a digit share one

	bound  bool // the fields below are of a source
	source uint32
	high   uint16 // highest sequence number of the source
	srcTS  uint32 // its timestamp
	seqOff uint16
	tsOff  uint32
	floor  uint16 // source packets up to here may not be sent any more: something was inserted
	floors bool

	inserted   bool // since the source was bound
	insertedTS uint32
}

// A stamp is what goes into the header.
type stamp struct {
	seq    uint16
	ts     uint32
	marker bool // the source changed or its time was laid anew
}

// next stamps a packet of a source; false drops one that comes too late.
func (s *stamper) next(now time.Time, source uint32, seq uint16, ts uint32) (stamp, bool) {
	if !s.bound || source != s.source {
		return s.bind(now, source, seq, ts), true
	}
	ahead := int16(seq - s.high)
	if ahead > maxDropout || ahead < -maxMisorder {
		return s.bind(now, source, seq, ts), true
	}
	if ahead <= 0 {
		if s.floors && int16(seq-s.floor) <= 0 {
			return stamp{}, false
		}
		return stamp{seq: seq + s.seqOff, ts: ts + s.tsOff}, true
	}
	moved := time.Duration(int32(ts-s.srcTS)) * time.Second / time.Duration(s.clock)
	if drift := moved - now.Sub(s.at); drift > maxDrift || drift < -maxDrift || s.behind(ts) {
		return s.bind(now, source, seq, ts), true
	}
	s.high, s.srcTS = seq, ts
	st := stamp{seq: seq + s.seqOff, ts: ts + s.tsOff}
	s.sent(now, st)
	return st, true
}

// behind reports whether a packet of the source would go back in time from what
// was inserted.
func (s *stamper) behind(ts uint32) bool {
	return s.inserted && int32(ts+s.tsOff-s.insertedTS) < -int32(s.units(maxBehind))
}

// bind begins with a source, or begins anew with one.
func (s *stamper) bind(now time.Time, source uint32, seq uint16, ts uint32) stamp {
	st := s.follow(now)
	st.marker = true
	s.bound, s.source, s.high, s.srcTS = true, source, seq, ts
	s.seqOff, s.tsOff, s.floors = st.seq-seq, st.ts-ts, false
	s.inserted = false
	s.sent(now, st)
	return st
}

// insert stamps a packet of our own making.
func (s *stamper) insert(now time.Time) stamp {
	st := s.follow(now)
	s.sent(now, st)
	s.seqOff++
	s.floor, s.floors = s.high, true
	s.inserted, s.insertedTS = true, st.ts
	return st
}

// skip leaves out a packet of the source so that no gap shows.
func (s *stamper) skip(source uint32, seq uint16) {
	if !s.bound || source != s.source {
		return
	}
	if ahead := int16(seq - s.high); ahead <= 0 || ahead > maxDropout {
		return
	}
	s.high = seq
	s.seqOff--
	s.floor, s.floors = seq, true
}

// follow is the place in line right after what was sent last.
func (s *stamper) follow(now time.Time) stamp {
	if !s.started {
		return stamp{seq: s.seq, ts: s.ts}
	}
	return stamp{seq: s.seq + 1, ts: s.ts + max(s.units(now.Sub(s.at)), 1)}
}

func (s *stamper) sent(now time.Time, st stamp) {
	if !s.started || st.ts != s.ts {
		s.at = now
	}
	s.started, s.seq, s.ts = true, st.seq, st.ts
}

// release forgets the source: whatever comes next begins anew.
func (s *stamper) release() { s.bound = false }

func (s *stamper) units(d time.Duration) uint32 {
	return uint32(d.Microseconds() * int64(s.clock) / 1e6)
}
