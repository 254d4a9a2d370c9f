package simnet

import (
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// tcpWindow bounds what may be under way in one direction of a connection,
// bytes. A writer waits when it is full.
const tcpWindow = 64 << 10

// A Listener accepts connections. It satisfies net.Listener.
type Listener struct {
	host  *Host
	bound []netip.AddrPort
	queue queue[*Conn]
}

var _ net.Listener = (*Listener)(nil)

// Listen opens a TCP listener. Port 0 chooses a free one; an unspecified
// address binds all addresses of the host.
func (h *Host) Listen(local netip.AddrPort) (*Listener, error) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	bound, err := h.bind(local, func(a netip.AddrPort) bool { return n.tcp[a] != nil })
	if err != nil {
		return nil, err
	}
	l := &Listener{host: h, bound: bound}
	for _, a := range bound {
		n.tcp[a] = l
	}
	return l, nil
}

// Accept waits for the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.queue.take()
	if err != nil {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: err}
	}
	return c, nil
}

// SetDeadline bounds Accept; the zero time takes it away.
func (l *Listener) SetDeadline(t time.Time) error {
	l.queue.setDeadline(t)
	return nil
}

// Addr returns the bound address, a *net.TCPAddr.
func (l *Listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.bound[0]) }

// Close ends Accept with net.ErrClosed. Accepted connections stay.
func (l *Listener) Close() error {
	if err := l.queue.fail(net.ErrClosed); err != nil {
		return err
	}
	n := l.host.net
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range l.bound {
		delete(n.tcp, a)
	}
	return nil
}

// A Conn is one end of a TCP connection. It satisfies net.Conn and is safe for
// concurrent use as that is: one reader and one writer at a time.
type Conn struct {
	net           *Network
	local, remote netip.AddrPort
	peer          *Conn
	in            queue[segment]

	readMu  sync.Mutex
	rest    []byte // read but not yet taken
	readErr error  // EOF or reset, once seen

	mu         sync.Mutex
	writeUntil time.Time
	noWrite    error
	lastAt     time.Time // when the last segment we sent arrives
}

// A segment is a piece of the stream, its end, or a reset.
type segment struct {
	data []byte
	err  error
}

var _ net.Conn = (*Conn)(nil)

// Dial connects to a listener and waits one round trip. An invalid local
// address, or port 0, lets the host choose.
func (h *Host) Dial(ctx context.Context, local, remote netip.AddrPort) (*Conn, error) {
	n := h.net
	remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	n.mu.Lock()
	l := n.tcp[remote]
	local, err := h.dialFrom(local, remote)
	there, back := n.delay(tcpLink(n.link(local.Addr(), remote.Addr()))), n.delay(tcpLink(n.link(remote.Addr(), local.Addr())))
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	arrives := now().Add(there)
	if err := pause(ctx, arrives.Add(back)); err != nil {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(remote), Err: err}
	}
	if l == nil {
		return nil, errRefused
	}
	near := &Conn{net: n, local: local, remote: remote}
	far := &Conn{net: n, local: remote, remote: local, peer: near}
	near.peer = far
	n.mu.Lock()
	n.conns[near], n.conns[far] = struct{}{}, struct{}{}
	n.mu.Unlock()
	if !l.queue.put(arrives, 1, 4096, far) {
		near.forget()
		far.forget()
		return nil, errRefused
	}
	return near, nil
}

// tcpLink leaves of a link what TCP shows.
func tcpLink(l Link) Link { return Link{Delay: l.Delay, Jitter: l.Jitter, Segment: l.Segment} }

// dialFrom chooses the local address of a connection. The caller holds net.mu.
func (h *Host) dialFrom(local, remote netip.AddrPort) (netip.AddrPort, error) {
	a := local.Addr().Unmap()
	if !a.IsValid() || a.IsUnspecified() {
		i := slices.IndexFunc(h.addrs, func(x netip.Addr) bool { return x.Is4() == remote.Addr().Is4() })
		if i < 0 {
			return local, errNoAddress
		}
		a = h.addrs[i]
	}
	if local.Port() != 0 {
		return netip.AddrPortFrom(a, local.Port()), nil
	}
	return netip.AddrPortFrom(a, h.ephemeral()[0]), nil
}

// Read waits for data; io.EOF after the far end has closed.
func (c *Conn) Read(b []byte) (int, error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	for len(c.rest) == 0 {
		if c.readErr != nil {
			return 0, c.readErr
		}
		s, err := c.in.take()
		switch {
		case err != nil:
			return 0, &net.OpError{Op: "read", Net: "tcp", Addr: c.RemoteAddr(), Err: err}
		case s.err == io.EOF: //nolint:errorlint // the marker itself, never wrapped
			c.readErr = io.EOF
		case s.err != nil:
			c.readErr = &net.OpError{Op: "read", Net: "tcp", Addr: c.RemoteAddr(), Err: s.err}
		default:
			c.rest = s.data
		}
	}
	k := copy(b, c.rest)
	c.rest = c.rest[k:]
	return k, nil
}

// Write sends data and waits while the window is full.
func (c *Conn) Write(b []byte) (int, error) {
	sent := 0
	for sent < len(b) {
		if err := c.writable(); err != nil {
			return sent, &net.OpError{Op: "write", Net: "tcp", Addr: c.RemoteAddr(), Err: err}
		}
		sent += c.push(b[sent:])
	}
	return sent, nil
}

// writable waits for room in the window.
func (c *Conn) writable() error {
	c.mu.Lock()
	err := c.noWrite
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if err := c.peer.in.room(tcpWindow, c.writeDeadline); err != nil {
		if err == net.ErrClosed { //nolint:errorlint // queue's own value: the far end is gone
			return syscall.EPIPE
		}
		return err
	}
	return nil
}

func (c *Conn) writeDeadline() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writeUntil
}

// push sends one segment and returns its length.
func (c *Conn) push(b []byte) int {
	c.net.mu.Lock()
	l := tcpLink(c.net.link(c.local.Addr(), c.remote.Addr()))
	d := c.net.delay(l)
	c.net.mu.Unlock()
	if l.Segment > 0 && len(b) > l.Segment {
		b = b[:l.Segment]
	}
	if len(b) > tcpWindow/4 {
		b = b[:tcpWindow/4]
	}
	c.deliver(d, segment{data: slices.Clone(b)})
	return len(b)
}

// deliver puts a segment behind those already sent: TCP keeps order.
func (c *Conn) deliver(d time.Duration, s segment) {
	c.mu.Lock()
	at := now().Add(d)
	if at.Before(c.lastAt) {
		at = c.lastAt
	}
	c.lastAt = at
	c.mu.Unlock()
	c.peer.in.put(at, len(s.data), 0, s)
}

// Close ends both directions: the far end reads what was sent, then io.EOF.
func (c *Conn) Close() error { return c.end(io.EOF) }

// Reset breaks the connection: the far end's reads fail with ECONNRESET.
func (c *Conn) Reset() error { return c.end(syscall.ECONNRESET) }

func (c *Conn) end(how error) error {
	if err := c.in.fail(net.ErrClosed); err != nil {
		return err
	}
	if err := c.closeWrite(how); err != nil {
		return err
	}
	c.forget()
	return nil
}

// CloseWrite ends the direction towards the far end.
func (c *Conn) CloseWrite() error { return c.closeWrite(io.EOF) }

func (c *Conn) closeWrite(how error) error {
	c.mu.Lock()
	done := c.noWrite != nil
	c.noWrite = net.ErrClosed
	c.mu.Unlock()
	if done {
		return nil
	}
	c.net.mu.Lock()
	d := c.net.delay(tcpLink(c.net.link(c.local.Addr(), c.remote.Addr())))
	c.net.mu.Unlock()
	c.deliver(d, segment{err: how})
	return nil
}

func (c *Conn) forget() {
	c.net.mu.Lock()
	defer c.net.mu.Unlock()
	delete(c.net.conns, c)
}

// LocalAddr returns the near address, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr returns the far address, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in.setDeadline(t)
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds pending and later reads; the zero time takes it away.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in.setDeadline(t)
	return nil
}

// SetWriteDeadline bounds pending and later writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	c.writeUntil = t
	c.mu.Unlock()
	c.peer.in.mu.Lock()
	defer c.peer.in.mu.Unlock()
	c.peer.in.stir()
	return nil
}
