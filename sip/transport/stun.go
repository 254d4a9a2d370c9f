package transport

import (
	"encoding/binary"
	"net/netip"
)

// STUN on a SIP port is a keep-alive that also shows a client behind NAT where it
// is seen. RFC 5626 §4.4.2; RFC 8489 §5 and §14.2.
const (
	stunCookie   = 0x2112A442
	stunRequest  = 0x0001
	stunSuccess  = 0x0101
	stunXORAddr  = 0x0020
	stunHeader   = 20
	stunFamilyV4 = 1
	stunFamilyV6 = 2
)

// isSTUN reports whether a datagram is STUN and not SIP: its first two bits are
// zero, which no letter's are, and the cookie is there. RFC 5626 §8.
func isSTUN(b []byte) bool {
	return len(b) >= stunHeader && b[0]&0xC0 == 0 && binary.BigEndian.Uint32(b[4:]) == stunCookie
}

// BindingRequest is a STUN request without attributes, a keep-alive for a peer
// over UDP (RFC 5626 §4.4.2). id, the transaction, is random.
func BindingRequest(id [12]byte) []byte {
	b := make([]byte, 0, stunHeader)
	b = binary.BigEndian.AppendUint16(b, stunRequest)
	b = binary.BigEndian.AppendUint16(b, 0) // octets of attributes
	b = binary.BigEndian.AppendUint32(b, stunCookie)
	return append(b, id[:]...)
}

// stunReply appends the success response to the binding request b from src, or
// nothing if b is no whole binding request.
func stunReply(dst, b []byte, src netip.AddrPort) []byte {
	if !isSTUN(b) || binary.BigEndian.Uint16(b) != stunRequest ||
		int(binary.BigEndian.Uint16(b[2:]))+stunHeader != len(b) || len(b)%4 != 0 {
		return dst
	}
	addr := src.Addr().Unmap().AsSlice()
	family := uint16(stunFamilyV4)
	if len(addr) == 16 {
		family = stunFamilyV6
	}
	for i := range addr { // XORed with cookie and transaction id
		addr[i] ^= b[4+i]
	}
	value := uint16(4 + len(addr))
	dst = binary.BigEndian.AppendUint16(dst, stunSuccess)
	dst = binary.BigEndian.AppendUint16(dst, value+4)
	dst = append(dst, b[4:stunHeader]...)
	dst = binary.BigEndian.AppendUint16(dst, stunXORAddr)
	dst = binary.BigEndian.AppendUint16(dst, value)
	dst = binary.BigEndian.AppendUint16(dst, family)
	dst = binary.BigEndian.AppendUint16(dst, src.Port()^stunCookie>>16)
	return append(dst, addr...)
}
