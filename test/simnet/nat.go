package simnet

import "net/netip"

// A NAT hides a host's addresses behind a public one, for UDP. By default it
// maps by inside port alone and lets in packets from those addresses only to
// which the inside has sent (RFC 4787: endpoint-independent mapping,
// address-dependent filtering).
type NAT struct {
	Public    netip.Addr
	Symmetric bool // a mapping of its own for each destination
	Open      bool // lets in packets from anybody once a mapping exists
}

type natKey struct{ inside, remote netip.AddrPort }

type natMapping struct {
	inside netip.AddrPort
	sentTo map[netip.Addr]bool
}

// natTable is a NAT with its mappings. It is guarded by the network's mutex.
type natTable struct {
	NAT
	next uint16
	out  map[natKey]uint16
	in   map[uint16]*natMapping
}

// BehindNAT puts the host behind a NAT of its own. Call it before sockets are
// opened.
func (h *Host) BehindNAT(t NAT) {
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	h.nat = &natTable{NAT: t, next: 61000, out: map[natKey]uint16{}, in: map[uint16]*natMapping{}}
	h.net.nats[t.Public] = h.nat
}

// leave translates the source of a packet on its way out.
func (t *natTable) leave(from, to netip.AddrPort) netip.AddrPort {
	k := natKey{inside: from}
	if t.Symmetric {
		k.remote = to
	}
	port, ok := t.out[k]
	if !ok {
		t.next++
		port = t.next
		t.out[k] = port
		t.in[port] = &natMapping{inside: from, sentTo: map[netip.Addr]bool{}}
	}
	t.in[port].sentTo[to.Addr()] = true
	return netip.AddrPortFrom(t.Public, port)
}

// enter translates the destination of a packet on its way in; false refuses it.
func (t *natTable) enter(from, to netip.AddrPort) (netip.AddrPort, bool) {
	m := t.in[to.Port()]
	if m == nil || (!t.Open && !m.sentTo[from.Addr()]) {
		return netip.AddrPort{}, false
	}
	return m.inside, true
}
