package ice

import (
	"net/netip"
	"slices"
	"time"
)

// Apply tells what the answer of a dialog said, or its next offer. Checks that
// came before it under the same ufrag now belong to the dialog. Another ufrag
// than before is a restart: the old paths are used until the new far end has
// sent a check. RFC 8445 §9, RFC 8839 §4.4.
//
// It reports whether Target now answers otherwise for RTP. It keeps a copy of
// the candidates.
func (a *Agent) Apply(now time.Time, dialog string, r Remote) (moved bool) {
	if dialog == "" || r.Ufrag == "" {
		return false
	}
	r.Candidates = slices.Clone(r.Candidates)
	f := a.current(dialog)
	var target [2]netip.AddrPort
	if f != nil {
		target = f.target
	}
	if f == nil || f.ufrag != r.Ufrag || f.local != a.now.ufrag && !f.last.IsZero() {
		next := a.waiting(r.Ufrag)
		if next == nil {
			next = &fork{local: a.now.ufrag, ufrag: r.Ufrag, dialog: dialog}
			if !a.add(next) {
				return false
			}
		}
		if f != nil {
			a.supersede(f)
		}
		f = next
	}
	f.dialog, f.remote, f.target = dialog, r, target
	a.rank(f)
	if !f.last.IsZero() {
		a.leave(f)
	}
	a.settle(now, f, 2)
	return a.settle(now, f, 1)
}

// current returns the fork a dialog goes by, or nil.
func (a *Agent) current(dialog string) *fork {
	for _, f := range a.forks {
		if f.dialog == dialog && !f.left {
			return f
		}
	}
	return nil
}

// waiting returns the fork of that ufrag that has been checked and has no
// dialog yet, or nil; one that goes by our present ufrag first.
func (a *Agent) waiting(ufrag string) *fork {
	var found *fork
	for _, f := range a.forks {
		if f.dialog == "" && f.ufrag == ufrag && (found == nil || f.local == a.now.ufrag) {
			found = f
		}
	}
	return found
}

// supersede keeps f until its dialog's new fork is checked; one from before an
// earlier restart goes, unless it is all that works.
func (a *Agent) supersede(f *fork) {
	if f.last.IsZero() {
		a.forks = slices.DeleteFunc(a.forks, func(g *fork) bool { return g == f })
		return
	}
	a.forks = slices.DeleteFunc(a.forks, func(g *fork) bool { return g.left && g.dialog == f.dialog })
	f.left = true
}

// rank gives f's paths the signalled priorities, and nominates the one that the
// offer said is in use, if it was ever checked. RFC 8839 §5.2.
func (a *Agent) rank(f *fork) {
	for c := range f.paths {
		component := uint8(c) + 1
		for i := range f.paths[c] {
			p := &f.paths[c][i]
			p.priority = f.remote.priority(component, p.addr, p.said)
			if f.remote.Concluded && p.addr == f.remote.Selected[c] && f.nominated(component) != p {
				a.nominations++
				p.nominated = a.nominations
			}
		}
	}
}

// Restart gives us a new ufrag and password, as a restart by either side needs.
// Checks under those before are answered until every fork has moved over. RFC
// 8445 §9.
func (a *Agent) Restart(ufrag, pwd string) {
	if ufrag == a.now.ufrag {
		return
	}
	a.before, a.now = a.now, makeCredentials(ufrag, pwd)
	a.prune()
}

// End forgets a dialog.
func (a *Agent) End(dialog string) {
	if dialog == "" {
		return
	}
	a.forks = slices.DeleteFunc(a.forks, func(f *fork) bool { return f.dialog == dialog })
	a.prune()
}

// Heard tells that an authenticated packet of media came from src: consent goes on.
func (a *Agent) Heard(now time.Time, component uint8, src netip.AddrPort) {
	src = unmap(src)
	for _, f := range a.forks {
		if p := find(f.paths[(component-1)&1], src); p != nil {
			p.last = now
		}
	}
}

// Dialog returns whose checks came from src, if an answer told; the second
// result is whether there was a check at all. It allocates nothing.
func (a *Agent) Dialog(component uint8, src netip.AddrPort) (string, bool) {
	src = unmap(src)
	found := false
	for _, f := range a.forks {
		if find(f.paths[(component-1)&1], src) != nil {
			if f.dialog != "" {
				return f.dialog, true
			}
			found = true
		}
	}
	return "", found
}

// Checked reports whether a dialog sent checks from src. Several may have: forks
// behind one address. It allocates nothing.
func (a *Agent) Checked(dialog string, component uint8, src netip.AddrPort) bool {
	src = unmap(src)
	for _, f := range a.forks {
		if f.dialog == dialog && find(f.paths[(component-1)&1], src) != nil {
			return true
		}
	}
	return false
}

// unmap is the address as we keep it, whatever kind of socket it came from.
func unmap(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Target is where to send to a dialog: the path nominated last, else that of
// the highest priority on which a check came, else nowhere. It allocates nothing.
func (a *Agent) Target(now time.Time, dialog string, component uint8) (netip.AddrPort, bool) {
	f := a.current(dialog)
	if f == nil || component < 1 || component > 2 {
		return netip.AddrPort{}, false
	}
	return a.best(now, f, component)
}

// Paths lists the paths of a dialog, for people to see.
func (a *Agent) Paths(dialog string) []Path {
	var list []Path
	for _, f := range a.forks {
		if f.dialog != dialog {
			continue
		}
		for c := range f.paths {
			for _, p := range f.paths[c] {
				list = append(list, Path{
					Addr: p.addr, Component: uint8(c) + 1, Priority: p.priority,
					Checks: p.checks, Nominated: p.nominated > 0, Last: p.last,
				})
			}
		}
	}
	return list
}

// Advance ends what is due and returns an Expired event for each path in use
// whose consent ran out. Deadline says when. RFC 7675 §5.1.
func (a *Agent) Advance(now time.Time) []Event {
	var events []Event
	for _, f := range a.forks {
		for c := range f.target {
			p := find(f.paths[c], f.target[c])
			if f.dialog == "" || f.left || p == nil || a.alive(now, p) {
				continue
			}
			a.stats.Expirations++
			component := uint8(c) + 1
			moved := a.settle(now, f, component)
			events = append(events, Event{
				Kind: Expired, Dialog: f.dialog, Ufrag: f.ufrag,
				Component: component, Path: p.addr, Moved: moved,
			})
		}
	}
	return events
}

// Deadline is when Advance has something to do; zero for never.
func (a *Agent) Deadline() time.Time {
	var first time.Time
	if a.consent == 0 {
		return first
	}
	for _, f := range a.forks {
		for c := range f.target {
			p := find(f.paths[c], f.target[c])
			if f.dialog == "" || f.left || p == nil {
				continue
			}
			if at := p.last.Add(a.consent); first.IsZero() || at.Before(first) {
				first = at
			}
		}
	}
	return first
}
