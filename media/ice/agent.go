package ice

import (
	"net/netip"
	"time"

	"github.com/pion/stun/v4"
)

// The bounds of an agent.
const (
	// MaxForks is how many far ends one agent knows, those without an answer
	// included. Apply passes over dialogs beyond it.
	MaxForks = 32
	// MaxUnknown is how many of them may be without an answer; the one heard
	// of least recently gives way.
	MaxUnknown = 8
	// MaxPaths is how many paths a far end may have in one component; the one
	// heard of least recently, and not in use, gives way.
	MaxPaths = 16
	// MaxPacket is the bytes of the largest STUN message that is looked at.
	MaxPacket = 1500
)

// Consent is how long a path may be sent on after the last check or
// authenticated packet came from it. RFC 7675 §5.1.
const Consent = 30 * time.Second

// Config is what an agent tells in its offer or answer.
type Config struct {
	// Ufrag (4 to 256 ice-chars) and Pwd (22 to 256). RFC 8839 §5.4.
	Ufrag, Pwd string
	// Consent ends paths; 0 means the constant of that name, negative never.
	Consent time.Duration
}

// Remote is what an answer (or offer) says of its sender.
type Remote struct {
	Ufrag, Pwd string
	// Lite: it is a lite agent too, and sends no checks.
	Lite bool
	// Concluded: our candidate was in a=remote-candidates; the checks are over
	// and Selected is the pair in use. RFC 8839 §5.2.
	Concluded bool
	// Selected are the addresses of the m- and c-line and of a=rtcp, for
	// components 1 and 2. They are the path between two lite agents, which
	// both wait for checks that nobody sends, and the one to use when Concluded.
	Selected [2]netip.AddrPort
	// Candidates are the signalled ones; they rank the paths.
	Candidates []Candidate
}

// A Candidate is a signalled transport address. RFC 8839 §5.1.
type Candidate struct {
	Addr      netip.AddrPort
	Priority  uint32
	Component uint8 // 1 RTP, 2 RTCP
}

// Kind says what a packet did.
type Kind uint8

// The kinds.
const (
	Nothing   Kind = iota // nothing that changes where media goes
	Checked               // a first check on a path
	Nominated             // a path was nominated
	Expired               // consent for the path in use ran out
	Dropped               // the packet was refused; Stats counts why
)

// An Event says what a packet did, or the time.
type Event struct {
	Kind Kind
	// Dialog is whose path it is, empty while no answer told.
	Dialog string
	// Ufrag is the far end's.
	Ufrag     string
	Component uint8
	// Path is the far end's address.
	Path netip.AddrPort
	// Moved says that Target now answers otherwise than before.
	Moved bool
}

// Stats counts what an agent met.
type Stats struct {
	Checks      uint64 // valid checks, all answered
	Malformed   uint64 // not STUN, or broken: dropped
	Integrity   uint64 // another's user name, wrong password, or none: dropped
	Unknown     uint64 // comprehension-required attribute we do not know: answered 420
	Stray       uint64 // responses and indications, which we do not wait for
	Conflict    uint64 // a far end that claims to be controlled: answered 487
	Overflow    uint64 // forks and paths beyond the bounds
	Expirations uint64 // paths whose consent ran out while in use
}

// A Path is a far end's address from which checks came, as shown to people.
type Path struct {
	Addr      netip.AddrPort
	Component uint8
	Priority  uint32
	Checks    uint64
	Nominated bool
	Last      time.Time // of the last check or authenticated packet
}

// An Agent is our side of ICE on one leg. Core: one goroutine uses it, or a
// lock of the caller's guards it.
type Agent struct {
	// set once
	consent time.Duration // 0: never ends

	// what we go by, and what we went by before a restart while forks remain there
	now, before credentials

	forks       []*fork
	nominations uint64 // counts them, so that the newest is known
	stats       Stats

	// scratch of Receive
	in, out stun.Message
}

// New makes an agent.
func New(c Config) *Agent {
	a := &Agent{consent: c.Consent, now: makeCredentials(c.Ufrag, c.Pwd)}
	switch {
	case c.Consent == 0:
		a.consent = Consent
	case c.Consent < 0:
		a.consent = 0
	}
	return a
}

// Receive takes a STUN packet that came from src for a component (1 RTP, 2
// RTCP). It returns what to send back to src from the same socket, in the
// storage of reply where that is enough; empty is nothing. It allocates nothing
// for a check on a path it knows.
//
// Only a Binding request with our ufrag, our password and a fingerprint is
// answered. Everything else is dropped in silence: a stranger learns nothing,
// and nobody can be hit by our replies. RFC 8445 §7.3.
func (a *Agent) Receive(now time.Time, component uint8, src netip.AddrPort, packet, reply []byte) ([]byte, Event) {
	reply = reply[:0]
	src = unmap(src)
	dropped := Event{Kind: Dropped, Component: component, Path: src}
	c, ok := a.read(packet)
	if !ok || component < 1 || component > 2 {
		return reply, dropped
	}
	switch {
	case len(c.unknown) > 0:
		a.stats.Unknown++
		return a.refuse(reply, c, stun.CodeUnknownAttribute), dropped
	case c.controlled:
		// A lite agent is the controlled one; this makes the other control. RFC
		// 8445 §6.1.1 and §7.3.1.1.
		a.stats.Conflict++
		return a.refuse(reply, c, stun.CodeRoleConflict), dropped
	}
	a.stats.Checks++
	e := a.checked(now, component, src, c)
	return a.accept(reply, c, src), e
}

// Stats returns the counters.
func (a *Agent) Stats() Stats { return a.stats }
