package media

import "encoding/binary"

// What is looked at of a DTLS record (RFC 6347 §4.1, §4.2.2).
const (
	recordAlert     = 21
	recordHandshake = 22
	recordHeader    = 13
	messageHeader   = 12

	helloClient = 1
	helloVerify = 3
)

// A hello is what tells one handshake from another: the client's random, and
// the cookie that shows that the client is where it says (RFC 6347 §4.2.1).
type hello struct {
	random [32]byte
	cookie []byte // part of the datagram it was read from
}

// handshakeType is the type of the first handshake message in a datagram, if it
// is in the clear and begins there.
func handshakeType(b []byte) (uint8, bool) {
	if len(b) < recordHeader+messageHeader || b[0] != recordHandshake || epoch(b) != 0 {
		return 0, false
	}
	offset := uint32(b[19])<<16 | uint32(b[20])<<8 | uint32(b[21])
	return b[recordHeader], offset == 0
}

// epoch is that of the first record: 0 is in the clear.
func epoch(b []byte) uint16 {
	if len(b) < recordHeader {
		return 0
	}
	return binary.BigEndian.Uint16(b[3:])
}

// continuesHello reports whether a datagram goes on with a ClientHello that
// began in another (RFC 6347 §4.2.3): those of browsers are longer than a packet.
func continuesHello(b []byte) bool {
	t, begins := handshakeType(b)
	return t == helloClient && !begins
}

// parseHello reads a ClientHello; false when it is none, or is cut short.
func parseHello(b []byte) (hello, bool) {
	var h hello
	if t, ok := handshakeType(b); !ok || t != helloClient {
		return h, false
	}
	b = b[recordHeader+messageHeader:]
	if len(b) < 2+len(h.random) {
		return h, false
	}
	copy(h.random[:], b[2:])
	b = b[2+len(h.random):]
	_, b, ok := octets(b) // session
	if !ok {
		return h, false
	}
	h.cookie, _, ok = octets(b)
	return h, ok
}

// parseVerify reads the cookie of a HelloVerifyRequest.
func parseVerify(b []byte) ([]byte, bool) {
	if t, ok := handshakeType(b); !ok || t != helloVerify {
		return nil, false
	}
	b = b[recordHeader+messageHeader:]
	if len(b) < 2 {
		return nil, false
	}
	cookie, _, ok := octets(b[2:])
	return cookie, ok
}

// octets reads a vector with a length of one octet.
func octets(b []byte) (v, rest []byte, ok bool) {
	if len(b) < 1 || len(b) < 1+int(b[0]) {
		return nil, nil, false
	}
	n := 1 + int(b[0])
	return b[1:n], b[n:], true
}
