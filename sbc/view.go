package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/media"
)

// A State says how far a call has come.
type State uint8

// The states of a call.
const (
	StateTrying   State = iota + 1 // looking for somebody who takes it
	StateRinging                   // a called side has said 18x
	StateEarly                     // media passes, nobody has answered
	StateAnswered                  // joined
	StateHeld                      // joined, and one side holds the other
	StateEnding                    // the last messages of the legs are out
	StateEnded                     // over; the record is with the writer
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case StateTrying:
		return "trying"
	case StateRinging:
		return "ringing"
	case StateEarly:
		return "early"
	case StateAnswered:
		return "answered"
	case StateHeld:
		return "held"
	case StateEnding:
		return "ending"
	case StateEnded:
		return "ended"
	}
	return "unknown"
}

// A CallView is a call as others see it after a step: a copy that nobody changes.
type CallView struct {
	ID      string
	State   State
	Record  CDR // as far as it is known; its slices are shared and must not be changed
	Media   string
	Events  []Event // the timeline; must not be changed
	Omitted int     // events that were dropped from its middle

	ends [2]*media.Endpoint // of side A and of the one it is joined to; nil without
}

// measured returns the view with the figures the media has now.
func (v CallView) measured() CallView {
	for i, r := range []*LegRecord{&v.Record.A, &v.Record.B} {
		if e := v.ends[i]; e != nil {
			r.measure(e.Stats())
		}
	}
	return v
}

// Age is how long ago the call began.
func (v CallView) Age(now time.Time) time.Duration { return now.Sub(v.Record.Invited) }
