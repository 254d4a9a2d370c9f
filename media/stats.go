package media

import (
	"net/netip"
	"slices"
	"time"
)

// Stats are the figures of one endpoint, a copy.
type Stats struct {
	Local  netip.AddrPort // as advertised
	Remote netip.AddrPort // where we send; zero while not known
	Dialog string         // the one that is heard
	Codec  string         // encoding name of what we send, "PCMU"
	Hears  string         // encoding name of what we receive
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
	Rejected    uint64 // RTP packets that were not accepted: of a strange source, or not authentic
	Unauthentic uint64 // SRTP or SRTCP whose key, tag or place in the window was wrong
	Malformed   uint64 // datagrams that are nothing we know
	Unroutable  uint64 // packets we could not send on: no address, held, no key
	SendErrors  uint64 // the socket refused
	Digits      uint64 // received
	Sources     []RejectedSource

	DialogsRefused uint64 // early dialogs beyond the bound
}

// A Flow is one direction of a stream.
type Flow struct {
	Packets uint64
	Octets  uint64        // of payload (RFC 3550 §6.4.1)
	Lost    uint64        // sequence numbers that never came; 0 for what we sent
	Jitter  time.Duration // of arrival (RFC 3550 §6.4.1); 0 for what we sent
	SSRC    uint32
}

// A RejectedSource is one whose packets were not accepted. The list is bounded:
// what did not fit is only in the counters.
type RejectedSource struct {
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

	Opened     uint64 // endpoints ever opened
	Exhausted  uint64 // refused because no port was left: an alarm
	BindErrors uint64 // ports skipped because somebody else has them

	// Of all endpoints, closed or open.
	PacketsIn   uint64 // RTP accepted
	PacketsOut  uint64
	Rejected    uint64
	Unauthentic uint64
	Malformed   uint64

	DialogsRefused uint64
}

// add takes the figures of an endpoint into those of the pool.
func (p *PoolStats) add(s Stats) {
	p.PacketsIn += s.Received.Packets
	p.PacketsOut += s.Sent.Packets
	p.Rejected += s.Rejected
	p.Unauthentic += s.Unauthentic
	p.Malformed += s.Malformed
	p.DialogsRefused += s.DialogsRefused
}

// Stats returns a copy of the figures.
func (e *Endpoint) Stats() Stats {
	e.mu.Lock()
	defer e.unlock()
	e.tally()
	s := e.stats
	s.Sources = slices.Clone(s.Sources)
	if d := e.heard; d != nil {
		s.Received.Lost += d.lost + d.in.lost()
	}
	return s
}

// counts returns the counters alone.
func (e *Endpoint) counts() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// tally brings the figures up to date that are kept elsewhere.
func (e *Endpoint) tally() {
	s := &e.stats
	s.Sent.SSRC = e.out.ssrc
	d := e.talk()
	if d == nil {
		return
	}
	s.Dialog = ""
	if e.heard != nil {
		s.Dialog = e.heard.name
	}
	s.Secure, s.Mux, s.ICE = d.keys.protocol, d.agreed.Mux, d.agreed.ICE.Ufrag != ""
	s.Hears = d.hears.Name
	s.Received.Jitter, s.Received.SSRC = d.in.jitterTime(), d.in.ssrc
	s.Remote = d.latch.Remote()
	if s.ICE && e.agent != nil {
		if to, ok := e.agent.Target(s.LastHeard, d.name, componentRTP); ok {
			s.Remote = to
		}
	}
}

// readFailed counts a failed read and reports whether to go on.
func (e *Endpoint) readFailed() bool {
	e.mu.Lock()
	defer e.unlock()
	e.stats.SendErrors++
	return !e.closed
}
