package dtmf

import "time"

const (
	// Step is the time between two packets of one digit.
	Step = 20 * time.Millisecond
	// Shortest and Longest bound how long a digit is sent; others are brought
	// into these bounds (RFC 4733 §2.5.1.1; Q.24 asks for at least 40 ms).
	Shortest = 40 * time.Millisecond
	// Longest keeps one digit within one event segment at 48000.
	Longest = time.Second
	// Pause is the silence between two digits (Q.24: at least 40 ms).
	Pause = 60 * time.Millisecond
	// volume is sent in each event: -10 dBm0.
	volume = 10
	// ends is how often the end packet is sent (RFC 4733 §2.5.1.4).
	ends = 3
	// waiting bounds the digits in line.
	waiting = 32
)

// A Packet is one telephone-event packet to be sent. All packets of a digit
// carry the timestamp of its first: the caller notes its own clock when First
// is set and keeps it.
type Packet struct {
	Event Event
	First bool // of its digit; also the marker bit (RFC 4733 §2.5.1.1)
}

// A Sender makes event packets of presses, one digit after another.
type Sender struct {
	clock int

	line  [waiting]Press
	head  int
	count int

	current Press
	began   time.Time
	due     time.Time // of the next packet; zero when nothing is to be sent
	left    int       // end packets still to send, 0 while the digit sounds
	started bool
}

// NewSender returns a Sender for a stream of that clock rate, 8000 or 48000.
func NewSender(clock int) *Sender { return &Sender{clock: clock} }

// Press puts a digit in line. It reports false when the line of 32 is full or
// the digit is none: the caller counts it.
func (s *Sender) Press(now time.Time, p Press) bool {
	if _, ok := p.Digit.Code(); !ok || s.count == waiting {
		return false
	}
	p.Duration = min(max(p.Duration, Shortest), Longest)
	s.line[(s.head+s.count)%waiting] = p
	s.count++
	if s.current.Digit == 0 && s.due.IsZero() {
		s.due = now
	}
	return true
}

// Deadline is when the next packet is due; zero when the line is empty.
func (s *Sender) Deadline() time.Time { return s.due }

// Busy reports whether a digit is being sent or waits.
func (s *Sender) Busy() bool { return s.current.Digit != 0 || s.count > 0 }

// Next returns the packet that is due at now, and false when none is. Call it
// until it says so.
func (s *Sender) Next(now time.Time) (Packet, bool) {
	if s.due.IsZero() || now.Before(s.due) {
		return Packet{}, false
	}
	if s.current.Digit == 0 {
		if s.count == 0 {
			s.due = time.Time{}
			return Packet{}, false
		}
		s.current = s.line[s.head]
		s.head, s.count = (s.head+1)%waiting, s.count-1
		s.began, s.started, s.left = s.due, false, 0
	}
	code, _ := s.current.Digit.Code()
	first := !s.started
	s.started = true
	sounded := s.due.Sub(s.began) + Step
	if s.left == 0 && sounded < s.current.Duration {
		s.due = s.due.Add(Step)
		return Packet{Event{Code: code, Volume: volume, Duration: s.units(sounded)}, first}, true
	}
	if s.left == 0 {
		s.left = ends
	}
	p := Packet{Event{Code: code, End: true, Volume: volume, Duration: s.units(s.current.Duration)}, first}
	if s.left--; s.left == 0 {
		s.current = Press{}
		s.due = s.due.Add(Pause)
	}
	return p, true
}

func (s *Sender) units(d time.Duration) uint16 {
	return uint16(min(d*time.Duration(s.clock)/time.Second, longest))
}
