package sbc

import (
	"testing"
	"time"

	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/dtmf"
)

// What is pressed is said back once: when nobody presses any more, not while
// what we sound may come back to us, and not twice for a phone that sends more
// than one form of a press.
func TestReadBackIsOfOnePressEach(t *testing.T) {
	var r readBack
	at := time.Unix(0, 0)
	pressed := func(after time.Duration, d dtmf.Digit, from media.DigitSource) {
		at = at.Add(after)
		if r.hears(at, d, from) && !r.press(at, d) {
			t.Errorf("no room for a digit after %v", after)
		}
	}
	said := func(after time.Duration) string {
		at = at.Add(after)
		return keysOf(r.take(at))
	}
	pressed(0, '1', media.FromEvents)
	pressed(20*time.Millisecond, '1', media.FromTones) // the same press
	pressed(300*time.Millisecond, '1', media.FromTones)
	if s := said(readBackAfter - 1); s != "" {
		t.Errorf("said back too early: %s", s)
	}
	if s := said(1); s != "11" {
		t.Errorf("said back %q, want 11", s)
	}
	pressed(400*time.Millisecond, '1', media.FromTones) // ours, from a loudspeaker
	pressed(0, '7', media.FromEvents)
	if s := said(readBackAfter); s != "7" {
		t.Errorf("said back %q, want 7", s)
	}
	pressed(readBackTone+dtmf.Pause+readBackEcho, '9', media.FromTones)
	pressed(100*time.Millisecond, '9', fromINFO)
	if s := said(readBackAfter); s != "9" {
		t.Errorf("said back %q, want 9", s)
	}
}

// Who presses without end is not kept without end.
func TestReadBackIsBounded(t *testing.T) {
	var r readBack
	at := time.Unix(0, 0)
	for i := range digitsWaiting {
		if !r.press(at, '1') {
			t.Fatalf("digit %d found no room", i+1)
		}
	}
	if r.press(at, '1') {
		t.Error("one digit too many found room")
	}
}

func keysOf(digits []dtmf.Digit) string {
	s := ""
	for _, d := range digits {
		s += d.Key()
	}
	return s
}
