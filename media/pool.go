package media

import (
	"container/heap"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/ice"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/media/udp"
)

// bindTries is how many ports in a row may belong to other programs.
const bindTries = 64

// ErrNoPorts is returned by Open when every port of the range is in use, rests
// or belongs to another program. The call gets 503 (RFC 3261 §21.5.4).
var ErrNoPorts = errors.New("open media endpoint: no port is free; widen media.port_min to media.port_max")

// ErrNoAddress is returned by Open when the pool has no address of the family
// asked for.
var ErrNoAddress = errors.New("open media endpoint: no IPv6 address is configured; set media.address6")

// ErrClosed is returned for what is asked of a pool that has stopped or an
// endpoint that was closed.
var ErrClosed = errors.New("media endpoint: closed")

// Deps are the collaborators of a pool.
type Deps struct {
	// ListenPacket opens a UDP socket at exactly that address; a goroutine reads
	// it. nil means the sockets of this machine, which few goroutines read.
	ListenPacket func(netip.AddrPort) (PacketConn, error)
	// Codecs are what tones and silence are encoded with, and what tones are
	// detected in.
	Codecs codec.Set
	// Certificate is ours in DTLS-SRTP; NewCertificate makes one. The zero
	// value means that no DTLS can be agreed.
	Certificate tls.Certificate
	// Random is where SSRCs, sequence numbers and names come from. nil means
	// the system's source.
	Random io.Reader
	// Log is for what an operator should know. nil discards.
	Log *slog.Logger
}

// A Pool owns the RTP ports of the machine and the slow housekeeping of all
// endpoints: RTCP intervals, silence, latch windows, digits being sent. It is
// safe for concurrent use.
type Pool struct {
	// set once
	cfg         Config
	deps        Deps
	poller      *udp.Poller // nil with Deps.ListenPacket
	listen      func(netip.AddrPort) (socket, error)
	fingerprint sdp.Fingerprint
	stirred     chan struct{} // something is due sooner than thought
	group       sync.WaitGroup

	mu sync.Mutex
	// guarded by mu
	stopped   bool
	ports     *ports
	ports6    *ports
	endpoints map[*Endpoint]struct{}
	queue     queue
	stats     PoolStats
}

// NewPool makes a pool. It opens no socket and starts nothing.
func NewPool(cfg Config, deps Deps) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if deps.Random == nil {
		deps.Random = rand.Reader
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	var seed [8]byte
	if _, err := io.ReadFull(deps.Random, seed[:]); err != nil {
		return nil, fmt.Errorf("make media pool: %w", err)
	}
	order := binary.BigEndian.Uint64(seed[:])
	p := &Pool{
		cfg: cfg, deps: deps, stirred: make(chan struct{}, 1),
		ports:     newPorts(cfg.PortMin, cfg.PortMax, cfg.PortRest, order),
		ports6:    newPorts(cfg.PortMin, cfg.PortMax, cfg.PortRest, order),
		endpoints: map[*Endpoint]struct{}{},
	}
	if err := p.openers(); err != nil {
		return nil, fmt.Errorf("make media pool: %w", err)
	}
	if c := deps.Certificate.Certificate; len(c) > 0 {
		value, _ := fingerprint("sha-256", c[0])
		p.fingerprint = sdp.Fingerprint{Hash: "sha-256", Value: value}
	}
	return p, nil
}

// openers decides how sockets are opened.
func (p *Pool) openers() error {
	if open := p.deps.ListenPacket; open != nil {
		p.listen = func(at netip.AddrPort) (socket, error) { return open(at) }
		return nil
	}
	poller, err := udp.NewPoller(maxDatagram)
	p.poller = poller
	p.listen = func(at netip.AddrPort) (socket, error) { return poller.Listen(at) }
	return err
}

// Fingerprint is that of our certificate, for offers and answers; zero when
// there is none.
func (p *Pool) Fingerprint() sdp.Fingerprint { return p.fingerprint }

// Open takes a pair of ports and starts to read them. Errors are ErrNoPorts,
// ErrNoAddress, ErrClosed, and those of Deps.ListenPacket. The caller closes
// the endpoint.
func (p *Pool) Open(now time.Time, o Options) (*Endpoint, error) {
	bind, advertise, from := p.cfg.Address, p.cfg.Advertise, p.ports
	if o.IPv6 {
		bind, advertise, from = p.cfg.Address6, p.cfg.Advertise6, p.ports6
	}
	if !bind.IsValid() {
		return nil, ErrNoAddress
	}
	if !advertise.IsValid() {
		advertise = bind
	}
	e, err := p.newEndpoint(o)
	if err != nil {
		return nil, err
	}
	port, err := p.bind(now, e, bind, from)
	if err != nil {
		return nil, err
	}
	e.local = netip.AddrPortFrom(advertise, port)
	e.stats.Local = e.local
	if err := p.admit(e); err != nil {
		e.closeSockets()
		p.mu.Lock()
		from.put(now, port)
		p.mu.Unlock()
		return nil, err
	}
	return e, nil
}

// newEndpoint makes an endpoint without sockets.
func (p *Pool) newEndpoint(o Options) (*Endpoint, error) {
	var random [18]byte
	if _, err := io.ReadFull(p.deps.Random, random[:]); err != nil {
		return nil, fmt.Errorf("open media endpoint: %w", err)
	}
	e := &Endpoint{
		pool: p, opts: o, heapAt: -1, cname: o.CNAME, log: o.Log,
		outBuf: make([]byte, 0, usualPacket),
		out: stamper{
			clock: eventClock,
			ssrc:  binary.BigEndian.Uint32(random[0:]),
			ts:    binary.BigEndian.Uint32(random[4:]),
			// Below half, so that no roll-over can be missed at the start
			// (RFC 3711 §3.3.1).
			seq: binary.BigEndian.Uint16(random[8:]) >> 1,
		},
	}
	if e.cname == "" {
		e.cname = base64.RawStdEncoding.EncodeToString(random[10:]) // RFC 7022 §4.2
	}
	if e.log == nil {
		e.log = p.deps.Log
	}
	if o.ICE != nil {
		e.agent = ice.New(ice.Config{Ufrag: o.ICE.Ufrag, Pwd: o.ICE.Pwd})
	}
	return e, nil
}

// bind opens the sockets of an endpoint on the pair idle for longest. A port
// that another program has is passed over.
func (p *Pool) bind(now time.Time, e *Endpoint, at netip.Addr, from *ports) (uint16, error) {
	for range bindTries {
		p.mu.Lock()
		port, ok := from.take(now)
		if !ok {
			p.stats.Exhausted++
		}
		p.mu.Unlock()
		if !ok {
			return 0, ErrNoPorts
		}
		err := e.listen(p.listen, at, port)
		if err == nil {
			return port, nil
		}
		p.mu.Lock()
		from.put(now, port)
		taken := errors.Is(err, syscall.EADDRINUSE)
		if taken {
			p.stats.BindErrors++
		}
		p.mu.Unlock()
		if !taken {
			return 0, fmt.Errorf("open media endpoint: %w", err)
		}
	}
	return 0, ErrNoPorts
}

// listen opens both sockets, or none.
func (e *Endpoint) listen(open func(netip.AddrPort) (socket, error), at netip.Addr, port uint16) error {
	c, err := open(netip.AddrPortFrom(at, port))
	if err != nil {
		return err
	}
	e.rtp = c
	if e.opts.MuxOnly {
		return nil
	}
	if e.rtcp, err = open(netip.AddrPortFrom(at, port+1)); err != nil {
		e.rtcp = nil
		_ = c.Close() // nothing was sent yet
		return err
	}
	return nil
}

func (e *Endpoint) closeSockets() {
	_ = e.rtp.Close() // a socket that does not close has been closed
	if e.rtcp != nil {
		_ = e.rtcp.Close()
	}
}

// forget takes back the ports of a closed endpoint and keeps its figures.
func (p *Pool) forget(now time.Time, e *Endpoint, s Stats) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.has(e) {
		return
	}
	delete(p.endpoints, e)
	if e.heapAt >= 0 {
		heap.Remove(&p.queue, e.heapAt)
	}
	from := p.ports
	if e.opts.IPv6 {
		from = p.ports6
	}
	from.put(now, e.local.Port())
	p.stats.add(s)
}

// Stats returns the figures of the pool at now.
func (p *Pool) Stats(now time.Time) PoolStats {
	s, open := p.settled(now)
	for _, e := range open {
		s.add(e.counts()) // if it was closed meanwhile, settled did not have it
	}
	return s
}

// settled returns the figures without those of the open endpoints, and these.
func (p *Pool) settled(now time.Time) (PoolStats, []*Endpoint) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.stats
	s.Endpoints = len(p.endpoints)
	s.Ports = p.ports.total
	s.Used = p.ports.used()
	s.Resting = p.ports.resting(now)
	if p.cfg.Address6.IsValid() {
		s.Ports += p.ports6.total
		s.Used += p.ports6.used()
		s.Resting += p.ports6.resting(now)
	}
	return s, slices.Collect(maps.Keys(p.endpoints))
}
