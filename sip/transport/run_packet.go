package transport

import (
	"net"
	"net/netip"
	"syscall"
	"time"
)

// readBuffer is what we ask the kernel to keep for a UDP socket, in bytes: a
// burst of some thousand messages while a processor is away.
const readBuffer = 4 << 20

// listenPacket opens a UDP socket of the machine.
func listenPacket(local netip.AddrPort) (PacketConn, error) {
	c, err := net.ListenUDP(network("udp", local.Addr()), net.UDPAddrFromAddrPort(local))
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(readBuffer) // the kernel may grant less
	_ = c.SetWriteBuffer(readBuffer)
	raw, err := c.SyscallConn()
	if err != nil {
		return c, nil //nolint:nilerr // a socket without an error queue serves as well
	}
	_ = raw.Control(func(fd uintptr) {
		// A socket of IPv6 that also serves IPv4 takes both.
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_RECVERR, 1)
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR, 1)
	})
	return &packetConn{UDPConn: c, raw: raw}, nil
}

// A packetConn is a UDP socket whose error queue can be read.
type packetConn struct {
	*net.UDPConn
	raw syscall.RawConn
}

// sendTries bounds how often one datagram is handed to the kernel.
const sendTries = 8

// WriteToUDPAddrPort sends b. The kernel tells the next to call of an ICMP error,
// whomever it is about; then b has not been sent, and is again. The error is left
// to the reader.
func (c *packetConn) WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (n int, err error) {
	for range sendTries {
		n, err = c.UDPConn.WriteToUDPAddrPort(b, addr)
		if err == nil {
			break
		}
		c.interrupt()
	}
	return n, err
}

func (c *packetConn) interrupt() { _ = c.SetReadDeadline(time.Unix(1, 0)) }

func (c *packetConn) resume() { _ = c.SetReadDeadline(time.Time{}) }

func (c *packetConn) refusal(buf []byte) (n int, dst netip.AddrPort, refused, ok bool) {
	var control [256]byte
	var from syscall.Sockaddr
	var length int
	var err error
	failed := c.raw.Control(func(fd uintptr) {
		n, length, _, from, err = syscall.Recvmsg(int(fd), buf, control[:], syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT)
	})
	if failed != nil || err != nil {
		return 0, netip.AddrPort{}, false, false
	}
	switch a := from.(type) {
	case *syscall.SockaddrInet4:
		dst = netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port))
	case *syscall.SockaddrInet6:
		dst = netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port))
	}
	messages, _ := syscall.ParseSocketControlMessage(control[:length])
	for _, m := range messages {
		v4 := m.Header.Level == syscall.IPPROTO_IP && m.Header.Type == syscall.IP_RECVERR
		v6 := m.Header.Level == syscall.IPPROTO_IPV6 && m.Header.Type == syscall.IPV6_RECVERR
		refused = refused || (v4 || v6) && isRefusal(m.Data)
	}
	return n, dst, refused, true
}
