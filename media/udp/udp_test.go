package udp

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"
)

// A datagram is one that was received.
type datagram struct {
	b   []byte
	src netip.AddrPort
}

// inbox is a Receiver that keeps what comes.
type inbox chan datagram

func (in inbox) Receive(_ time.Time, b []byte, src netip.AddrPort) {
	in <- datagram{bytes.Clone(b), src}
}

func (in inbox) Failed(error) {}

// newPoller runs a poller until the test ends.
func newPoller(t testing.TB) *Poller {
	t.Helper()
	p, err := NewPoller(100)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return p
}

// listen opens a socket that is served; it is closed when the test ends.
func listen(t testing.TB, p *Poller, at string, r Receiver) *Conn {
	t.Helper()
	c, err := p.Listen(netip.MustParseAddrPort(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.Serve(r); err != nil {
		t.Fatal(err)
	}
	return c
}

// families are the loopback addresses of this machine, port 0: not every one
// has IPv6.
func families() []string {
	all := []string{"127.0.0.1:0"}
	if c, err := net.ListenPacket("udp6", "[::1]:0"); err == nil {
		_ = c.Close()
		all = append(all, "[::1]:0")
	}
	return all
}

// What one socket sends the other receives, whole and with its source, over
// both families; what is too long is cut.
func TestDatagramsComeWithTheirSource(t *testing.T) {
	p := newPoller(t)
	for _, at := range families() {
		in := make(inbox, 200)
		a, b := listen(t, p, at, make(inbox, 1)), listen(t, p, at, in)
		for i := range 150 {
			if n, err := a.WriteToUDPAddrPort(make([]byte, i), b.LocalAddrPort()); n != i || err != nil {
				t.Fatalf("%s: wrote %d of %d octets: %v", at, n, i, err)
			}
		}
		for i := range 150 {
			d := <-in
			if len(d.b) != min(i, 100) || d.src != a.LocalAddrPort() {
				t.Fatalf("%s: datagram %d: %d octets from %v, sent by %v", at, i, len(d.b), d.src, a.LocalAddrPort())
			}
		}
	}
}

// A socket of [::] takes IPv4 too, and answers it.
func TestUnspecifiedAddressTakesBothFamilies(t *testing.T) {
	if len(families()) < 2 {
		return
	}
	p := newPoller(t)
	in, back := make(inbox, 1), make(inbox, 1)
	all, four := listen(t, p, "[::]:0", in), listen(t, p, "127.0.0.1:0", back)
	to := netip.AddrPortFrom(four.LocalAddrPort().Addr(), all.LocalAddrPort().Port())
	if _, err := four.WriteToUDPAddrPort([]byte("to"), to); err != nil {
		t.Fatal(err)
	}
	d := <-in
	if d.src.Addr().Unmap() != four.LocalAddrPort().Addr() {
		t.Errorf("source %v", d.src)
	}
	if _, err := all.WriteToUDPAddrPort([]byte("back"), d.src); err != nil {
		t.Fatal(err)
	}
	if d := <-back; string(d.b) != "back" {
		t.Errorf("got %q", d.b)
	}
}

// An address that is in use is told from other errors; the socket before is not
// disturbed.
func TestAddressInUseIsTold(t *testing.T) {
	p := newPoller(t)
	in := make(inbox, 1)
	a := listen(t, p, "127.0.0.1:0", in)
	if _, err := p.Listen(a.LocalAddrPort()); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("error %v", err)
	}
	if _, err := a.WriteToUDPAddrPort([]byte{1}, a.LocalAddrPort()); err != nil {
		t.Fatal(err)
	}
	<-in
}

// A closed socket says so, and the one that takes its descriptor over hears what
// is its own.
func TestClosedSocketLeavesNothing(t *testing.T) {
	p := newPoller(t)
	in := make(inbox, 1)
	from := listen(t, p, "127.0.0.1:0", make(inbox, 1))
	for range 200 {
		c, err := p.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
		if err != nil {
			t.Fatal(err)
		}
		at := c.LocalAddrPort()
		if err := c.Serve(in); err != nil {
			t.Fatal(err)
		}
		if _, err := from.WriteToUDPAddrPort([]byte{1}, at); err != nil {
			t.Fatal(err)
		}
		<-in
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.WriteToUDPAddrPort([]byte{1}, at); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("close after close: %v", err)
		}
		if err := c.Serve(in); !errors.Is(err, net.ErrClosed) {
			t.Errorf("serve after close: %v", err)
		}
	}
	for _, q := range p.queues {
		q.mu.Lock()
		for fd := range q.conns {
			if fd != int32(from.fd) {
				t.Errorf("descriptor %d is still watched", fd)
			}
		}
		q.mu.Unlock()
	}
}

// RTP and RTCP sockets are spread over the queues each for itself.
func TestSocketsAreSpreadByParity(t *testing.T) {
	p := &Poller{queues: []*queue{{}, {}}}
	for _, port := range []uint16{20000, 20001} {
		n := map[*queue]int{}
		for range 10 {
			n[p.pick(port)]++
		}
		if n[p.queues[0]] != 5 || n[p.queues[1]] != 5 {
			t.Errorf("port %d: %d and %d", port, n[p.queues[0]], n[p.queues[1]])
		}
	}
}

// An address of the other family is refused, not sent to.
func TestOtherFamilyIsRefused(t *testing.T) {
	c := listen(t, newPoller(t), "127.0.0.1:0", make(inbox, 1))
	for _, to := range []netip.AddrPort{{}, netip.MustParseAddrPort("[::1]:9")} {
		if _, err := c.WriteToUDPAddrPort([]byte{1}, to); !errors.Is(err, syscall.EAFNOSUPPORT) {
			t.Errorf("to %v: %v", to, err)
		}
	}
}

// Addresses come back as they were set, with the zone of a link-local one.
func TestAddressesComeBack(t *testing.T) {
	for _, a := range []string{"192.0.2.1:5004", "[2001:db8::1]:65535", "[fe80::1%2]:1"} {
		want := netip.MustParseAddrPort(a)
		family := uint16(syscall.AF_INET6)
		if want.Addr().Is4() {
			family = syscall.AF_INET
		}
		var s sockaddr
		if !s.set(family, want) || s.get() != want {
			t.Errorf("%v came back as %v", want, s.get())
		}
	}
}

// echo sends back what comes.
type echo struct{ c *Conn }

func (e *echo) Receive(_ time.Time, b []byte, src netip.AddrPort) {
	_, _ = e.c.WriteToUDPAddrPort(b, src)
}
func (e *echo) Failed(error) {}

// A datagram allocates nothing on its way in and out.
func TestDatagramsAllocateNothing(t *testing.T) {
	p := newPoller(t)
	there, back := &echo{}, make(tick, 1)
	far, err := p.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = far.Close() })
	there.c = far
	if err := far.Serve(there); err != nil {
		t.Fatal(err)
	}
	near := listen(t, p, "127.0.0.1:0", back)
	b, to := make([]byte, 100), far.LocalAddrPort()
	if n := testing.AllocsPerRun(500, func() {
		if _, err := near.WriteToUDPAddrPort(b, to); err != nil {
			t.Fatal(err)
		}
		<-back
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// tick tells that something came.
type tick chan struct{}

func (c tick) Receive(time.Time, []byte, netip.AddrPort) { c <- struct{}{} }
func (c tick) Failed(error)                              {}
