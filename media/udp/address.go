package udp

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"syscall"
	"unsafe"
)

// A sockaddr is an address as the kernel reads and writes it: of either family.
type sockaddr struct {
	raw syscall.RawSockaddrInet6 // the longer of both
	len uint32
}

// set takes an address for a socket of a family; false when it is of the other.
func (s *sockaddr) set(family uint16, a netip.AddrPort) bool {
	ip := a.Addr()
	if family == syscall.AF_INET {
		if ip = ip.Unmap(); !ip.Is4() {
			return false
		}
		v4 := s.v4()
		*v4 = syscall.RawSockaddrInet4{Family: family, Port: swap(a.Port()), Addr: ip.As4()}
		s.len = syscall.SizeofSockaddrInet4
		return true
	}
	if !ip.IsValid() {
		return false
	}
	s.raw = syscall.RawSockaddrInet6{Family: family, Port: swap(a.Port()), Addr: ip.As16()}
	if zone := ip.Zone(); zone != "" {
		index, err := strconv.ParseUint(zone, 10, 32)
		if err != nil {
			return false // one that did not come from get
		}
		s.raw.Scope_id = uint32(index)
	}
	s.len = syscall.SizeofSockaddrInet6
	return true
}

// get returns the address. The zone of a link-local one is the number of the
// interface.
func (s *sockaddr) get() netip.AddrPort {
	if s.raw.Family == syscall.AF_INET {
		v4 := s.v4()
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), swap(v4.Port))
	}
	ip := netip.AddrFrom16(s.raw.Addr)
	if s.raw.Scope_id != 0 {
		ip = ip.WithZone(strconv.FormatUint(uint64(s.raw.Scope_id), 10))
	}
	return netip.AddrPortFrom(ip, swap(s.raw.Port))
}

func (s *sockaddr) v4() *syscall.RawSockaddrInet4 {
	return (*syscall.RawSockaddrInet4)(unsafe.Pointer(&s.raw)) //nolint:gosec // the shorter of two layouts of the kernel
}

// swap turns a port between our order of octets and the network's.
func swap(port uint16) uint16 {
	var b [2]byte
	binary.NativeEndian.PutUint16(b[:], port)
	return binary.BigEndian.Uint16(b[:])
}
