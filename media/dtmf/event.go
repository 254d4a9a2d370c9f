package dtmf

import (
	"encoding/binary"
	"errors"
	"time"
)

// ErrShort is returned for a telephone-event payload under four octets.
var ErrShort = errors.New("parse telephone-event: payload shorter than 4 octets")

// longest is what one event packet can say, in clock units (RFC 4733 §2.5.1.3).
const longest = 0xFFFF

// An Event is the payload of one telephone-event packet (RFC 4733 §2.3).
type Event struct {
	Code     uint8
	End      bool
	Volume   uint8  // -dBm0, 0 to 63
	Duration uint16 // clock units since the packet's timestamp
}

// ParseEvent reads one payload; further events after the first four octets are
// ignored, as senders do not bundle digits.
func ParseEvent(b []byte) (Event, error) {
	if len(b) < 4 {
		return Event{}, ErrShort
	}
	return Event{
		Code: b[0], End: b[1]&0x80 != 0, Volume: b[1] & 0x3F,
		Duration: binary.BigEndian.Uint16(b[2:]),
	}, nil
}

// Append appends the payload of e to dst.
func (e Event) Append(dst []byte) []byte {
	flags := e.Volume & 0x3F
	if e.End {
		flags |= 0x80
	}
	return binary.BigEndian.AppendUint16(append(dst, e.Code, flags), e.Duration)
}

// lostEnd is how long after its last packet a digit counts as ended although
// no end packet came: three packet times of 50 ms, the longest recommended
// (RFC 4733 §2.5.1.2).
const lostEnd = 150 * time.Millisecond

// A Receiver makes presses of the telephone-event packets of one stream. A
// digit is known by its timestamp, so it is reported once however many of its
// packets come, whatever their markers, in whatever order; it ends by an end
// packet, by the next digit, or by silence when all end packets were lost.
type Receiver struct {
	clock int // RTP clock units per second

	active   bool
	done     bool // the digit with this timestamp has been reported
	any      bool // some digit has been heard: stamp is of it
	digit    Digit
	stamp    uint32 // RTP timestamp of the current segment
	before   uint32 // clock units in the segments before it
	duration uint16 // of the current segment so far
	heard    time.Time
}

// NewReceiver returns a Receiver for a stream of that clock rate, 8000 or 48000.
func NewReceiver(clock int) *Receiver { return &Receiver{clock: clock} }

// Receive takes one packet's timestamp and event. It returns the press that
// this packet ends, which may be an earlier one, and whether there is one.
func (r *Receiver) Receive(now time.Time, stamp uint32, e Event) (Press, bool) {
	digit, ok := FromCode(e.Code)
	if !ok {
		return Press{}, false
	}
	var ended Press
	var over bool
	if !r.any || stamp != r.stamp {
		if r.any && int32(stamp-r.stamp) < 0 {
			return Press{}, false // a straggler of a digit before this one
		}
		if r.active && digit == r.digit && stamp == r.stamp+longest {
			// The digit goes on in another segment (RFC 4733 §2.5.1.3).
			r.before += longest
			r.stamp, r.duration = stamp, 0
		} else {
			ended, over = r.end()
			r.any, r.active, r.done = true, true, false
			r.digit, r.stamp, r.before, r.duration = digit, stamp, 0, 0
		}
	}
	r.heard = now
	if r.done {
		return ended, over
	}
	r.duration = max(r.duration, e.Duration)
	if over || !e.End {
		// Where one packet ends two digits the older is told now, this one by
		// its repeated end packet or by Advance.
		return ended, over
	}
	return r.end()
}

// Deadline is when Advance is due; zero while no digit sounds.
func (r *Receiver) Deadline() time.Time {
	if !r.active {
		return time.Time{}
	}
	return r.heard.Add(lostEnd)
}

// Advance ends a digit whose packets have stopped coming.
func (r *Receiver) Advance(now time.Time) (Press, bool) {
	if !r.active || now.Before(r.Deadline()) {
		return Press{}, false
	}
	return r.end()
}

// Active reports whether a digit is sounding.
func (r *Receiver) Active() bool { return r.active }

func (r *Receiver) end() (Press, bool) {
	if !r.active {
		return Press{}, false
	}
	r.active, r.done = false, true
	units := time.Duration(r.before) + time.Duration(r.duration)
	return Press{r.digit, units * time.Second / time.Duration(r.clock)}, true
}
