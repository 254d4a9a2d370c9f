package udp

import (
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"
)

// A Receiver takes what comes to a socket, on the goroutine that many sockets
// share: it must not wait. A few calls may still come after the socket was
// closed.
type Receiver interface {
	// Receive takes a datagram. b is the poller's again when it returns; a
	// datagram longer than the poller reads was cut.
	Receive(now time.Time, b []byte, src netip.AddrPort)
	// Failed takes the error of a read. The socket is read on.
	Failed(err error)
}

// A Conn is a UDP socket that never waits: what cannot be sent at once is an
// error. Safe for concurrent use.
type Conn struct {
	// Set once.
	poller *Poller
	fd     int
	family uint16
	local  netip.AddrPort

	// mu is held for reading while the kernel works on fd, which it does without
	// waiting, so that the number is not another socket's meanwhile.
	mu sync.RWMutex
	// Guarded by mu.
	closed   bool
	queue    *queue   // nil before Serve
	receiver Receiver // nil before Serve
}

// Listen opens a socket at an address; port 0 chooses one. [::] takes IPv4 too.
// The error of an address in use is syscall.EADDRINUSE. What comes before Serve
// waits in the socket.
func (p *Poller) Listen(at netip.AddrPort) (*Conn, error) {
	c := &Conn{poller: p, family: syscall.AF_INET}
	if at.Addr().Is6() {
		c.family = syscall.AF_INET6
	}
	var err error
	c.fd, err = syscall.Socket(int(c.family), syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: net.UDPAddrFromAddrPort(at), Err: os.NewSyscallError("socket", err)}
	}
	if err := c.bind(at); err != nil {
		_ = syscall.Close(c.fd) // it was never used
		return nil, &net.OpError{Op: "listen", Net: "udp", Addr: net.UDPAddrFromAddrPort(at), Err: err}
	}
	return c, nil
}

// bind gives the socket its address.
func (c *Conn) bind(at netip.AddrPort) error {
	if c.family == syscall.AF_INET6 {
		only := 1
		if at.Addr().IsUnspecified() {
			only = 0
		}
		if err := syscall.SetsockoptInt(c.fd, syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY, only); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	var a sockaddr
	if !a.set(c.family, at) {
		return os.NewSyscallError("bind", syscall.EAFNOSUPPORT)
	}
	if _, _, e := syscall.RawSyscall(syscall.SYS_BIND, uintptr(c.fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(a.len)); e != 0 { //nolint:gosec // for the kernel
		return os.NewSyscallError("bind", e)
	}
	a.len = syscall.SizeofSockaddrInet6
	if _, _, e := syscall.RawSyscall(syscall.SYS_GETSOCKNAME, uintptr(c.fd), uintptr(unsafe.Pointer(&a.raw)), uintptr(unsafe.Pointer(&a.len))); e != 0 { //nolint:gosec // for the kernel
		return os.NewSyscallError("getsockname", e)
	}
	c.local = a.get()
	return nil
}

// Serve hands what comes from now on to r, while Run of the poller runs. Call
// it once.
func (c *Conn) Serve(r Receiver) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	q := c.poller.pick(c.local.Port())
	if err := q.add(c); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	c.queue, c.receiver = q, r
	return nil
}

// LocalAddrPort is the address the socket is bound to.
func (c *Conn) LocalAddrPort() netip.AddrPort { return c.local }

// WriteToUDPAddrPort sends a datagram. A full socket is an error, EAGAIN, like
// any other.
func (c *Conn) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	var a sockaddr
	if !a.set(c.family, to) {
		return 0, syscall.EAFNOSUPPORT
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	_, _, e := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(c.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_DONTWAIT|syscall.MSG_NOSIGNAL, //nolint:gosec // for the kernel
		uintptr(unsafe.Pointer(&a.raw)), uintptr(a.len)) //nolint:gosec // for the kernel
	if e != 0 {
		return 0, e
	}
	return len(b), nil
}

// read takes the next datagram; EAGAIN when there is none. The receiver is nil
// once the socket is closed.
func (c *Conn) read(b []byte) (int, netip.AddrPort, Receiver, error) {
	var a sockaddr
	a.len = syscall.SizeofSockaddrInet6
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return 0, netip.AddrPort{}, nil, net.ErrClosed
	}
	n, _, e := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(c.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), syscall.MSG_DONTWAIT, //nolint:gosec // for the kernel
		uintptr(unsafe.Pointer(&a.raw)), uintptr(unsafe.Pointer(&a.len))) //nolint:gosec // for the kernel
	if e != 0 {
		return 0, netip.AddrPort{}, c.receiver, e
	}
	return int(n), a.get(), c.receiver, nil
}

// Close closes the socket; its port is free when it returns.
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	c.closed = true
	if c.queue != nil {
		c.queue.forget(c)
	}
	return os.NewSyscallError("close", syscall.Close(c.fd))
}
