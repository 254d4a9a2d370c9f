package sbc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A bed is a B2BUA between scripted peers, without sockets: what it sends is
// handed to the peer at the address, which answers at once.
type bed struct {
	t     testing.TB
	b     *B2BUA
	ua    *sip.UA
	here  netip.AddrPort
	wg    sync.WaitGroup
	stop  context.CancelFunc
	queue chan delivery

	mu        sync.Mutex
	peers     map[netip.AddrPort]func(m message)
	records   []CDR
	timelines []Timeline
}

// A delivery is a message of a peer on its way to the gateway.
type delivery struct {
	from netip.AddrPort
	raw  string
}

// message is what stands on the wire.
type message string

func (m message) start() string { s, _, _ := strings.Cut(string(m), "\r\n"); return s }

// is reports whether it is a request of that method, or a response of that
// status and method.
func (m message) is(kind string) bool {
	s := m.start()
	if strings.HasPrefix(s, "SIP/2.0 ") {
		_, method, _ := strings.Cut(m.header("CSeq"), " ")
		return kind == s[8:11]+" "+method
	}
	return strings.HasPrefix(s, kind+" ")
}

func (m message) header(name string) string {
	for l := range strings.SplitSeq(string(m), "\r\n") {
		if v, ok := strings.CutPrefix(l, name+": "); ok {
			return v
		}
	}
	return ""
}

// target is the URI in Contact.
func (m message) target() string {
	_, uri, _ := strings.Cut(m.header("Contact"), "<")
	uri, _, _ = strings.Cut(uri, ">")
	return uri
}

// reply answers a request.
func (m message) reply(status int, tag, body string) string {
	to := m.header("To")
	if !strings.Contains(to, ";tag=") {
		to += ";tag=" + tag
	}
	h := fmt.Sprintf("SIP/2.0 %d X\r\nVia: %s\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\nContact: <sip:%s@192.0.2.20>\r\n",
		status, m.header("Via"), m.header("From"), to, m.header("Call-ID"), m.header("CSeq"), tag)
	return withBody(h, body)
}

func withBody(head, body string) string {
	if body != "" {
		head += "Content-Type: application/sdp\r\n"
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// description is a session description of one codec.
func description(host, format, rtpmap string) string {
	return "v=0\r\no=- 1 1 IN IP4 " + host + "\r\ns=-\r\nc=IN IP4 " + host + "\r\nt=0 0\r\nm=audio 20000 RTP/AVP " +
		format + "\r\na=rtpmap:" + format + " " + rtpmap + "\r\n"
}

func (b *bed) WriteCDR(r CDR) error {
	b.mu.Lock()
	b.records = append(b.records, r)
	b.mu.Unlock()
	return nil
}

func (b *bed) WriteTimeline(t Timeline) error {
	b.mu.Lock()
	b.timelines = append(b.timelines, t)
	b.mu.Unlock()
	return nil
}

// Send implements the network of the UA.
func (b *bed) Send(_ time.Time, o transport.Outbound) error {
	b.mu.Lock()
	peer := b.peers[o.Flow.Remote]
	b.mu.Unlock()
	if peer != nil {
		peer(message(o.Raw))
	}
	return nil
}

func (b *bed) Resolve(_ context.Context, d transport.Destination, done func([]transport.Target, error)) {
	a, err := netip.ParseAddr(d.Host)
	done([]transport.Target{{Kind: transport.UDP, Addr: netip.AddrPortFrom(a, 5060)}}, err)
}

func (b *bed) Listeners() []transport.Listener {
	return []transport.Listener{{Name: "udp", Kind: transport.UDP, Addr: b.here, Host: "192.0.2.1", Port: 5060}}
}

func (b *bed) ListenerFor(transport.Flow) (transport.Listener, bool) { return b.Listeners()[0], true }

// deliver hands messages of peers to the UA, in order.
func (b *bed) deliver() {
	for d := range b.queue {
		m, err := transport.Parse([]byte(d.raw))
		if err != nil {
			b.t.Errorf("a peer's message: %v\n%s", err, d.raw)
			continue
		}
		f := transport.Flow{Kind: transport.UDP, Listener: "udp", Local: b.here, Remote: d.from}
		b.ua.Receive(time.Now(), transport.Inbound{Msg: m, Flow: f, Reply: f, Size: len(d.raw)})
	}
}

// say lets a peer send a message.
func (b *bed) say(from netip.AddrPort, raw string) { b.queue <- delivery{from, raw} }

// newBed makes one with the trunks west and east, on which east has the codec
// named, and numbers that begin with +1 going east.
func newBed(t testing.TB, codecs codec.Set, eastCodec string) *bed {
	bed := &bed{
		t: t, here: netip.MustParseAddrPort("192.0.2.1:5060"),
		queue: make(chan delivery, 4096), peers: make(map[netip.AddrPort]func(message)),
	}
	var err error
	if bed.ua, err = sip.New(sip.DefaultConfig(), sip.Deps{Network: bed}); err != nil {
		t.Fatal(err)
	}
	mc := media.DefaultConfig()
	mc.Address = netip.MustParseAddr("192.0.2.1")
	mc.PortRest = 0
	pool, err := media.NewPool(mc, media.Deps{Codecs: codecs, ListenPacket: quiet})
	if err != nil {
		t.Fatal(err)
	}
	bed.b, err = New(bedConfig(eastCodec), Deps{
		Network: bed, UA: bed.ua, Media: pool, Codecs: codecs, Silence: mc.Silence, Records: bed, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	bed.ua.Handle(bed.b)
	ctx, stop := context.WithCancel(context.Background())
	rooms, stopRooms := context.WithCancel(context.Background())
	bed.stop = stop
	bed.wg.Go(func() { _ = pool.Run(rooms) })
	bed.wg.Go(func() { _ = bed.ua.Run(rooms) })
	bed.wg.Go(bed.deliver)
	bed.wg.Go(func() {
		_ = bed.b.Run(ctx)
		stopRooms()
		close(bed.queue)
	})
	bed.ready()
	return bed
}

// ready returns when the user agent answers.
func (b *bed) ready() {
	up := make(chan struct{})
	var once sync.Once
	b.mu.Lock()
	b.peers[west()] = func(m message) {
		if m.is("200 OPTIONS") {
			once.Do(func() { close(up) })
		}
	}
	b.mu.Unlock()
	for n := 1; ; n++ {
		id := "options" + itoa(n)
		b.say(west(), withBody("OPTIONS sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK"+id+
			"\r\nMax-Forwards: 70\r\nFrom: <sip:192.0.2.10>;tag=o\r\nTo: <sip:192.0.2.1>\r\nCall-ID: "+id+
			"\r\nCSeq: 1 OPTIONS\r\n", ""))
		select {
		case <-up:
			b.hears(west(), nil)
			return
		default:
			runtime.Gosched()
		}
	}
}

// hears says who takes what is sent to an address.
func (b *bed) hears(at netip.AddrPort, f func(message)) {
	b.mu.Lock()
	b.peers[at] = f
	b.mu.Unlock()
}

// close stops the bed and waits for all its goroutines.
func (b *bed) close() {
	b.stop()
	b.wg.Wait()
}

func bedConfig(eastCodec string) Config {
	c := DefaultConfig()
	c.Call.Grace = 0
	c.Limits = LimitsConfig{RetryAfter: time.Second}
	for _, p := range []struct{ name, host, codec string }{{"west", "192.0.2.10", "PCMU"}, {"east", "192.0.2.20", eastCodec}} {
		t := DefaultTrunk()
		t.Name, t.Peer.Host, t.Peer.Addresses = p.name, p.host, []string{p.host}
		t.Media.Codecs = []string{p.codec}
		c.Trunks = append(c.Trunks, t)
	}
	c.Routes = []RouteConfig{{Match: MatchConfig{Prefixes: []string{"+1"}}, Targets: []TargetConfig{{Trunk: "east"}}}}
	return c
}

func west() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.10:5060") }
func east() netip.AddrPort { return netip.MustParseAddrPort("192.0.2.20:5060") }

// invitation is an INVITE of west.
func invitation(id, number string) string {
	return withBody("INVITE sip:"+number+"@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK"+id+
		"\r\nMax-Forwards: 70\r\nFrom: <sip:+1999@192.0.2.10>;tag=w\r\nTo: <sip:"+number+"@192.0.2.1>\r\nCall-ID: "+id+
		"\r\nCSeq: 1 INVITE\r\nContact: <sip:w@192.0.2.10>\r\n", description("192.0.2.10", "0", "PCMU/8000"))
}

// follow is a request of west in the dialog of a 200 it got.
func follow(ok message, method string, seq int) string {
	return withBody(fmt.Sprintf("%s %s SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK%s%s\r\nMax-Forwards: 70\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n",
		method, ok.target(), method, ok.header("Call-ID"), ok.header("From"), ok.header("To"), ok.header("Call-ID"), seq, method), "")
}

// A quietConn is a socket on which nothing happens.
type quietConn struct {
	gone chan struct{}
	once sync.Once
}

func quiet(netip.AddrPort) (media.PacketConn, error) {
	return &quietConn{gone: make(chan struct{})}, nil
}

func (c *quietConn) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	<-c.gone
	return 0, netip.AddrPort{}, net.ErrClosed
}

func (c *quietConn) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) { return len(b), nil }

func (c *quietConn) Close() error { c.once.Do(func() { close(c.gone) }); return nil }

// g711Set is the two codecs of the telephone network.
func g711Set() codec.Set { return codec.Set{g711.PCMU(), g711.PCMA()} }
