package ice

import (
	"net/netip"
	"time"
)

// The bounds of an agent.
const (
	// MaxForks is how many far ends one agent knows, those without an answer included.
	MaxForks = 32
	// MaxUnknown is how many of them may be without an answer; the one heard
	// of least recently gives way.
	MaxUnknown = 8
	// MaxPaths is how many paths a far end may have in one component.
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
	Lite       bool
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
	Integrity   uint64 // wrong or no password: dropped, or answered 401 or 400
	Unknown     uint64 // comprehension-required attribute we do not know: answered 420
	Stray       uint64 // responses and indications, which we do not wait for
	Conflict    uint64 // a far end that claims to be controlled: answered 487
	Overflow    uint64 // a fork or path beyond the bounds: the oldest gave way
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
type Agent struct{}

// New makes an agent.
func New(c Config) *Agent { return &Agent{} }

// Receive takes a STUN packet that came from src for a component (1 RTP, 2
// RTCP). It returns what to send back to src from the same socket, using the
// capacity of reply; empty is nothing. It allocates nothing for a check on a
// path it knows. RFC 8445 §7.3.
func (a *Agent) Receive(now time.Time, component uint8, src netip.AddrPort, packet, reply []byte) ([]byte, Event) {
	return reply[:0], Event{}
}

// Apply tells what the answer of a dialog said, or its next offer. Checks that
// came before it under the same ufrag now belong to the dialog. Another ufrag
// than before is a restart: the old paths are used until the new far end has
// sent a check. RFC 8445 §9.
func (a *Agent) Apply(now time.Time, dialog string, r Remote) {}

// Restart gives us a new ufrag and password, as a restart by either side needs.
// Checks under those before are answered until every fork has moved over.
func (a *Agent) Restart(ufrag, pwd string) {}

// End forgets a dialog.
func (a *Agent) End(dialog string) {}

// Heard tells that an authenticated packet of media came from src: consent goes on.
func (a *Agent) Heard(now time.Time, component uint8, src netip.AddrPort) {}

// Dialog returns whose checks came from src, if an answer told; the second
// result is whether there was a check at all. It allocates nothing.
func (a *Agent) Dialog(component uint8, src netip.AddrPort) (string, bool) { return "", false }

// Target is where to send to a dialog: the path nominated last, else that of
// the highest priority on which a check came, else nowhere.
func (a *Agent) Target(now time.Time, dialog string, component uint8) (netip.AddrPort, bool) {
	return netip.AddrPort{}, false
}

// Advance ends what is due and returns an Expired event for each path in use
// that ended. Deadline says when.
func (a *Agent) Advance(now time.Time) []Event { return nil }

// Deadline is when Advance has something to do; zero for never.
func (a *Agent) Deadline() time.Time { return time.Time{} }

// Paths lists the paths of a dialog.
func (a *Agent) Paths(dialog string) []Path { return nil }

// Stats returns the counters.
func (a *Agent) Stats() Stats { return Stats{} }
