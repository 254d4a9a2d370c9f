package media

import (
	"net/netip"
	"time"
)

// Stats are the figures of one endpoint, a copy.
type Stats struct {
	Local  netip.AddrPort // as advertised
	Remote netip.AddrPort // where we send; zero while not known
	Dialog string         // the one that is heard
	Codec  string         // encoding name of what we send, "PCMU"
	Secure string         // "", "sdes" or "dtls"
	ICE    bool
	Mux    bool // RTCP shares the port of RTP

	Received Flow // what was accepted
	Sent     Flow // what we sent
	// RemoteLost and RemoteJitter are the far side's reports on what we sent.
	RemoteLost   uint64
	RemoteJitter time.Duration
	// RTT is the round trip of the last report that let us compute it; 0 if none
	// did (RFC 3550 §6.4.1).
	RTT time.Duration

	FirstHeard time.Time // zero: never
	LastHeard  time.Time

	Muted       uint64 // packets of dialogs that were not heard
	Rejected    uint64 // packets from sources that were not accepted
	Unauthentic uint64 // SRTP or SRTCP whose key, tag or place in the window was wrong
	Malformed   uint64 // datagrams that are nothing we know
	Unroutable  uint64 // packets we could not send on: no address, held, no key
	SendErrors  uint64 // the socket refused
	Digits      uint64 // received
	Sources     []Rejected
}

// A Flow is one direction of a stream.
type Flow struct {
	Packets uint64
	Octets  uint64        // of payload (RFC 3550 §6.4.1)
	Lost    uint64        // sequence numbers that never came; 0 for what we sent
	Jitter  time.Duration // of arrival (RFC 3550 §6.4.1); 0 for what we sent
	SSRC    uint32
}

// Rejected is a source whose packets were not accepted. The list is bounded:
// what did not fit is only in the counters.
type Rejected struct {
	Addr    netip.AddrPort
	Reason  string
	Packets uint64
}

// PoolStats are the figures of a pool, a copy.
type PoolStats struct {
	Endpoints int // open now
	Ports     int // pairs in the range
	Used      int // pairs in use
	Resting   int // pairs freed a moment ago

	Opened    uint64 // endpoints ever opened
	Exhausted uint64 // refused because no port was left: an alarm
	BindError uint64 // ports skipped because somebody else has them

	PacketsIn   uint64 // RTP accepted, of endpoints that are closed
	PacketsOut  uint64
	Rejected    uint64
	Unauthentic uint64
	Malformed   uint64
}
