package transport

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
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
	// Set once.
	cfg      Config
	deps     Deps
	log      *slog.Logger
	sockets  []*socket
	seed     maphash.Seed
	resolver *resolver
	up       chan struct{} // closed by Run

	// Safe by themselves.
	count    counters
	profiles atomic.Pointer[map[string]*profile] // replaced whole

	// Guarded by gateMu, which is held for one decision.
	gateMu sync.Mutex
	gate   *Gate

	// Guarded by mu, which is held for a look-up or to begin a goroutine.
	mu       sync.Mutex
	receiver Receiver
	start    func(func(ctx context.Context)) // nil unless running
	table    table
	running  sync.WaitGroup
}

// A socket is a bound listener; one of packets and streams is set.
type socket struct {
	Listener
	cfg     ListenerConfig
	packets PacketConn
	streams net.Listener
}

// New binds the listeners of cfg and starts nothing; Run or Close ends them.
func New(cfg Config, deps Deps) (*Transport, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	t := &Transport{
		cfg:   cfg,
		deps:  deps.orReal(),
		seed:  maphash.MakeSeed(),
		gate:  NewGate(cfg.Gate, deps.Known),
		table: newTable(),
		up:    make(chan struct{}),
	}
	t.log = t.deps.Log
	t.resolver = newResolver(t)
	profiles, err := loadProfiles(cfg.Profiles)
	if err != nil {
		return nil, err
	}
	t.profiles.Store(&profiles)
	for _, l := range cfg.Listeners {
		s, err := t.bind(l)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen %s: %w", l.Name, err), t.Close())
		}
		t.sockets = append(t.sockets, s)
	}
	return t, nil
}

func (t *Transport) bind(l ListenerConfig) (*socket, error) {
	addr, err := netip.ParseAddrPort(l.Address)
	if err != nil {
		return nil, err
	}
	s := &socket{cfg: l}
	s.Name = l.Name
	s.Kind, _ = ParseKind(l.Transport)
	if s.Kind == UDP {
		if s.packets, err = t.deps.ListenPacket(addr); err != nil {
			return nil, err
		}
		s.Addr = addrPort(s.packets.LocalAddr())
	} else {
		if s.streams, err = t.deps.Listen(addr); err != nil {
			return nil, err
		}
		s.Addr = addrPort(s.streams.Addr())
	}
	s.Host, s.Port, _ = splitAdvertise(l.Advertise)
	if s.Host == "" {
		s.Host = s.Addr.Addr().String()
	}
	if s.Port == 0 {
		s.Port = s.Addr.Port()
	}
	return s, nil
}

func (s *socket) close() error {
	if s.packets != nil {
		return s.packets.Close()
	}
	return s.streams.Close()
}

// Close releases the sockets of a Transport that never ran.
func (t *Transport) Close() error {
	var errs []error
	for _, s := range t.sockets {
		errs = append(errs, s.close())
	}
	return errors.Join(errs...)
}

// Apply takes up the profiles and the limits of the gate of a new configuration,
// or on error nothing of it. Connections that are open go on; listeners and all
// else need a restart.
func (t *Transport) Apply(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	profiles, err := loadProfiles(cfg.Profiles)
	if err != nil {
		return err
	}
	for _, s := range t.sockets {
		if p := profiles[profileName(s.cfg.Profile)]; s.Kind.Secure() && (p == nil || p.cfg.Certificate == "") {
			return fmt.Errorf("tls profile %s: listener %s needs it", profileName(s.cfg.Profile), s.Name)
		}
	}
	t.profiles.Store(&profiles)
	t.gateMu.Lock()
	defer t.gateMu.Unlock()
	t.gate.Apply(cfg.Gate)
	return nil
}

// profile is the profile of this name or, if there is none, nil.
func (t *Transport) profile(name string) *profile { return (*t.profiles.Load())[profileName(name)] }

// Up is closed once Run has begun: before that no connection is opened and no
// name looked up.
func (t *Transport) Up() <-chan struct{} { return t.up }

// Listeners are the bound sockets, in the order of the configuration.
func (t *Transport) Listeners() []Listener {
	ls := make([]Listener, len(t.sockets))
	for i, s := range t.sockets {
		ls[i] = s.Listener
	}
	return ls
}

// ListenerFor is the listener a message on flow f leaves through: what to write
// in Via and Contact. Where we only connect and do not listen, it is made up
// from the listener that fits best; false if there is none at all.
func (t *Transport) ListenerFor(f Flow) (Listener, bool) {
	if s := t.pick(f.Kind, f.Listener, f.Remote.Addr()); s != nil {
		return s.Listener, true
	}
	for _, s := range t.sockets {
		if s.reaches(f.Remote.Addr()) {
			return Listener{Kind: f.Kind, Host: s.Host, Port: f.Kind.Port()}, true
		}
	}
	return Listener{}, false
}

// pick is the listener of this kind to reach remote from: the named one if it
// can, else the first that can, else nil.
func (t *Transport) pick(k Kind, name string, remote netip.Addr) *socket {
	var first *socket
	for _, s := range t.sockets {
		if s.Kind != k || !s.reaches(remote) {
			continue
		}
		if s.Name == name {
			return s
		}
		if first == nil {
			first = s
		}
	}
	return first
}

// reaches reports whether the socket's address family can reach a; one bound to
// [::] reaches both.
func (s *socket) reaches(a netip.Addr) bool {
	own := s.Addr.Addr()
	return own.Unmap().Is4() == a.Unmap().Is4() || own.Is6() && own.IsUnspecified()
}

// Send takes a message for the wire and returns at once. An error means that
// nothing was sent and no Failure follows. Delivery that fails later comes back
// as Receiver.Failed. ErrGone, ErrFull, ErrTooLarge, ErrNoListener, ErrClosed.
func (t *Transport) Send(now time.Time, o Outbound) error {
	o.Flow.Remote = unmap(o.Flow.Remote)
	if len(o.Raw) > maxMessage {
		return ErrTooLarge
	}
	if o.Flow.Kind == UDP {
		return t.sendPacket(now, o)
	}
	return t.sendStream(now, o)
}

// maxPacket is what one UDP packet over IPv4 carries, in bytes.
const maxPacket = 65507

func (t *Transport) sendPacket(now time.Time, o Outbound) error {
	if len(o.Raw) > maxPacket {
		return ErrTooLarge
	}
	s := t.pick(UDP, o.Flow.Listener, o.Flow.Remote.Addr())
	if s == nil {
		return ErrNoListener
	}
	n, err := s.packets.WriteToUDPAddrPort(o.Raw, o.Flow.Remote)
	if err != nil {
		t.count.inc(countSendError)
		return fmt.Errorf("send to %s: %w", o.Flow.Remote, err)
	}
	o.Flow.Listener, o.Flow.Local = s.Name, s.Addr
	t.sent(now, o.Flow, o.Raw[:n])
	return nil
}

func (t *Transport) sent(now time.Time, f Flow, raw []byte) {
	t.count.inc(countSent)
	t.count.add(countBytesOut, len(raw))
	if t.deps.Trace != nil {
		t.deps.Trace(now, f, true, raw)
	}
}

// Stats is a copy of the counters.
func (t *Transport) Stats() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	return Stats{Counters: t.count.stats(), Connections: len(t.table.byID)}
}

func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// addrPort reads a socket address of whatever network.
func addrPort(a net.Addr) netip.AddrPort {
	switch a := a.(type) {
	case *net.UDPAddr:
		return unmap(a.AddrPort())
	case *net.TCPAddr:
		return unmap(a.AddrPort())
	}
	return parseRemote(a.String())
}

// parseRemote reads an address as net/http gives it; zero if it is none.
func parseRemote(s string) netip.AddrPort {
	ap, err := netip.ParseAddrPort(s)
	if err != nil {
		return netip.AddrPort{}
	}
	return unmap(ap)
}
