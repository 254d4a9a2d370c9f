package ice

import (
	"net/netip"
	"slices"
	"time"
)

// A fork is one far end of our offer: a ufrag, and the dialog it belongs to.
type fork struct {
	local  string // our ufrag that its checks name
	ufrag  string // its own
	dialog string // empty: no answer told yet
	// left says that its dialog has restarted: it serves until the new fork of
	// the dialog is checked.
	left bool
	last time.Time // of its last check

	remote Remote
	paths  [2][]path         // of components 1 and 2
	target [2]netip.AddrPort // what Target said last, to know when it moves
}

// A path is an address of a fork from which checks came.
type path struct {
	addr      netip.AddrPort
	said      uint32 // PRIORITY in its checks: that of a peer-reflexive candidate
	priority  uint32 // the signalled one, else said
	checks    uint64
	nominated uint64    // when, as a.nominations counts; 0: never
	used      time.Time // of the last USE-CANDIDATE
	last      time.Time // of the last check or authenticated packet
}

// aggressive is how recently another path must have been nominated for both to
// be meant at once: a few times the pace of checks.
const aggressive = 2 * time.Second

// checked books a valid check.
func (a *Agent) checked(now time.Time, component uint8, src netip.AddrPort, c check) Event {
	f := a.forkOf(c)
	f.last = now
	p := find(f.paths[component-1], src)
	e := Event{Dialog: f.dialog, Ufrag: f.ufrag, Component: component, Path: src}
	if p == nil {
		p = a.addPath(f, component, src)
		e.Kind = Checked
	}
	p.said = c.priority
	p.priority = f.remote.priority(component, src, p.said)
	p.checks++
	p.last = now
	if c.nominates && a.nominate(now, f, component, p) {
		e.Kind = Nominated
	}
	if !f.left {
		a.leave(f)
	}
	e.Moved = a.settle(now, f, component)
	return e
}

// nominate books USE-CANDIDATE on a path, and reports whether that chose it anew.
// A far end may change its mind, back as well, so the newest nomination counts;
// but one that nominates several paths at once (aggressive nomination, RFC 5245
// §8.1.1.2) means the best of them.
func (a *Agent) nominate(now time.Time, f *fork, component uint8, p *path) bool {
	newest := f.nominated(component)
	p.used = now
	if newest == p {
		return false
	}
	if newest != nil && p.nominated > 0 && p.priority < newest.priority && now.Sub(newest.used) < aggressive {
		return false
	}
	a.nominations++
	p.nominated = a.nominations
	return true
}

// nominated is the path of f nominated last, nil for none.
func (f *fork) nominated(component uint8) *path {
	var newest *path
	for i := range f.paths[component-1] {
		p := &f.paths[component-1][i]
		if p.nominated > 0 && (newest == nil || p.nominated > newest.nominated) {
			newest = p
		}
	}
	return newest
}

// forkOf finds the fork of a check, or makes one that waits for its answer.
func (a *Agent) forkOf(c check) *fork {
	var fresh *fork
	for _, f := range a.forks {
		if string(c.ufrag) != f.ufrag {
			continue
		}
		if f.local == c.by.ufrag {
			return f
		}
		if f.last.IsZero() {
			fresh = f // its answer was to an offer from before our restart
		}
	}
	if fresh != nil {
		fresh.local = c.by.ufrag
		return fresh
	}
	f := &fork{local: c.by.ufrag, ufrag: string(c.ufrag)}
	a.add(f)
	return f
}

// add makes room for a fork and takes it in: the unknown fork heard of least
// recently goes when there are too many.
func (a *Agent) add(f *fork) bool {
	unknown, oldest := 0, -1
	for i, g := range a.forks {
		if g.dialog != "" {
			continue
		}
		unknown++
		if oldest < 0 || g.last.Before(a.forks[oldest].last) {
			oldest = i
		}
	}
	if f.dialog == "" && unknown >= MaxUnknown || len(a.forks) >= MaxForks {
		a.stats.Overflow++
		if oldest < 0 {
			return false
		}
		a.forks = slices.Delete(a.forks, oldest, oldest+1)
	}
	a.forks = append(a.forks, f)
	return true
}

// addPath takes a path in; beyond the bound the one heard of least recently
// goes, unless it is in use or the only other.
func (a *Agent) addPath(f *fork, component uint8, src netip.AddrPort) *path {
	paths := &f.paths[component-1]
	if len(*paths) >= MaxPaths {
		a.stats.Overflow++
		oldest := -1
		for i, p := range *paths {
			if p.addr != f.target[component-1] && (oldest < 0 || p.last.Before((*paths)[oldest].last)) {
				oldest = i
			}
		}
		*paths = slices.Delete(*paths, oldest, oldest+1)
	}
	*paths = append(*paths, path{addr: src})
	return &(*paths)[len(*paths)-1]
}

// leave forgets the fork that the dialog of f had before its restart, now that f
// has been checked.
func (a *Agent) leave(f *fork) {
	if f.dialog == "" {
		return
	}
	a.forks = slices.DeleteFunc(a.forks, func(g *fork) bool { return g.left && g.dialog == f.dialog })
	a.prune()
}

// prune forgets our credentials from before a restart once no fork goes by them.
func (a *Agent) prune() {
	if a.before.ufrag == "" {
		return
	}
	for _, f := range a.forks {
		if f.local == a.before.ufrag {
			return
		}
	}
	a.before = credentials{}
}

// settle looks where f's media goes now, and reports whether that is elsewhere.
func (a *Agent) settle(now time.Time, f *fork, component uint8) bool {
	before := f.target[component-1]
	f.target[component-1], _ = a.best(now, f, component)
	return f.target[component-1] != before
}

// best is the path to send on: the one nominated last, else that of the highest
// priority, of those that have consent; else what the fork before a restart has;
// else, between two lite agents, what was signalled.
func (a *Agent) best(now time.Time, f *fork, component uint8) (netip.AddrPort, bool) {
	if p := a.pick(now, f, component); p != nil {
		return p.addr, true
	}
	if f.dialog != "" && !f.left {
		for _, g := range a.forks {
			if g.left && g.dialog == f.dialog {
				if p := a.pick(now, g, component); p != nil {
					return p.addr, true
				}
			}
		}
	}
	if s := f.remote.Selected[component-1]; f.remote.Lite && s.IsValid() {
		return s, true // RFC 8445 §8.2: no checks, so no choice either
	}
	return netip.AddrPort{}, false
}

// pick is the best of a fork's own paths, nil for none.
func (a *Agent) pick(now time.Time, f *fork, component uint8) *path {
	var best *path
	for i := range f.paths[component-1] {
		p := &f.paths[component-1][i]
		if !a.alive(now, p) {
			continue
		}
		if best == nil || p.nominated > best.nominated ||
			p.nominated == best.nominated && p.priority > best.priority {
			best = p
		}
	}
	return best
}

// alive reports whether the far end still agrees to be sent to there. RFC 7675 §5.1.
func (a *Agent) alive(now time.Time, p *path) bool {
	return a.consent == 0 || now.Before(p.last.Add(a.consent))
}

// priority ranks an address: by its candidate where it was signalled, since the
// PRIORITY in a check is that of the peer-reflexive candidate it would make (RFC
// 8445 §7.1.1), else by that.
func (r *Remote) priority(component uint8, at netip.AddrPort, said uint32) uint32 {
	for i := range r.Candidates {
		if c := &r.Candidates[i]; c.Component == component && c.Addr == at {
			return c.Priority
		}
	}
	return said
}

// find returns the path of an address, or nil.
func find(paths []path, at netip.AddrPort) *path {
	for i := range paths {
		if paths[i].addr == at {
			return &paths[i]
		}
	}
	return nil
}
