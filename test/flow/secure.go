package flow

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"

	"github.com/coder/websocket"
)

// secure: secure [clients none|optional|required] [wildcards] gives the gateway, which is
// gw.example, a certificate and listeners for TLS (5061), WS (8080) and WSS
// (8443). The peers are NAME.example and have certificates of the same
// authority, made for the time of the flow.
func (f *flow) secure(a *args, _ string) error {
	clients := "optional"
	if a.accept("clients") {
		clients = a.next()
	}
	wildcards := a.accept("wildcards")
	var err error
	if f.ca, err = newAuthority(); err != nil {
		return err
	}
	if err := f.certify(&papers{names: []string{gatewayName}}); err != nil {
		return err
	}
	for _, l := range []struct {
		transport string
		port      uint16
	}{{"tls", 5061}, {"ws", 8080}, {"wss", 8443}} {
		f.setup.listen(l.transport, netip.AddrPortFrom(f.v4, l.port))
	}
	f.setup.root.put("sip.profiles", fmt.Sprintf("[{name: default, certificate: %q, key: %q, ca: %q, client_auth: %s, wildcards: %t}]",
		filepath.Join(f.dir, "cert.pem"), filepath.Join(f.dir, "key.pem"), filepath.Join(f.dir, "ca.pem"), clients, wildcards))
	return a.end()
}

// connect opens a connection to the gateway.
func (p *peer) connect(by string, to netip.AddrPort) (net.Conn, error) {
	if port := map[string]uint16{"tls": 5061, "ws": 8080, "wss": 8443}[by]; port != 0 {
		to = netip.AddrPortFrom(to.Addr(), port)
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		c, err := p.host.Dial(ctx, netip.AddrPortFrom(p.at.Addr(), 0), to)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	switch by {
	case "tls":
		cfg, err := p.tls()
		if err != nil {
			return nil, err
		}
		c, err := dial(p.f.ctx, "", "")
		if err != nil {
			return nil, err
		}
		s := tls.Client(c, cfg)
		return s, s.HandshakeContext(p.f.ctx)
	case "ws", "wss":
		t := &http.Transport{DialContext: dial, DisableKeepAlives: true}
		if by == "wss" {
			cfg, err := p.tls()
			if err != nil {
				return nil, err
			}
			t.TLSClientConfig = cfg
		}
		c, r, err := websocket.Dial(p.f.ctx, by+"://gw.example/", &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: t}, Subprotocols: []string{"sip"}, // RFC 7118 §4.1
		})
		if r != nil && r.Body != nil {
			_ = r.Body.Close()
		}
		if err != nil {
			return nil, err
		}
		return websocket.NetConn(p.f.ctx, c, websocket.MessageText), nil
	}
	return dial(p.f.ctx, "", "")
}

// unwrap takes TLS off a connection that begins with a handshake.
func (p *peer) unwrap(c net.Conn) (net.Conn, error) {
	b := &peeked{Conn: c, r: bufio.NewReader(c)}
	first, err := b.r.Peek(1)
	if err != nil || first[0] != 22 { // RFC 8446 §5.1: handshake
		return b, err
	}
	cfg, err := p.tls()
	if err != nil {
		return nil, err
	}
	return tls.Server(b, cfg), nil
}

// peeked is a connection whose first octet was looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

// Read reads what was looked at first.
func (p *peeked) Read(b []byte) (int, error) { return p.r.Read(b) }
