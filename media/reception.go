package media

import "time"

// A reception is what arrives of one source (RFC 3550 §A.1, §A.3, §A.8). Core.
type reception struct {
	ssrc  uint32
	clock int

	started  bool
	base     uint16
	high     uint16
	cycles   uint32
	received uint64
	bad      uint32 // the number after a jump, plus one: two in a row are a restart

	transit uint32
	timed   bool
	jitter  uint32 // sixteenths of a clock unit

	priorExpected, priorReceived uint64 // at the last report

	epoch time.Time
}

const badNone = 1 << 17

// begin starts over with a source.
func (r *reception) begin(now time.Time, ssrc uint32, clock int, seq uint16) {
	*r = reception{
		ssrc: ssrc, clock: clock, started: true, base: seq, high: seq, bad: badNone,
		epoch: now,
	}
}

// count takes a packet; false means that its sequence number is out of all
// bounds and that it does not count yet (RFC 3550 §A.1).
func (r *reception) count(seq uint16) bool {
	ahead := seq - r.high
	switch {
	case ahead < maxDropout:
		if seq < r.high {
			r.cycles += 1 << 16
		}
		r.high = seq
	case ahead <= 1<<16-1-maxMisorder:
		if uint32(seq) != r.bad {
			r.bad = uint32(seq + 1)
			return false
		}
		// Two in a row: the other side began anew without telling.
		lost := r.lost()
		r.base, r.high, r.cycles = seq, seq, 0
		r.received, r.priorReceived, r.priorExpected = 0, 0, 0
		r.base -= uint16(min(lost, 1<<15))
		r.bad = badNone
	}
	r.received++
	return true
}

// arrive updates the jitter with a packet's timestamp.
func (r *reception) arrive(now time.Time, ts uint32) {
	arrival := uint32(now.Sub(r.epoch).Microseconds() * int64(r.clock) / 1e6)
	transit := arrival - ts
	if r.timed {
		d := int32(transit - r.transit)
		if d < 0 {
			d = -d
		}
		if int(d) < 10*r.clock { // a jump of the source's time says nothing about the network
			r.jitter += uint32(d) - (r.jitter+8)>>4
		}
	}
	r.transit, r.timed = transit, true
}

// lost is how many packets never came; late and doubled ones make it less.
func (r *reception) lost() uint64 {
	expected := r.expected()
	if !r.started || expected < r.received {
		return 0
	}
	return expected - r.received
}

func (r *reception) expected() uint64 {
	if !r.started {
		return 0
	}
	return uint64(r.extended()) - uint64(r.base) + 1
}

// extended is the highest sequence number with the cycles it has made.
func (r *reception) extended() uint32 { return r.cycles + uint32(r.high) }

// fraction is the share lost since the last call, in 256ths (RFC 3550 §A.3).
func (r *reception) fraction() uint8 {
	expected := r.expected()
	e, got := int64(expected-r.priorExpected), int64(r.received-r.priorReceived)
	r.priorExpected, r.priorReceived = expected, r.received
	if e <= 0 || e <= got {
		return 0
	}
	return uint8(min((e-got)<<8/e, 255))
}

// jitterTime is the jitter as a duration.
func (r *reception) jitterTime() time.Duration {
	if r.clock == 0 {
		return 0
	}
	return time.Duration(r.jitter>>4) * time.Second / time.Duration(r.clock)
}
