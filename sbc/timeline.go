package sbc

import (
	"slices"
	"time"
)

// A Kind says what a timeline event is about.
type Kind uint8

// The kinds of timeline events. Databases keep them as numbers, so that new ones
// go to the end.
const (
	KindReceived Kind = iota + 1 // a SIP message came in
	KindSent                     // a SIP message went out
	KindMedia                    // first media, silence
	KindLatch                    // a source or an early dialog was chosen, and why
	KindCodec                    // what the audio of a side came to
	KindDigit                    // a digit passed; which one is not kept
	KindNote                     // a decision of the call: failover, transfer, limit
)

// String returns the kind in lower case, as the admin API shows it.
func (k Kind) String() string {
	switch k {
	case KindReceived:
		return "received"
	case KindSent:
		return "sent"
	case KindMedia:
		return "media"
	case KindLatch:
		return "latch"
	case KindCodec:
		return "codec"
	case KindDigit:
		return "digit"
	case KindNote:
		return "note"
	}
	return "unknown"
}

// An Event is one line of a call's timeline. It is a value without secrets: no
// digit, no key, no body.
type Event struct {
	At   time.Time
	Kind Kind
	// Leg is "A", or "B1", "B2" and so on in the order they were tried; empty
	// for what concerns the call as a whole.
	Leg string `json:",omitzero"`
	// Text is the method or the status and reason of a message, or a sentence.
	Text string
	// SDP is whether the message had a session description.
	SDP bool `json:",omitzero"`
	// Dialog is the remote tag of the early dialog the event is about, empty
	// when there is only one.
	Dialog string `json:",omitzero"`
}

// The bounds of a timeline: where a call has more to tell, its middle goes.
const (
	timelineMax  = 256 // events kept
	timelineHead = 128 // of these, from the beginning
	timelineTail = 64  // and from the end, after a cut
)

// A timeline is the events of one call. Core: the call's goroutine appends. A
// slice that was published stays as it was: entries are never written twice.
type timeline struct {
	events  []Event
	omitted int
}

// add appends e, and cuts the middle out when there are too many.
func (t *timeline) add(e Event) {
	if t.events == nil {
		t.events = make([]Event, 0, 32)
	}
	if len(t.events) >= timelineMax {
		kept := make([]Event, 0, timelineMax)
		kept = append(kept, t.events[:timelineHead]...)
		kept = append(kept, t.events[len(t.events)-timelineTail:]...)
		t.omitted += len(t.events) - len(kept)
		t.events = kept
	}
	t.events = append(t.events, e)
}

// published returns the events so far, for others to read.
func (t *timeline) published() []Event { return slices.Clip(t.events) }
