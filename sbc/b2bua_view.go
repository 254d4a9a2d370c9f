package sbc

import (
	"slices"

	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/sip"
)

// Calls returns the calls that are up, the oldest first.
func (b *B2BUA) Calls() []CallView {
	b.mu.Lock()
	views := make([]CallView, 0, len(b.calls))
	for _, c := range b.calls {
		views = append(views, c.shown.copy())
	}
	b.mu.Unlock()
	slices.SortFunc(views, func(x, y CallView) int { return x.Record.Invited.Compare(y.Record.Invited) })
	return views
}

// Call returns a call by our id or a Call-ID of either side: one that is up, with
// the figures its media has now, or one that ended not long ago.
func (b *B2BUA) Call(id string) (CallView, bool) {
	if c := b.find(id); c != nil {
		return c.shown.copy().measured(), true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if v := b.recent.known[id]; v != nil {
		return *v, true
	}
	return CallView{}, false
}

// Recent returns the calls that ended not long ago, the latest first.
func (b *B2BUA) Recent() []CallView {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.recent.list()
}

// Hangup ends a call, named as for Call. False says that there is none, or that it is
// ending, or too busy to be asked now.
func (b *B2BUA) Hangup(id string) bool {
	return b.tell(id, input{kind: inputHangup, order: &order{cause: sip.Normal().WithText("Ended by the operator")}})
}

// Transfer hands one side of an answered call, "caller" or "called", to another
// number, which is routed as if it had been asked for on the trunk the call came
// in on; the other side is released once the number has answered. How it goes is
// on the timeline and in the record; if it fails the call stays as it was. False
// says that there is no such call, or that target is not a number.
func (b *B2BUA) Transfer(id, side, target string) bool {
	if target == "" || !isUser(target) || side != byCaller && side != byCalled {
		return false
	}
	return b.tell(id, input{kind: inputTransfer, order: &order{number: target, stays: side}})
}

// Digits sends digits, 1 to 32 keys, to one side of a call, "caller" or "called",
// in the way its trunk takes digits. A digit that could not be sent is counted
// and on the timeline, without saying which it was. False says that there is no
// such call, or that a letter is no key.
func (b *B2BUA) Digits(id, side, digits string) bool {
	if digits == "" || len(digits) > digitsWaiting || side != byCaller && side != byCalled {
		return false
	}
	o := &order{stays: side}
	for i := range len(digits) {
		key, ok := dtmf.FromKey(digits[i])
		if !ok {
			return false
		}
		o.digits = append(o.digits, key)
	}
	return b.tell(id, input{kind: inputDigits, order: o})
}

func (b *B2BUA) tell(id string, in input) bool {
	c := b.find(id)
	return c != nil && c.shown.state() < StateEnding && c.post(in)
}

// Stats is a copy of a B2BUA's counters.
type Stats struct {
	Up       int // calls now
	Calls    uint64
	Answered uint64
	Refused  uint64 // not admitted, or without a route
	// Panics are calls that ended with 500 because of a fault of ours.
	Panics        uint64
	InboxFull     uint64 // messages a call had no room for
	NoticesLost   uint64
	DigitsLost    uint64
	NoMedia       uint64 // calls for which no port was free
	OffersRefused uint64 // 488 or 400: codec, keying or a description that is none
	TooDeep       uint64 // transfers and redirections beyond the depth of a call
	// HeadersLeftOut are values that a rule would let pass and that were too
	// many, too long or not text.
	HeadersLeftOut uint64
	RecordsWaiting int
	RecordsLost    uint64
	// NotesLeft are notes of calls that are up, and timelines, for which a slow
	// writer had no room.
	NotesLeft uint64
	// RecordAlarm is raised while records cannot be written.
	RecordAlarm bool
	Draining    bool
}

// Stats returns the counters.
func (b *B2BUA) Stats() Stats {
	b.mu.Lock()
	up := len(b.calls)
	b.mu.Unlock()
	n := &b.count
	s := Stats{
		Up: up, Calls: n.calls.Load(), Answered: n.answered.Load(), Refused: n.refused.Load(),
		Panics: n.panics.Load(), InboxFull: n.inboxFull.Load(), NoticesLost: n.noticesLost.Load(),
		DigitsLost: n.digitsLost.Load(), NoMedia: n.noMedia.Load(), OffersRefused: n.offersRefused.Load(),
		TooDeep: n.tooDeep.Load(), HeadersLeftOut: b.Dialplan().Trunks.LeftOut(),
		Draining: b.draining.Load(),
	}
	s.RecordsWaiting, s.RecordsLost, s.NotesLeft, s.RecordAlarm = b.records.state()
	return s
}

// Drain closes admission: new calls get 503. Calls in progress go on.
func (b *B2BUA) Drain() { b.draining.Store(true) }

// Halt ends the grace period of a Run whose context is done.
func (b *B2BUA) Halt() {
	select {
	case b.hurry <- struct{}{}:
	default: // asked already
	}
}

// recent is a ring of calls that have ended.
type recent struct {
	views []*CallView
	at    int
	known map[string]*CallView // the same, by id and Call-IDs
}

func (r *recent) add(v *CallView, limit int) {
	switch {
	case limit <= 0:
		*r = recent{}
		return
	case len(r.views) < limit:
		r.views = append(r.views, v)
	default:
		r.at %= len(r.views)
		r.forget(r.views[r.at])
		r.views[r.at] = v
		r.at++
	}
	if r.known == nil {
		r.known = make(map[string]*CallView)
	}
	for _, id := range v.names() {
		r.known[id] = v
	}
}

func (r *recent) forget(v *CallView) {
	for _, id := range v.names() {
		if r.known[id] == v {
			delete(r.known, id)
		}
	}
}

// names are what a call that has ended is found by.
func (v *CallView) names() [3]string {
	return [...]string{v.ID, v.Record.A.CallID, v.Record.B.CallID}
}

func (r *recent) list() []CallView {
	out := make([]CallView, 0, len(r.views))
	for _, v := range r.views {
		out = append(out, *v)
	}
	slices.SortFunc(out, func(x, y CallView) int { return y.Record.Ended.Compare(x.Record.Ended) })
	return out
}
