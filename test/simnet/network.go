package simnet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"
)

// A Link is how packets travel from one host to another, in one direction. The
// zero Link delivers at once and loses nothing. Loss, duplication and
// reordering concern UDP; TCP takes only the delay.
type Link struct {
	Delay   time.Duration // of every packet
	Jitter  time.Duration // at most this much more, at random
	Loss    float64       // share of packets lost, 0 to 1
	Double  float64       // share of packets that arrive twice, 0 to 1
	Reorder float64       // share of packets held back by Hold, 0 to 1
	Hold    time.Duration // how long a reordered packet is held; 0 means 30 ms
	Segment int           // longest piece in which TCP data arrives, bytes; 0: as written
}

// A Packet is a UDP datagram that is being sent. Data is the sender's and is
// valid during the call only.
type Packet struct {
	From, To netip.AddrPort // as the sender sees them: before NAT
	Data     []byte
}

// A Fate is what a Tap does to a packet besides what its Link does.
type Fate struct {
	Drop   bool
	Delay  time.Duration // more than the link's
	Copies int           // besides the packet itself
}

// A Tap sees every UDP packet when it is sent. It must not block.
type Tap func(p Packet) Fate

// Counts is what became of the UDP packets of a Network.
type Counts struct {
	Sent, Delivered  uint64
	Lost             uint64 // by a link or a tap
	Unreachable      uint64 // nobody listens there
	Full             uint64 // the receiver's buffer was full
	RefusedByNAT     uint64
	OpenUDP, OpenTCP int // sockets, connections and listeners now open
}

// A Network connects hosts. It is safe for concurrent use.
type Network struct {
	mu     sync.Mutex
	rnd    *rand.Rand
	hosts  map[netip.Addr]*Host
	nats   map[netip.Addr]*natTable // by public address
	links  map[[2]netip.Addr]Link
	taps   []Tap
	udp    map[netip.AddrPort]*UDPConn
	tcp    map[netip.AddrPort]*Listener
	conns  map[*Conn]struct{}
	counts Counts
}

// New makes an empty network whose randomness follows from seed.
func New(seed uint64) *Network {
	return &Network{
		rnd:   rand.New(rand.NewPCG(seed, seed)),
		hosts: map[netip.Addr]*Host{},
		nats:  map[netip.Addr]*natTable{},
		links: map[[2]netip.Addr]Link{},
		udp:   map[netip.AddrPort]*UDPConn{},
		tcp:   map[netip.AddrPort]*Listener{},
		conns: map[*Conn]struct{}{},
	}
}

// Host adds a host with at least one address, v4 or v6. It panics when an
// address is taken already, for that is a mistake in the test.
func (n *Network) Host(addrs ...netip.Addr) *Host {
	n.mu.Lock()
	defer n.mu.Unlock()
	h := &Host{net: n, addrs: slices.Clone(addrs)}
	for i, a := range h.addrs {
		a = a.Unmap()
		h.addrs[i] = a
		if n.hosts[a] != nil {
			panic(fmt.Sprintf("simnet: host %v is there already", a)) //nolint:forbidigo // a mistake in a test
		}
		n.hosts[a] = h
	}
	return h
}

// Link sets how packets travel from one address to another. A zero address
// stands for every address; the most particular link wins, the sender's side
// before the receiver's. Packets under way keep their times.
func (n *Network) Link(from, to netip.Addr, l Link) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[[2]netip.Addr{from, to}] = l
}

// Tap adds a function that sees all UDP packets and may change their fate.
func (n *Network) Tap(t Tap) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.taps = append(n.taps, t)
}

// Counts returns what has happened so far.
func (n *Network) Counts() Counts {
	n.mu.Lock()
	defer n.mu.Unlock()
	c := n.counts
	c.OpenUDP, c.OpenTCP = len(n.udp), len(n.conns)+len(n.tcp)
	return c
}

// link finds the link for a pair of addresses. The caller holds mu.
func (n *Network) link(from, to netip.Addr) Link {
	for _, k := range [...][2]netip.Addr{{from, to}, {from, {}}, {{}, to}, {{}, {}}} {
		if l, ok := n.links[k]; ok {
			return l
		}
	}
	return Link{}
}

// delay is how long one packet takes on a link. The caller holds mu.
func (n *Network) delay(l Link) time.Duration {
	d := l.Delay
	if l.Jitter > 0 {
		d += time.Duration(n.rnd.Int64N(int64(l.Jitter)))
	}
	if l.Reorder > 0 && n.rnd.Float64() < l.Reorder {
		hold := l.Hold
		if hold == 0 {
			hold = 30 * time.Millisecond
		}
		d += hold
	}
	return d
}

// A Host is a machine with addresses. It is safe for concurrent use.
type Host struct {
	net   *Network
	addrs []netip.Addr
	nat   *natTable // nil: directly on the network
	next  uint16    // last ephemeral port given out; guarded by net.mu
}

// Addr returns the host's first address.
func (h *Host) Addr() netip.Addr { return h.addrs[0] }

// errNoAddress is an attempt to bind an address that the host does not have.
var errNoAddress = &net.OpError{Op: "listen", Net: "sim", Err: syscall.EADDRNOTAVAIL}

// bind chooses the addresses and the port for a socket. An unspecified local
// address means all addresses of the family; an invalid one all of both. The
// caller holds net.mu; taken says whether an address is in use.
func (h *Host) bind(local netip.AddrPort, taken func(netip.AddrPort) bool) ([]netip.AddrPort, error) {
	var at []netip.Addr
	want := local.Addr().Unmap()
	for _, a := range h.addrs {
		any4or6 := want.IsUnspecified() && (want.Is6() || a.Is4())
		if !want.IsValid() || any4or6 || want == a {
			at = append(at, a)
		}
	}
	if len(at) == 0 {
		return nil, fmt.Errorf("bind %v: %w", local, errNoAddress)
	}
	ports := []uint16{local.Port()}
	if local.Port() == 0 {
		ports = h.ephemeral()
	}
	for _, p := range ports {
		bound := make([]netip.AddrPort, 0, len(at))
		for _, a := range at {
			if ap := netip.AddrPortFrom(a, p); !taken(ap) {
				bound = append(bound, ap)
			}
		}
		if len(bound) == len(at) {
			return bound, nil
		}
	}
	return nil, &net.OpError{Op: "listen", Net: "sim", Err: syscall.EADDRINUSE}
}

// ephemeral proposes ports for sockets that do not ask for one.
func (h *Host) ephemeral() []uint16 {
	const first, tries = 32768, 4096
	ports := make([]uint16, 0, tries)
	for range tries {
		h.next++
		if h.next < first {
			h.next = first
		}
		ports = append(ports, h.next)
		if len(ports) == 64 {
			break
		}
	}
	return ports
}

// errRefused is what Dial returns when nobody listens.
var errRefused = &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}

// IsRefused reports whether err came from dialling where nobody listens.
func IsRefused(err error) bool { return errors.Is(err, syscall.ECONNREFUSED) }

// Open counts the host's open UDP sockets, and its TCP listeners and
// connections.
func (h *Host) Open() (udp, tcp int) {
	n := h.net
	n.mu.Lock()
	defer n.mu.Unlock()
	us, ls := map[*UDPConn]bool{}, map[*Listener]bool{}
	for _, c := range n.udp {
		us[c] = us[c] || c.host == h
	}
	for _, l := range n.tcp {
		ls[l] = ls[l] || l.host == h
	}
	for _, ours := range us {
		if ours {
			udp++
		}
	}
	for _, ours := range ls {
		if ours {
			tcp++
		}
	}
	for c := range n.conns {
		if slices.Contains(h.addrs, c.local.Addr()) {
			tcp++
		}
	}
	return udp, tcp
}
