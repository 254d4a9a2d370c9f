package transport

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
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
	profiles map[string]*profile
	seed     maphash.Seed
	resolver *resolver

	// Safe by themselves.
	count counters

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
	}
	t.log = t.deps.Log
	t.resolver = newResolver(t)
	var err error
	if t.profiles, err = loadProfiles(cfg.Profiles); err != nil {
		return nil, err
	}
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

// packet takes one datagram from its reader. It keeps nothing of data.
func (t *Transport) packet(now time.Time, s *socket, src netip.AddrPort, data []byte) {
	src = unmap(src)
	if !t.admit(now, src.Addr(), len(data)) {
		return
	}
	switch {
	case isSTUN(data):
		t.count.inc(countSTUN)
		if reply := stunReply(nil, data, src); reply != nil {
			_, _ = s.packets.WriteToUDPAddrPort(reply, src) // a client asks again
		}
		return
	case isPing(data):
		t.count.inc(countPing)
		if len(data) >= 4 {
			_, _ = s.packets.WriteToUDPAddrPort([]byte("\r\n"), src) // a client asks again
		}
		return
	}
	t.message(now, Flow{Kind: UDP, Listener: s.Name, Local: s.Addr, Remote: src}, data)
}

// isPing reports whether data is only CRLFs, or the single NUL that some phones
// send to keep a NAT open. RFC 5626 §4.4.1.
func isPing(data []byte) bool {
	for _, c := range data {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

// admit asks the gate and counts what it drops.
func (t *Transport) admit(now time.Time, src netip.Addr, size int) bool {
	t.gateMu.Lock()
	v := t.gate.Admit(now, src, size)
	t.gateMu.Unlock()
	switch v {
	case Admitted:
		return true
	case OverSource:
		t.count.inc(countOverSource)
	case OverTotal:
		t.count.inc(countOverTotal)
	case OverKnown:
		t.count.inc(countOverKnown)
	case Oversize:
		t.count.inc(countOversize)
	}
	return false
}

// message takes one whole message that the gate admitted.
func (t *Transport) message(now time.Time, f Flow, data []byte) {
	t.count.inc(countReceived)
	t.count.add(countBytesIn, len(data))
	if t.deps.Trace != nil {
		t.deps.Trace(now, f, false, data)
	}
	msg, bad := parse(data)
	if bad != 0 {
		req, _ := msg.(*sipmsg.Request)
		t.refuse(now, f, req, bad)
		return
	}
	msg.SetTransport(f.Kind.String())
	in := Inbound{Msg: msg, Flow: f, Reply: f, Size: len(data)}
	if req, ok := msg.(*sipmsg.Request); ok {
		in.Reply = replyFlow(f, req.Via())
		receivedVia(req.Via(), f.Remote)
	}
	t.receiver.Receive(now, in)
}

// refuse counts a malformed message and answers it if that can be done.
func (t *Transport) refuse(now time.Time, f Flow, req *sipmsg.Request, bad fault) {
	t.count.faults[bad].Add(1)
	res := t.refusal(req, bad)
	if res == nil {
		t.count.inc(countUnanswered)
		return
	}
	t.gateMu.Lock()
	ok := t.gate.Answer(now)
	t.gateMu.Unlock()
	raw, err := Append(nil, res)
	if !ok || err != nil {
		t.count.inc(countUnanswered)
		return
	}
	reply := replyFlow(f, req.Via())
	receivedVia(res.Via(), f.Remote)
	if err := t.Send(now, Outbound{Flow: reply, Raw: raw}); err == nil {
		t.count.inc(countRefused)
	}
}

func (t *Transport) refusal(req *sipmsg.Request, bad fault) *sipmsg.Response {
	if req == nil || req.Via() == nil {
		return nil
	}
	tag := maphash.String(t.seed, req.Via().Params.GetOr("branch", "")+"\n"+req.Via().SentBy())
	return refusal(req, bad, strconv.FormatUint(tag, 36))
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
