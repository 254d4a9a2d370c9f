package simnet

import (
	"net"
	"net/netip"
	"slices"
	"time"
)

// udpBuffer bounds what may be under way to one UDP socket, bytes: several
// times what Linux gives by default, for a second of virtual time may pass
// between two reads.
const udpBuffer = 4 << 20

// A UDPConn is a UDP socket. It has the methods of net.UDPConn that our code
// uses and satisfies net.PacketConn. It is safe for concurrent use.
type UDPConn struct {
	host  *Host
	bound []netip.AddrPort
	local netip.AddrPort
	queue queue[datagram]
}

type datagram struct {
	from netip.AddrPort
	data []byte
}

var _ net.PacketConn = (*UDPConn)(nil)

// ListenPacket opens a UDP socket. Port 0 chooses a free one; an unspecified
// address binds all addresses of the host.
func (h *Host) ListenPacket(local netip.AddrPort) (*UDPConn, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	bound, err := h.bind(local, func(a netip.AddrPort) bool { return n.udp[a] != nil })
	if err != nil {
		return nil, err
	}
	c := &UDPConn{host: h, bound: bound, local: bound[0]}
	if local.Addr().IsUnspecified() {
		c.local = netip.AddrPortFrom(local.Addr(), bound[0].Port())
	}
	for _, a := range bound {
		n.udp[a] = c
	}
	return c, nil
}

// ReadFromUDPAddrPort waits for a datagram. A longer one than b is cut.
func (c *UDPConn) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	d, err := c.queue.take()
	if err != nil {
		return 0, netip.AddrPort{}, &net.OpError{Op: "read", Net: "udp", Addr: c.LocalAddr(), Err: err}
	}
	return copy(b, d.data), d.from, nil
}

// ReadFrom is ReadFromUDPAddrPort for net.PacketConn.
func (c *UDPConn) ReadFrom(b []byte) (int, net.Addr, error) {
	k, from, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return k, net.UDPAddrFromAddrPort(from), nil
}

// WriteToUDPAddrPort sends a datagram. Whether it arrives is the network's.
func (c *UDPConn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if err := c.host.net.send(c, b, netip.AddrPortFrom(to.Addr().Unmap(), to.Port())); err != nil {
		return 0, &net.OpError{Op: "write", Net: "udp", Addr: net.UDPAddrFromAddrPort(to), Err: err}
	}
	return len(b), nil
}

// WriteTo is WriteToUDPAddrPort for net.PacketConn.
func (c *UDPConn) WriteTo(b []byte, to net.Addr) (int, error) {
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, &net.OpError{Op: "write", Net: "udp", Addr: to, Err: net.InvalidAddrError("not a UDP address")}
	}
	return c.WriteToUDPAddrPort(b, u.AddrPort())
}

// LocalAddr returns the bound address, a *net.UDPAddr.
func (c *UDPConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.local) }

// AddrPort returns the bound address.
func (c *UDPConn) AddrPort() netip.AddrPort { return c.local }

// SetReadDeadline bounds pending and later reads; the zero time takes it away.
func (c *UDPConn) SetReadDeadline(t time.Time) error {
	c.queue.setDeadline(t)
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (c *UDPConn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline is SetReadDeadline.
func (c *UDPConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadBuffer does nothing: the buffer is large.
func (c *UDPConn) SetReadBuffer(int) error { return nil }

// SetWriteBuffer does nothing.
func (c *UDPConn) SetWriteBuffer(int) error { return nil }

// Close frees the port and ends reads with net.ErrClosed.
func (c *UDPConn) Close() error {
	if err := c.queue.fail(net.ErrClosed); err != nil {
		return err
	}
	n := c.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range c.bound {
		delete(n.udp, a)
	}
	return nil
}

// send takes a datagram through taps, NAT and link to the receiver's queue.
func (n *Network) send(c *UDPConn, b []byte, to netip.AddrPort) error {
	c.queue.mu.Lock()
	closed := c.queue.failed
	c.queue.mu.Unlock()
	if closed != nil {
		return closed
	}
	from, ok := c.source(to)
	if !ok {
		return errNoAddress
	}
	n.mu.Lock()
	taps := slices.Clone(n.taps)
	n.mu.Unlock()
	var fate Fate
	for _, t := range taps {
		f := t(Packet{From: from, To: to, Data: b})
		fate.Drop = fate.Drop || f.Drop
		fate.Delay += f.Delay
		fate.Copies += f.Copies
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.route(c.host, datagram{from: from, data: slices.Clone(b)}, to, fate)
	return nil
}

// source is the address from which a socket sends to another.
func (c *UDPConn) source(to netip.AddrPort) (netip.AddrPort, bool) {
	for _, a := range c.bound {
		if a.Addr().Is4() == to.Addr().Is4() {
			return a, true
		}
	}
	return netip.AddrPort{}, false
}

// route delivers a datagram as often as its fate and its link want. The caller
// holds mu.
func (n *Network) route(h *Host, d datagram, to netip.AddrPort, fate Fate) {
	n.counts.Sent++
	l := n.link(d.from.Addr(), to.Addr())
	if h.nat != nil {
		d.from = h.nat.leave(d.from, to)
	}
	if t := n.nats[to.Addr()]; t != nil {
		inside, ok := t.enter(d.from, to)
		if !ok {
			n.counts.RefusedByNAT++
			return
		}
		to = inside
	}
	if fate.Drop || (l.Loss > 0 && n.rnd.Float64() < l.Loss) {
		n.counts.Lost++
		return
	}
	copies := 1 + fate.Copies
	if l.Double > 0 && n.rnd.Float64() < l.Double {
		copies++
	}
	dst := n.udp[to]
	if dst == nil {
		n.counts.Unreachable++
		return
	}
	for range copies {
		at := now().Add(n.delay(l) + fate.Delay)
		if !dst.queue.put(at, len(d.data), udpBuffer, d) {
			n.counts.Full++
			continue
		}
		n.counts.Delivered++
	}
}
