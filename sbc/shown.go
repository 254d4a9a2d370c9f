package sbc

import (
	"cmp"
	"slices"
	"sync"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media"
)

// shown is what others see of a call. The call renews it in place after each
// step; who looks takes a copy. Its mutex is held for the copying alone, so that
// neither waits for a step of the other's.
type shown struct {
	mu sync.Mutex
	// Guarded by mu.
	view CallView
	path path
}

// copy returns the call as it is shown now.
func (s *shown) copy() CallView {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view
	v.Record.Targets = slices.Clone(v.Record.Targets) // renewed in place
	v.Record.Transfers = slices.Clone(v.Record.Transfers)
	v.Media = s.path.String()
	return v
}

// state is that of copy.
func (s *shown) state() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.State
}

// publish renews what others see of the call.
func (c *Call) publish() {
	s := &c.shown
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &s.view
	targets, transfers := v.Record.Targets[:0], v.Record.Transfers[:0]
	v.ID, v.State, v.Record = c.id, c.state(), c.record
	v.Record.Targets = append(targets, c.record.Targets...) // the call changes its entries
	v.Record.Transfers = append(transfers, c.record.Transfers...)
	v.Events, v.Omitted = c.events.published(), c.events.omitted
	v.ends = [2]*media.Endpoint{}
	v.show(0, &v.Record.A, c.a)
	v.show(1, &v.Record.B, cmp.Or(c.b, c.other(c.a)))
	s.path = c.path()
}

// show puts a side that is live into the view; the record knows the others.
func (v *CallView) show(i int, r *LegRecord, s *side) {
	if s == nil || s.end == nil {
		return
	}
	*r, v.ends[i] = s.record, s.end
	r.Latches = slices.Clip(r.Latches) // the call appends to its own
}

// state says how far the call has come.
func (c *Call) state() State {
	switch {
	case c.over():
		return StateEnded
	case c.ending:
		return StateEnding
	case c.held:
		return StateHeld
	case !c.record.Answered.IsZero():
		return StateAnswered
	case c.record.EarlyMedia:
		return StateEarly
	case !c.record.Ringing.IsZero():
		return StateRinging
	}
	return StateTrying
}

// A path is which way the media of a call goes. The zero path is nowhere.
type path struct {
	x, y     string       // the two ends: sides, or what of ours answered
	from, as codec.Params // zero where ours answered
	recoded  bool
}

// path says which way the media goes.
func (c *Call) path() path {
	if c.ending {
		return path{} // and its sides may be another call's
	}
	x, y := c.pair()
	switch {
	case c.built != nil:
		return path{x: "A", y: string(c.built.kind)}
	case x.plug.to == nil || y == nil:
		return path{}
	}
	return path{x: x.name, y: y.name, from: x.plug.from, as: x.plug.as, recoded: x.plug.ptime != 0}
}

// String returns the path in words, empty for none.
func (p path) String() string {
	switch {
	case p.x == "":
		return ""
	case p.from.Name == "":
		return p.x + " <-> " + p.y
	case !p.recoded:
		return p.x + " <-> " + p.y + " forwarded " + codecName(p.from)
	}
	return p.x + " " + codecName(p.from) + " <-> " + p.y + " " + codecName(p.as) + " recoded"
}
