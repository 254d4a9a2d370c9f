package simnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var (
	west = netip.MustParseAddr("192.0.2.10")
	east = netip.MustParseAddr("192.0.2.20")
)

// pair opens a UDP socket on each of two hosts.
func pair(t *testing.T, n *Network) (w, e *UDPConn) {
	t.Helper()
	w, err := n.Host(west).ListenPacket(netip.AddrPortFrom(west, 0))
	if err != nil {
		t.Fatal(err)
	}
	e, err = n.Host(east).ListenPacket(netip.AddrPortFrom(east, 5060))
	if err != nil {
		t.Fatal(err)
	}
	return w, e
}

func TestUDPArrivesAfterTheDelayOfTheLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		n.Link(west, east, Link{Delay: 25 * time.Millisecond})
		w, e := pair(t, n)
		start := time.Now()
		if _, err := w.WriteToUDPAddrPort([]byte("hello"), e.AddrPort()); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 100)
		k, from, err := e.ReadFromUDPAddrPort(b)
		if err != nil || string(b[:k]) != "hello" || from != w.AddrPort() {
			t.Fatalf("read %q from %v: %v", b[:k], from, err)
		}
		if d := time.Since(start); d != 25*time.Millisecond {
			t.Errorf("arrived after %v", d)
		}
	})
}

func TestUDPReadEndsAtItsDeadlineAndAtClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		w, e := pair(t, n)
		start := time.Now()
		if err := w.SetReadDeadline(start.Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := w.ReadFromUDPAddrPort(nil); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.AfterFunc(time.Second, func() { _ = e.Close() })
		if _, _, err := e.ReadFromUDPAddrPort(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed: %v", err)
		}
		if c := n.Counts(); c.OpenUDP != 1 {
			t.Errorf("%d sockets open, want 1", c.OpenUDP)
		}
	})
}

func TestTapDropsDoublesAndDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		w, e := pair(t, n)
		n.Tap(func(p Packet) Fate {
			switch p.Data[0] {
			case 'd':
				return Fate{Drop: true}
			case '2':
				return Fate{Copies: 1}
			case 'l':
				return Fate{Delay: time.Millisecond}
			}
			return Fate{}
		})
		for _, m := range []string{"late", "drop", "2x", "plain"} {
			if _, err := w.WriteToUDPAddrPort([]byte(m), e.AddrPort()); err != nil {
				t.Fatal(err)
			}
		}
		b := make([]byte, 100)
		for _, want := range []string{"2x", "2x", "plain", "late"} {
			if k, _, err := e.ReadFromUDPAddrPort(b); err != nil || string(b[:k]) != want {
				t.Errorf("read %q, %v; want %q", b[:k], err, want)
			}
		}
	})
}

func TestNATLetsInOnlyWhomTheInsideAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		public := netip.MustParseAddr("203.0.113.1")
		inside := n.Host(netip.MustParseAddr("10.0.0.2"))
		inside.BehindNAT(NAT{Public: public})
		in, err := inside.ListenPacket(netip.AddrPortFrom(inside.Addr(), 0))
		if err != nil {
			t.Fatal(err)
		}
		w, e := pair(t, n)
		b := make([]byte, 100)
		if _, err := in.WriteToUDPAddrPort([]byte("out"), e.AddrPort()); err != nil {
			t.Fatal(err)
		}
		_, mapped, err := e.ReadFromUDPAddrPort(b)
		if err != nil || mapped.Addr() != public {
			t.Fatalf("from %v, %v", mapped, err)
		}
		for _, c := range []*UDPConn{w, e} {
			if _, err := c.WriteToUDPAddrPort([]byte(c.local.String()), mapped); err != nil {
				t.Fatal(err)
			}
		}
		if _, from, err := in.ReadFromUDPAddrPort(b); err != nil || from != e.AddrPort() {
			t.Errorf("from %v, %v", from, err)
		}
		if c := n.Counts(); c.RefusedByNAT != 1 {
			t.Errorf("NAT refused %d, want 1", c.RefusedByNAT)
		}
	})
}

// connect dials from west to a listener on east.
func connect(t *testing.T, n *Network) (near, far net.Conn) {
	t.Helper()
	l, err := n.Host(east).Listen(netip.AddrPortFrom(east, 5060))
	if err != nil {
		t.Fatal(err)
	}
	near, err = n.Host(west).Dial(t.Context(), netip.AddrPort{}, netip.AddrPortFrom(east, 5060))
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

func TestTCPKeepsOrderInPiecesAndEndsWithEOF(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		n.Link(west, east, Link{Delay: 10 * time.Millisecond, Jitter: 20 * time.Millisecond, Segment: 3})
		near, far := connect(t, n)
		if _, err := near.Write([]byte("in small pieces")); err != nil {
			t.Fatal(err)
		}
		if err := near.Close(); err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(far); err != nil || string(b) != "in small pieces" {
			t.Errorf("read %q, %v", b, err)
		}
	})
}

func TestTCPResetAndRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		near, far := connect(t, n)
		if err := near.(*Conn).Reset(); err != nil {
			t.Fatal(err)
		}
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read after reset: %v", err)
		}
		_, err := n.hosts[west].Dial(t.Context(), netip.AddrPort{}, netip.AddrPortFrom(east, 9))
		if !IsRefused(err) {
			t.Errorf("dial where nobody listens: %v", err)
		}
	})
}

func TestTCPWriteWaitsForTheReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		near, far := connect(t, n)
		if err := near.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		k, err := near.Write(make([]byte, 1<<20))
		if !errors.Is(err, os.ErrDeadlineExceeded) || k == 0 || k > 2*tcpWindow {
			t.Errorf("wrote %d bytes to a peer that does not read: %v", k, err)
		}
		if _, err := far.Read(make([]byte, 100)); err != nil {
			t.Errorf("read what was written: %v", err)
		}
	})
}

func TestIPv6HostsAndEphemeralPorts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := New(1)
		h := n.Host(netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.30"))
		all, err := h.ListenPacket(netip.MustParseAddrPort("[::]:0"))
		if err != nil || all.AddrPort().Port() == 0 {
			t.Fatalf("bound %v, %v", all, err)
		}
		one, err := h.ListenPacket(netip.MustParseAddrPort("[2001:db8::1]:0"))
		if err != nil {
			t.Fatal(err)
		}
		to := netip.AddrPortFrom(h.Addr(), all.AddrPort().Port())
		if _, err := one.WriteToUDPAddrPort([]byte("x"), to); err != nil {
			t.Fatal(err)
		}
		if _, from, err := all.ReadFromUDPAddrPort(make([]byte, 9)); err != nil || from != one.AddrPort() {
			t.Errorf("from %v, %v", from, err)
		}
		if _, err := h.ListenPacket(one.AddrPort()); err == nil {
			t.Error("a port in use was bound twice")
		}
	})
}
