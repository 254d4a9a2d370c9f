package sbc

import "time"

// A TrunkView is a trunk as others see it: a copy.
type TrunkView struct {
	Name      string
	Profile   Profile
	Host      string    // where requests go; empty if the trunk only calls us
	Port      uint16    // 0: found by DNS
	Transport Transport // empty: found by DNS
	Codecs    []string  // must not be changed
	Up        bool      // calls may go to it now
	Condition Condition
	// In and Out are its calls at this time; Refused counts those its limits did
	// not admit.
	In, Out int
	Refused uint64
}

// View returns the trunks as they are now, in the order of the configuration.
func (d *Dialplan) View(now time.Time) []TrunkView {
	out := make([]TrunkView, 0, len(d.Trunks.All()))
	u := d.Limits.usage
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, t := range d.Trunks.All() {
		p, n := &t.cfg.Peer, u.trunk(t)
		out = append(out, TrunkView{
			Name: t.Name(), Profile: t.cfg.Profile,
			Host: p.Host, Port: p.Port, Transport: p.Transport, Codecs: t.cfg.Media.Codecs,
			Up: t.Up(now), Condition: t.Condition(),
			In: n.in.calls, Out: n.out.calls,
			Refused: n.both.refused + n.in.refused + n.out.refused,
		})
	}
	return out
}
