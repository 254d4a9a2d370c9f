package media

import (
	"net/netip"
	"time"

	"github.com/pion/rtp"
)

// A PacketConn is a UDP socket; *net.UDPConn is one.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// A socket is what an endpoint has of its sockets. Who reads them is the affair
// of the pool.
type socket interface {
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	Close() error
}

// Payload types of packets that pass between endpoints. They are kinds, not
// the numbers on the wire: each endpoint translates between the kinds and what
// was agreed with its own far side.
const (
	PayloadAudio uint8 = iota // the codec agreed
	PayloadEvent              // telephone-event (RFC 4733), duration in 1/8000 s
	PayloadNoise              // comfort noise (RFC 3389)
)

// A PacketWriter takes RTP packets towards a far end. An [Endpoint] is one, and
// so is a recoder that stands in front of an endpoint.
//
// SSRC, sequence number and timestamp of a packet are its source's: a gap in the
// sequence means that packets were lost, and whoever sends the packet on keeps
// gaps as they are while it moves both to numbers of its own. The timestamp,
// also that of an event, counts in the clock of the source's audio codec. The
// payload type is one of [PayloadAudio], [PayloadEvent] and [PayloadNoise].
// There is no padding, no extension and no contributing source.
//
// The packet and its payload belong to the caller again when WriteRTP returns.
// WriteRTP does not wait. The error is for who wants to count; the writer has
// counted already.
type PacketWriter interface {
	WriteRTP(now time.Time, p *rtp.Packet) error
}
