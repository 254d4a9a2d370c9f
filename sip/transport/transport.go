package transport

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// A PacketConn is a UDP socket. *net.UDPConn is one.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (n int, addr netip.AddrPort, err error)
	WriteToUDPAddrPort(b []byte, addr netip.AddrPort) (int, error)
	LocalAddr() net.Addr
	Close() error
}

// Deps are the collaborators of a Transport. A nil function means the real
// network; all sockets come from here, so that a test can put a network in
// memory in its place.
type Deps struct {
	// Log takes what an operator must know. Nil discards it.
	Log *slog.Logger
	// Known reports whether a trunk may send from this address, so that strangers
	// cannot use up its share. It must be fast. Nil knows nobody.
	Known func(netip.Addr) bool
	// ListenPacket opens a UDP socket.
	ListenPacket func(local netip.AddrPort) (PacketConn, error)
	// Listen opens a listening TCP socket.
	Listen func(local netip.AddrPort) (net.Listener, error)
	// Dial opens a TCP connection; local is the address to come from, or zero.
	Dial func(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error)
	// Query asks a name server, over network "udp" or "tcp". Question and answer
	// are DNS messages without the length TCP puts before them.
	Query func(ctx context.Context, network string, server netip.AddrPort, question []byte) ([]byte, error)
	// Trace sees every message in and out as it is on the wire. It must not keep
	// or change raw. Nil traces nothing.
	Trace func(now time.Time, f Flow, out bool, raw []byte)
}

// A Transport owns the SIP sockets. Its methods are safe for concurrent use.
type Transport struct {
	cfg       Config
	deps      Deps
	listeners []Listener // set once
	sockets   []PacketConn
}

// New binds the listeners of cfg and starts nothing; Run or Close ends them.
func New(cfg Config, deps Deps) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Transport{cfg: cfg, deps: deps}, nil
}

// Run serves the listeners until ctx ends, then closes every connection and
// returns when all its goroutines have.
func (t *Transport) Run(ctx context.Context, r Receiver) error {
	<-ctx.Done()
	return nil
}

// Close releases the sockets of a Transport that never ran.
func (t *Transport) Close() error { return nil }

// Send takes a message for the wire and returns at once. An error means that
// nothing was sent and no Failure follows. Delivery that fails later comes back
// as Receiver.Failed. ErrGone, ErrFull, ErrTooLarge, ErrNoListener, ErrClosed.
func (t *Transport) Send(now time.Time, o Outbound) error { return ErrClosed }

// Resolve finds the addresses of d, best first (RFC 3263 §4), and calls done
// with them once: at once for a literal address, else on another goroutine.
// The lookup is abandoned, with its error, when ctx ends. ErrNoTarget.
func (t *Transport) Resolve(ctx context.Context, d Destination, done func([]Target, error)) {
	done(nil, ErrNoTarget)
}

// Listeners are the bound sockets, in the order of the configuration.
func (t *Transport) Listeners() []Listener { return t.listeners }

// ListenerFor is the listener a message on flow f leaves through: what to write
// in Via and Contact. Where we only connect and do not listen, it is made up
// from the listener that fits best; false if there is none at all.
func (t *Transport) ListenerFor(f Flow) (Listener, bool) { return Listener{}, false }

// Stats are the counters since the start, by what was counted: "udp.received",
// "drop.rate", "malformed.content_length"...
func (t *Transport) Stats() Stats { return Stats{} }

// Stats is a copy of the counters.
type Stats struct {
	Counters map[string]uint64
	// Connections is how many are open now.
	Connections int
}
