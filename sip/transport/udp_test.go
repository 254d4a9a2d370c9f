package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A sink is a Receiver that keeps what it is given.
type sink struct {
	in     chan Inbound
	failed chan Failure
}

func newSink() *sink {
	return &sink{in: make(chan Inbound, 1000), failed: make(chan Failure, 1000)}
}

func (s *sink) Receive(_ time.Time, in Inbound) { s.in <- in }
func (s *sink) Failed(_ time.Time, f Failure)   { s.failed <- f }

// serve runs a transport until the test ends.
func serve(t *testing.T, cfg Config, deps Deps) (*Transport, *sink) {
	t.Helper()
	tr, err := New(cfg, deps)
	if err != nil {
		t.Fatal(err)
	}
	s, done := newSink(), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { done <- tr.Run(ctx, s) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	tr.wantRunning(t)
	return tr, s
}

// wantRunning waits until Run has begun.
func (t *Transport) wantRunning(tb testing.TB) {
	tb.Helper()
	for !t.begin(func(context.Context) {}) {
		if tb.Context().Err() != nil {
			tb.Fatal("never ran")
		}
	}
}

func listenOn(kind, addr string) Config {
	c := DefaultConfig()
	c.Listeners = []ListenerConfig{{Name: kind, Transport: kind, Address: addr, Advertise: "sip.example.com:5060"}}
	return c
}

// client is a UDP socket of the machine's loopback.
func client(t *testing.T, server netip.AddrPort) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func exchange(t *testing.T, c *net.UDPConn, send []byte) string {
	t.Helper()
	if _, err := c.Write(send); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 65536)
	n, err := c.Read(buf)
	if err != nil {
		t.Fatalf("no answer to %.40q: %v", send, err)
	}
	return string(buf[:n])
}

func loopbacks() []string { return []string{"127.0.0.1:0", "[::1]:0"} }

func TestDatagramComesInAndItsAnswerGoesBack(t *testing.T) {
	for _, addr := range loopbacks() {
		tr, s := serve(t, listenOn("udp", addr), Deps{})
		c := client(t, tr.Listeners()[0].Addr)
		if _, err := c.Write(invite()); err != nil {
			t.Fatal(err)
		}
		in := <-s.in
		via := in.Msg.Via()
		if got, want := via.Params.GetOr("rport", ""), in.Flow.Remote.Port(); got == "" || got != portText(want) {
			t.Errorf("rport = %q, want %d (RFC 3581 §4)", got, want)
		}
		if got := via.Params.GetOr("received", ""); got != in.Flow.Remote.Addr().String() {
			t.Errorf("received = %q (RFC 3261 §18.2.1)", got)
		}
		res := sipmsg.NewResponse(200, "OK")
		res.AppendHeader(via)
		raw, err := Append(nil, res)
		if err != nil {
			t.Fatal(err)
		}
		if err := tr.Send(time.Now(), Outbound{Flow: in.Reply, Raw: raw}); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 2000)
		if n, err := c.Read(buf); err != nil || string(buf[:n]) != string(raw) {
			t.Errorf("client got %q, %v", buf[:n], err)
		}
	}
}

// RFC 3261 §18.1.1 is about requests: a response goes the way its request came,
// in one datagram however large (§18.2.2).
func TestResponseAboveTheMTUIsSentWhole(t *testing.T) {
	for _, addr := range loopbacks() {
		tr, s := serve(t, listenOn("udp", addr), Deps{})
		c := client(t, tr.Listeners()[0].Addr)
		if _, err := c.Write(invite()); err != nil {
			t.Fatal(err)
		}
		in := <-s.in
		res := sipmsg.NewResponse(200, "OK")
		res.AppendHeader(in.Msg.Via())
		for _, size := range []int{1301, 1500, 9000, 60000} {
			res.SetBody([]byte(strings.Repeat("a", size)))
			raw, err := Append(nil, res)
			if err != nil {
				t.Fatal(err)
			}
			if err := tr.Send(time.Now(), Outbound{Flow: in.Reply, Raw: raw}); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 65536)
			if n, err := c.Read(buf); err != nil || string(buf[:n]) != string(raw) {
				t.Errorf("%s: of a response of %d bytes came %d: %v", addr, len(raw), n, err)
			}
		}
		if n := tr.Stats().Connections; n != 0 {
			t.Errorf("%d connections were opened for it", n)
		}
	}
}

func portText(p uint16) string { return strconv.Itoa(int(p)) }

func TestMalformedRequestGetsOne400AndTheNextIsHeard(t *testing.T) {
	tr, s := serve(t, listenOn("udp", "127.0.0.1:0"), Deps{})
	c := client(t, tr.Listeners()[0].Addr)
	got := exchange(t, c, invite("1 INVITE", "1 BYE"))
	if !strings.HasPrefix(got, "SIP/2.0 400 ") || !strings.Contains(got, ";tag=") {
		t.Errorf("got %q", got)
	}
	if again := exchange(t, c, invite("1 INVITE", "1 BYE")); again != got {
		t.Errorf("a repeated request got another answer (RFC 3261 §8.2.7):\n%s\n%s", got, again)
	}
	if _, err := c.Write(invite()); err != nil {
		t.Fatal(err)
	}
	<-s.in
	if n := tr.Stats().Counters["malformed.cseq_method_does_not_match"]; n != 2 {
		t.Errorf("counted %d", n)
	}
}

func TestKeepAlivesOnUDPAreAnswered(t *testing.T) {
	tr, _ := serve(t, listenOn("udp", "127.0.0.1:0"), Deps{})
	c := client(t, tr.Listeners()[0].Addr)
	if got := exchange(t, c, []byte("\r\n\r\n")); got != "\r\n" {
		t.Errorf("pong = %q", got)
	}
	stun := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42}, "abcdefghijkl"...)
	if got := exchange(t, c, stun); len(got) != 32 {
		t.Errorf("binding response of %d bytes, want 32", len(got))
	}
}

// A broken is a socket whose reads fail as after an ICMP error.
type broken struct {
	PacketConn
	fail chan error
}

func (b broken) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	select {
	case err := <-b.fail:
		return 0, netip.AddrPort{}, err
	default:
		return b.PacketConn.ReadFromUDPAddrPort(p)
	}
}

func TestReadErrorDoesNotEndTheListener(t *testing.T) {
	fail := make(chan error, 3)
	for range cap(fail) {
		fail <- os.ErrInvalid
	}
	deps := Deps{ListenPacket: func(a netip.AddrPort) (PacketConn, error) {
		c, err := listenPacket(a)
		return broken{c, fail}, err
	}}
	tr, s := serve(t, listenOn("udp", "127.0.0.1:0"), deps)
	c := client(t, tr.Listeners()[0].Addr)
	if _, err := c.Write(invite()); err != nil {
		t.Fatal(err)
	}
	<-s.in
	if n := tr.Stats().Counters["read_errors"]; n != 3 {
		t.Errorf("counted %d errors, want 3", n)
	}
}

func TestAnswerGoesToSentByWithoutRport(t *testing.T) {
	msg, err := Parse(invite(";rport", "", ":5060;", ":5070;"))
	if err != nil {
		t.Fatal(err)
	}
	f := Flow{Kind: UDP, Remote: netip.MustParseAddrPort("203.0.113.7:40000")}
	if got := replyFlow(f, msg.Via()).Remote.String(); got != "203.0.113.7:5070" {
		t.Errorf("reply to %s (RFC 3261 §18.2.2)", got)
	}
	receivedVia(msg.Via(), f.Remote)
	if got := msg.Via().Params.GetOr("received", ""); got != "203.0.113.7" {
		t.Errorf("received = %q", got)
	}
}

func TestSendFindsTheListenerThatReaches(t *testing.T) {
	cfg := listenOn("udp", "127.0.0.1:0")
	tr, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	l, ok := tr.ListenerFor(Flow{Kind: UDP, Remote: netip.MustParseAddrPort("192.0.2.1:5060")})
	if !ok || l.Host != "sip.example.com" || l.Port != 5060 {
		t.Errorf("listener %+v", l)
	}
	if l, ok = tr.ListenerFor(Flow{Kind: TLS, Remote: netip.MustParseAddrPort("192.0.2.1:5061")}); !ok || l.Port != 5061 {
		t.Errorf("made-up listener %+v", l)
	}
	err = tr.Send(time.Now(), Outbound{Flow: Flow{Kind: UDP, Remote: netip.MustParseAddrPort("[2001:db8::1]:5060")}})
	if !errors.Is(err, ErrNoListener) {
		t.Errorf("send over a family we have not: %v", err)
	}
	err = tr.Send(time.Now(), Outbound{Flow: Flow{Kind: UDP}, Raw: make([]byte, maxPacket+1)})
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("send of a packet too large: %v", err)
	}
}

// From datagram to receiver: gate, parser, received and rport.
func BenchmarkPacket(b *testing.B) {
	tr, err := New(listenOn("udp", "127.0.0.1:0"), Deps{Known: func(netip.Addr) bool { return true }})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = tr.Close() }()
	tr.receiver = deaf{}
	data, src, now := invite(), netip.MustParseAddrPort("192.0.2.10:5060"), start()
	b.ReportAllocs()
	for b.Loop() {
		tr.packet(now, tr.sockets[0], src, data)
	}
}

// deaf is a Receiver that forgets.
type deaf struct{}

func (deaf) Receive(time.Time, Inbound) {}
func (deaf) Failed(time.Time, Failure)  {}
