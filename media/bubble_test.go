package media

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/test/simnet"
)

// A bench is a pool on a network in memory, inside a bubble.
type bench struct {
	t    *testing.T
	net  *simnet.Network
	pool *Pool

	stop  func() // stops the pool and waits
	hosts map[netip.Addr]*simnet.Host

	mu    sync.Mutex
	notes []Notice
}

func testConfig() Config {
	c := DefaultConfig()
	c.Address = netip.MustParseAddr("192.0.2.1")
	c.PortMin, c.PortMax = 20000, 20199
	return c
}

// bubble runs f with a bench of its own, in virtual time. change may change
// what the pool is made of.
func bubble(t *testing.T, change func(*Config, *Deps), f func(t *testing.T, b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newBench(t, change)) })
}

// newBench starts a pool; it and its readers have ended when the test ends.
func newBench(t *testing.T, change func(*Config, *Deps)) *bench {
	t.Helper()
	b := &bench{t: t, net: simnet.New(1), hosts: map[netip.Addr]*simnet.Host{}}
	gw := b.net.Host(netip.MustParseAddr("192.0.2.1"))
	cfg := testConfig()
	deps := Deps{
		ListenPacket: func(a netip.AddrPort) (PacketConn, error) { return gw.ListenPacket(a) },
		Codecs:       codec.Set{g711.PCMU(), g711.PCMA()},
	}
	if change != nil {
		change(&cfg, &deps)
	}
	pool, err := NewPool(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	b.pool = pool
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = pool.Run(ctx) }()
	b.stop = func() { cancel(); <-done }
	t.Cleanup(b.stop)
	return b
}

// open opens an endpoint whose notices the bench keeps.
func (b *bench) open(o Options) *Endpoint {
	b.t.Helper()
	if o.Notify == nil {
		o.Notify = func(n Notice) {
			b.mu.Lock()
			b.notes = append(b.notes, n)
			b.mu.Unlock()
		}
	}
	e, err := b.pool.Open(time.Now(), o)
	if err != nil {
		b.t.Fatal(err)
	}
	return e
}

// told returns the notices of a kind so far.
func (b *bench) told(k NoticeKind) []Notice {
	b.mu.Lock()
	defer b.mu.Unlock()
	var of []Notice
	for _, n := range b.notes {
		if n.Kind == k {
			of = append(of, n)
		}
	}
	return of
}

// A phone is a far side: it sends audio and keeps what it hears.
type phone struct {
	t    *testing.T
	conn *simnet.UDPConn
	to   netip.AddrPort
	rtcp netip.AddrPort
	pt   uint8
	ssrc uint32
	seq  uint16
	ts   uint32

	mu    sync.Mutex
	tap   func([]byte) // sees what comes; nil: nobody
	heard []heardPacket
	other [][]byte // what is not RTP
}

// A heardPacket is an RTP packet and when it came.
type heardPacket struct {
	rtp.Packet
	at time.Time
}

// phone puts a far side at an address; it talks to e.
func (b *bench) phone(at string, e *Endpoint) *phone {
	b.t.Helper()
	ap := netip.MustParseAddrPort(at)
	host := b.hosts[ap.Addr()]
	if host == nil {
		host = b.net.Host(ap.Addr())
		b.hosts[ap.Addr()] = host
	}
	conn, err := host.ListenPacket(ap)
	if err != nil {
		b.t.Fatal(err)
	}
	addr, port, rtcpPort := e.Local()
	p := &phone{
		t: b.t, conn: conn, to: netip.AddrPortFrom(addr, port), rtcp: netip.AddrPortFrom(addr, rtcpPort),
		ssrc: uint32(ap.Port()), seq: 100, ts: 1000,
	}
	done := make(chan struct{})
	go func() { defer close(done); p.listen() }()
	b.t.Cleanup(func() { _ = conn.Close(); <-done })
	return p
}

// simnetDelay is a link on which packets take d.
func simnetDelay(d time.Duration) simnet.Link { return simnet.Link{Delay: d} }

func (p *phone) addr() netip.AddrPort { return p.conn.AddrPort() }

func (p *phone) listen() {
	buf := make([]byte, 2048)
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		raw := slices.Clone(buf[:n])
		if p.tap != nil {
			p.tap(raw)
		}
		var pkt rtp.Packet
		if n < 12 || raw[0]>>6 != 2 || (raw[1] >= 192 && raw[1] < 224) || pkt.Unmarshal(raw) != nil {
			p.other = append(p.other, raw)
		} else {
			p.heard = append(p.heard, heardPacket{pkt, time.Now()})
		}
		p.mu.Unlock()
	}
}

// packets returns what was heard so far.
func (p *phone) packets() []heardPacket {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.heard)
}

// rest returns what was heard so far and is not RTP.
func (p *phone) rest() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.other)
}

// forget drops what was heard so far.
func (p *phone) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = nil
}

// packet makes the next 20 ms of audio, all octets of it fill.
func (p *phone) packet(fill byte) []byte {
	pkt := rtp.Packet{
		Header:  rtp.Header{Version: 2, PayloadType: p.pt, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc},
		Payload: slices.Repeat([]byte{fill}, 160),
	}
	p.seq++
	p.ts += 160
	b, err := pkt.Marshal()
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

// say sends n packets, 20 ms apart, and waits 20 ms after the last.
func (p *phone) say(n int, fill byte) {
	p.t.Helper()
	for range n {
		p.send(p.packet(fill))
		time.Sleep(FrameDuration)
	}
}

func (p *phone) send(b []byte) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(b, p.to); err != nil {
		p.t.Fatal(err)
	}
}

// press sends a digit of RFC 4733 of so many packets, and three end packets.
func (p *phone) press(pt uint8, code byte, packets int, drop func(i int) bool) {
	p.t.Helper()
	const ends = 3
	for i := range packets + ends {
		last := min(i+1, packets)
		end := byte(0)
		if i >= packets {
			end = 0x80
		}
		d := uint16(last * 160)
		pkt := rtp.Packet{
			Header: rtp.Header{
				Version: 2, Marker: i == 0, PayloadType: pt, SequenceNumber: p.seq, Timestamp: p.ts, SSRC: p.ssrc,
			},
			Payload: []byte{code, end | 10, byte(d >> 8), byte(d)},
		}
		p.seq++
		b, err := pkt.Marshal()
		if err != nil {
			p.t.Fatal(err)
		}
		if drop == nil || !drop(i) {
			p.send(b)
		}
		time.Sleep(FrameDuration)
	}
	p.ts += uint32((packets + ends) * 160)
}

func pcmu() sdp.Format { return sdp.Format{Type: 0, Codec: g711.PCMU().Params()} }

// agree is what a plain offer and answer with that far side came to.
func agree(remote netip.AddrPort) sdp.Agreed {
	a := sdp.Agreed{
		Remote: remote, RemoteRTCP: netip.AddrPortFrom(remote.Addr(), remote.Port()+1),
		Profile: sdp.ProfileAVP, Send: pcmu(), Ptime: FrameDuration,
		Event: sdp.Payload{Send: 101, Receive: 101, Clock: 8000},
	}
	a.Receive[0] = pcmu()
	return a
}

// apply is Apply that must succeed.
func apply(t *testing.T, e *Endpoint, dialog string, a sdp.Agreed) {
	t.Helper()
	if err := e.Apply(time.Now(), dialog, &a); err != nil {
		t.Fatal(err)
	}
}

// join opens two endpoints that forward to each other, with a phone on each.
func (b *bench) join(oa, ob Options) (ea, eb *Endpoint, pa, pb *phone) {
	b.t.Helper()
	ea, eb = b.open(oa), b.open(ob)
	pa, pb = b.phone("198.51.100.1:4000", ea), b.phone("203.0.113.1:5000", eb)
	apply(b.t, ea, "a", agree(pa.addr()))
	apply(b.t, eb, "b", agree(pb.addr()))
	ea.Connect(eb)
	eb.Connect(ea)
	ea.Select(time.Now(), "a")
	eb.Select(time.Now(), "b")
	return ea, eb, pa, pb
}
