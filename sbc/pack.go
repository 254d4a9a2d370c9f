package sbc

import "slices"

// pack gives a view memory of its own: its lists as long as they are, and all
// its words in one string. What is kept of a call for long would else hold on to
// the messages it was read from, and by some fifty small pieces to as many pages
// of memory.
func (v *CallView) pack() {
	v.Events = slices.Clone(v.Events)
	v.Record.Targets = slices.Clone(v.Record.Targets)
	v.Record.Transfers = slices.Clone(v.Record.Transfers)
	v.Record.A.Latches = slices.Clone(v.Record.A.Latches)
	v.Record.B.Latches = slices.Clone(v.Record.B.Latches)
	n := 0
	v.words(func(s *string) { n += len(*s) })
	b := make([]byte, 0, n)
	v.words(func(s *string) { b = append(b, *s...) })
	all := string(b)
	v.words(func(s *string) { *s, all = all[:len(*s)], all[len(*s):] })
	v.Record.ID = v.ID
}

// words visits the words of a view that were made or read for its call alone.
func (v *CallView) words(visit func(*string)) {
	r := &v.Record
	for _, s := range []*string{&v.ID, &v.Media, &r.Caller, &r.Called, &r.Text} {
		visit(s)
	}
	for _, l := range []*LegRecord{&r.A, &r.B} {
		for _, s := range []*string{&l.CallID, &l.From, &l.To, &l.Peer, &l.Codec, &l.Media.Local, &l.Media.Remote} {
			visit(s)
		}
		for i := range l.Latches {
			x := &l.Latches[i]
			visit(&x.Dialog)
			visit(&x.Addr)
			visit(&x.Reason)
		}
	}
	for i := range r.Targets {
		visit(&r.Targets[i].Number)
		visit(&r.Targets[i].Text)
	}
	for i := range r.Transfers {
		visit(&r.Transfers[i].Target)
	}
	for i := range v.Events {
		e := &v.Events[i]
		visit(&e.Leg)
		visit(&e.Text)
		visit(&e.Dialog)
	}
}
