package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/dtmf"
)

const (
	// readBackAfter is how long nothing is pressed before digits are said back:
	// who is still pressing would not hear them.
	readBackAfter = time.Second
	// readBackTone is how long each sounds.
	readBackTone = 200 * time.Millisecond
	// readBackEcho is how long what we sounded may come back from a loudspeaker or
	// a hybrid. It must not be taken for digits: they would never end.
	readBackEcho = 500 * time.Millisecond
	// onePress is how far apart the event, the INFO and the tone of one press may
	// come, at a phone that sends more than one of them.
	onePress = 500 * time.Millisecond
)

// fromINFO is the source of a digit that did not come with the media.
const fromINFO media.DigitSource = 1 << 7

// A readBack says back as tones what was pressed. They are meant for ears:
// telephone events would be silent at most phones. Core.
type readBack struct {
	pressed []dtmf.Digit // not yet said back; at most digitsWaiting
	due     time.Time    // when they are to be said; zero: nothing is
	deaf    time.Time    // until when tones are our own

	last   dtmf.Digit
	source media.DigitSource // of last
	at     time.Time         // of last
}

// hears reports whether a digit is to be taken: it is not an echo of ours, nor
// the same press once more in another form.
func (r *readBack) hears(now time.Time, d dtmf.Digit, source media.DigitSource) bool {
	if source == media.FromTones && now.Before(r.deaf) {
		return false
	}
	twin := d == r.last && source != r.source && now.Sub(r.at) < onePress
	r.last, r.source, r.at = d, source, now
	return !twin
}

// press takes a digit; false when there is no room.
func (r *readBack) press(now time.Time, d dtmf.Digit) bool {
	if len(r.pressed) == digitsWaiting {
		return false
	}
	r.pressed = append(r.pressed, d)
	r.due = now.Add(readBackAfter)
	return true
}

// take returns the digits to be sounded now, once nothing was pressed for a while.
func (r *readBack) take(now time.Time) []dtmf.Digit {
	if !due(r.due, now) {
		return nil
	}
	digits := r.pressed
	r.pressed, r.due = nil, time.Time{}
	r.deaf = now.Add(time.Duration(len(digits))*(readBackTone+dtmf.Pause) + readBackEcho)
	return digits
}

// press gives what answered a digit; only "digits" cares, and says it back.
func (c *Call) press(now time.Time, p dtmf.Press) {
	if c.built.kind == InternalDigits && !c.built.press(now, p.Digit) {
		c.b2b.count.digitsLost.Add(1)
	}
}

// sayBack sounds what was pressed, when it is time.
func (c *Call) sayBack(now time.Time) {
	if c.built == nil || c.a.end == nil {
		return
	}
	for _, d := range c.built.take(now) {
		if !c.a.end.SoundDigit(now, dtmf.Press{Digit: d, Duration: readBackTone}) {
			c.b2b.count.digitsLost.Add(1)
			c.note(now, c.a.name+": digit not said back")
		}
	}
}
