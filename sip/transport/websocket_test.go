package transport

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/tandem-voip/tandem/test/simnet"
)

// browse opens a WebSocket from the peer to us.
func browse(t *testing.T, peer *simnet.Host, o websocket.DialOptions) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	o.HTTPClient = &http.Client{Transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return connect(t, peer), nil },
	}}
	if o.Subprotocols == nil {
		o.Subprotocols = []string{"sip"}
	}
	return websocket.Dial(t.Context(), "ws://"+ours+"/", &o)
}

func TestMessagesOfAWebSocketAreFramesBothWays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, s := serve(t, listenOn("ws", ours), on(us))
		c, _, err := browse(t, peer, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		if c.Subprotocol() != "sip" {
			t.Errorf("subprotocol %q (RFC 7118 §4.1)", c.Subprotocol())
		}
		w, err := c.Writer(t.Context(), websocket.MessageText) // in fragments
		if err != nil {
			t.Fatal(err)
		}
		for b := invite("UDP 192.0.2.10:5060", "WS df7jal23ls0d.invalid"); len(b) > 0; b = b[min(50, len(b)):] {
			if _, err := w.Write(b[:min(50, len(b))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		in := <-s.in
		raw := response(t, in)
		for range 2 {
			if err := tr.Send(time.Now(), Outbound{Flow: in.Reply, Raw: raw}); err != nil {
				t.Fatal(err)
			}
			kind, got, err := c.Read(t.Context())
			if err != nil || kind != websocket.MessageText || string(got) != string(raw) {
				t.Errorf("%v %q %v", kind, got, err)
			}
		}
	})
}

func TestWebSocketOfAForeignPageIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		cfg := listenOn("ws", ours)
		cfg.Listeners[0].Origins = []string{"https://phone.example.com"}
		serve(t, cfg, on(us))
		for origin, want := range map[string]int{
			"https://phone.example.com": 101,
			"":                          101,
			"https://evil.example.com":  403,
			"null":                      403,
			"http://192.0.2.1:5060":     403,
		} {
			h := http.Header{}
			if origin != "" {
				h.Set("Origin", origin)
			}
			c, res, err := browse(t, peer, websocket.DialOptions{HTTPHeader: h})
			if res == nil || res.StatusCode != want {
				t.Errorf("origin %q: %v, %v, want %d", origin, res, err, want)
			}
			if err == nil {
				_ = c.CloseNow()
			}
		}
	})
}

func TestWebSocketWithoutSIPIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		serve(t, listenOn("ws", ours), on(us))
		_, res, err := browse(t, peer, websocket.DialOptions{Subprotocols: []string{"chat"}})
		if err == nil || res == nil || res.StatusCode != http.StatusBadRequest {
			t.Errorf("%v, %v", res, err)
		}
	})
}

func TestSilentAndBadWebSocketsHarmNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, s := serve(t, listenOn("ws", ours), on(us))
		begun := time.Now()
		silent := connect(t, peer) // never asks for a WebSocket
		half, _, err := browse(t, peer, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = half.CloseNow() }() // never reads, so never answers a ping
		huge, _, err := browse(t, peer, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = huge.CloseNow() }()
		_ = huge.Write(t.Context(), websocket.MessageText, make([]byte, maxMessage+1))
		if _, _, err := huge.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
			t.Errorf("a frame too large: %v", err)
		}
		good, _, err := browse(t, peer, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = good.CloseNow() }()
		go func() {
			for {
				if _, _, err := good.Read(context.Background()); err != nil {
					return // answers pings meanwhile
				}
			}
		}()
		if err := good.Write(t.Context(), websocket.MessageText, invite()); err != nil {
			t.Fatal(err)
		}
		<-s.in
		wantClosed(t, silent, begun, 10*time.Second)
		time.Sleep(time.Minute)
		if n := tr.Stats().Connections; n != 1 {
			t.Errorf("%d connections are left, want the good one", n)
		}
		if err := good.Ping(t.Context()); err != nil {
			t.Errorf("ping with a payload: %v", err)
		}
	})
}

func TestSlowFrameIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, _ := serve(t, listenOn("ws", ours), on(us))
		c, _, err := browse(t, peer, websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.CloseNow() }()
		go func() { _, _, _ = c.Read(context.Background()) }() // answers pings meanwhile
		w, err := c.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		for range 12 { // a fragment a second
			if _, err := w.Write(make([]byte, 5000)); err != nil {
				break
			}
			time.Sleep(time.Second)
		}
		if n := tr.Stats().Connections; n != 0 {
			t.Errorf("%d connections, want the slow one closed", n)
		}
	})
}

// hosts with both families, for every transport.
func TestEveryTransportCarriesARequestAndItsResponse(t *testing.T) {
	for _, kind := range []string{"udp", "tcp", "tls", "ws", "wss"} {
		for _, addr := range [][2]string{{ours, theirs}, {"[2001:db8::1]:5060", "[2001:db8::10]:5060"}} {
			synctest.Test(t, func(t *testing.T) { roundTrip(t, kind, addr[0], addr[1]) })
		}
	}
}

func roundTrip(t *testing.T, kind, from, to string) {
	ca := newAuthority(t)
	dst := netip.MustParseAddrPort(to)
	n := simnet.New(1)
	us, peer := n.Host(netip.MustParseAddrPort(from).Addr()), n.Host(dst.Addr())
	ta, sa := serve(t, secure(kind, from, ca.issue("p", "edge.example.net")), on(us))
	tb, sb := serve(t, secure(kind, to, ca.issue("p", "edge.example.net")), on(peer))
	k, _ := ParseKind(kind)
	flow := Target{Kind: k, Addr: dst, Host: "edge.example.net", Profile: "p"}.Flow()
	begun := time.Now()
	for time.Since(begun) < 2*time.Minute { // well beyond DialTimeout and pings
		if err := ta.Send(time.Now(), Outbound{Flow: flow, Raw: invite(), CallID: "1"}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		var in Inbound
		select {
		case in = <-sb.in:
		case f := <-sa.failed:
			t.Fatalf("%s to %s: %v", kind, to, f.Err)
		}
		if in.Msg.Transport() != strings.ToUpper(kind) {
			t.Errorf("%s: transport %s", kind, in.Msg.Transport())
		}
		if err := tb.Send(time.Now(), Outbound{Flow: in.Flow, Raw: response(t, in)}); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		back := <-sa.in
		if kind != "udp" && back.Flow.Conn == 0 {
			t.Errorf("%s: %+v", kind, back.Flow)
		}
		time.Sleep(40 * time.Second)
	}
	if n := ta.Stats().Connections; kind != "udp" && n != 1 {
		t.Errorf("%s: %d connections, want one shared", kind, n)
	}
}
