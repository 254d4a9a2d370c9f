package sdp

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// The packet times we make. RFC 3551 §4.2 asks receivers for up to 200 ms; more
// than 60 ms nobody hears with pleasure.
const (
	minPtime = 10 * time.Millisecond
	maxPtime = 60 * time.Millisecond
)

// sending is the format we send: their number and fmtp, and our name for it. The
// fmtp is copied, so that what is agreed does not hold a whole body in memory.
func sending(theirs, ours *Format) Format {
	f := Format{Type: theirs.Type, Codec: ours.Codec}
	f.Codec.Format = strings.Clone(theirs.Codec.Format)
	return f
}

// setPtime sets the packet time: what the far end asked for, else what we would
// like, within what both sides and the codec can do. RFC 8866 §6.4.
func (a *Agreed) setPtime(m *Media, l *Local) {
	a.MaxPtime = m.MaxPtime
	p := m.Ptime
	if p == 0 {
		p = l.Ptime
	}
	if p == 0 {
		p = DefaultPtime
	}
	if m.MaxPtime > 0 {
		p = min(p, m.MaxPtime)
	}
	p = min(max(p, minPtime), maxPtime).Truncate(minPtime)
	if strings.EqualFold(a.Send.Codec.Name, "opus") && (p == 30*time.Millisecond || p == 50*time.Millisecond) {
		p -= minPtime // Opus has frames of 10, 20, 40 and 60 ms: RFC 6716 §2.1.4
	}
	a.Ptime = p
}

// setRemote sets where to send. Only ICE can do without an address in c=.
func (a *Agreed) setRemote(m *Media, l *Local, mux bool) error {
	a.Mux = mux
	addr, ice := m.Addr, a.ICE.Ufrag != ""
	ours := l.Addr.Unmap()
	usable := addr.IsValid() && !addr.IsMulticast() &&
		(!ours.IsValid() || addr.Is4() == ours.Is4())
	if !usable {
		if ice {
			return nil
		}
		return ErrAddress
	}
	a.Remote = netip.AddrPortFrom(addr, m.Port)
	a.RemoteRTCP = m.remoteRTCP(a.Remote, mux)
	return nil
}

// remoteRTCP is where RTCP goes: the same port, the one of a=rtcp, or the next.
// RFC 5761 §5.1.1, RFC 3605 §2.1, RFC 3550 §11. A far end that takes RTCP on the
// RTP port alone (RFC 8858) gets none where we refused that.
func (m *Media) remoteRTCP(rtp netip.AddrPort, mux bool) netip.AddrPort {
	switch {
	case mux:
		return rtp
	case m.MuxOnly:
		return netip.AddrPort{}
	case m.RTCP.Port() != 0 && m.RTCP.Addr().IsValid():
		if m.RTCP.Addr().Is4() != rtp.Addr().Is4() || m.RTCP.Addr().IsMulticast() {
			return netip.AddrPort{}
		}
		return m.RTCP
	case m.RTCP.Port() != 0:
		return netip.AddrPortFrom(rtp.Addr(), m.RTCP.Port())
	case rtp.Port() == 65535:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
}

// holds reports whether m says with c=0.0.0.0 that nothing shall come, the hold
// of RFC 2543 that RFC 3264 §8.4 still asks us to read. With ICE and port 9 it
// only says that candidates will follow (RFC 8840 §4.1.1).
func (a *Agreed) holds(m *Media) bool {
	return m.Addr.IsValid() && m.Addr.IsUnspecified() && (a.ICE.Ufrag == "" || m.Port != discard)
}

// discard is the port of addresses that are not known yet. RFC 8840 §4.1.1.
const discard = 9

// mismatched reports whether something on the way changed c= or the port and
// left the candidates: no candidate is the default destination. Then ICE is not
// used. Names and addresses to come do not count. RFC 8839 §4.2.5.
func (m *Media) mismatched() bool {
	if len(m.Candidates) == 0 || m.Unnamed || !m.Addr.IsValid() ||
		m.Addr.IsUnspecified() || m.Port == discard {
		return false
	}
	at := netip.AddrPortFrom(m.Addr, m.Port)
	for _, c := range m.Candidates {
		if c.Component == 1 && c.Addr == at {
			return false
		}
	}
	return true
}

// read takes the far end's side of ICE from m, of its candidates those that can
// reach us, best first.
func (r *RemoteICE) read(m *Media, l *Local) {
	r.Ufrag, r.Pwd = strings.Clone(m.Ufrag), strings.Clone(m.Pwd)
	ours := l.Addr.Unmap()
	r.Concluded = m.Chosen.IsValid() && m.Chosen == netip.AddrPortFrom(ours, l.Port)
	r.add(m.Candidates, ours)
}

// add puts candidates of our address family in their places, and reports whether
// any is new. Where there is no room those of the lowest priority go.
func (r *RemoteICE) add(all []Candidate, ours netip.Addr) (changed bool) {
	for _, c := range all {
		if ours.IsValid() && c.Addr.Addr().Is4() != ours.Is4() {
			continue
		}
		known := func(o Candidate) bool { return o.Addr == c.Addr && o.Component == c.Component }
		at := slices.IndexFunc(r.Candidates[:], func(o Candidate) bool { return !o.Addr.IsValid() || o.Priority < c.Priority })
		if at < 0 || slices.ContainsFunc(r.Candidates[:], known) {
			continue
		}
		copy(r.Candidates[at+1:], r.Candidates[at:])
		r.Candidates[at] = c
		changed = true
	}
	return changed
}

// best is the fingerprint to check: one is enough, the strongest (RFC 8122 §5.1).
func best(prints []Fingerprint) Fingerprint {
	var f Fingerprint
	for _, p := range prints {
		if rank(p.Hash) > rank(f.Hash) {
			f = p
		}
	}
	f.Hash, f.Value = strings.Clone(f.Hash), strings.Clone(f.Value)
	return f
}
