package flow

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/coder/websocket"
)

// An authority issues the certificates of a flow.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// secure: secure [clients none|optional|required] gives the gateway, which is
// gw.example, a certificate and listeners for TLS (5061), WS (8080) and WSS
// (8443). The peers are NAME.example and have certificates of the same
// authority, made for the time of the flow.
func (f *flow) secure(a *args, _ string) error {
	clients := "optional"
	if a.accept("clients") {
		clients = a.next()
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	f.ca = &authority{key: key}
	if f.ca.cert, err = f.ca.sign(&x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "authority"},
	}, &key.PublicKey); err != nil {
		return err
	}
	cert, err := f.ca.issue("gw.example", f.v4)
	if err != nil {
		return err
	}
	if err := f.ca.write(f.dir, cert); err != nil {
		return err
	}
	for _, l := range []struct {
		transport string
		port      uint16
	}{{"tls", 5061}, {"ws", 8080}, {"wss", 8443}} {
		f.setup.listen(l.transport, netip.AddrPortFrom(f.v4, l.port))
	}
	f.setup.root.put("sip.profiles", fmt.Sprintf("[{name: default, certificate: %q, key: %q, ca: %q, client_auth: %s}]",
		filepath.Join(f.dir, "cert.pem"), filepath.Join(f.dir, "key.pem"), filepath.Join(f.dir, "ca.pem"), clients))
	return a.end()
}

// sign makes a certificate. The authority's own is signed by itself.
func (c *authority) sign(t *x509.Certificate, key *ecdsa.PublicKey) (*x509.Certificate, error) {
	t.SerialNumber = big.NewInt(now().UnixNano())
	t.NotBefore, t.NotAfter = now().Add(-time.Hour), now().Add(365*24*time.Hour)
	parent := c.cert
	if parent == nil {
		parent = t
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key, c.key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// issue makes a certificate for a name and an address.
func (c *authority) issue(name string, at netip.Addr) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	cert, err := c.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: []net.IP{at.AsSlice()},
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, &key.PublicKey)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}, nil
}

// write puts the gateway's files into a directory.
func (c *authority) write(dir string, cert tls.Certificate) error {
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	for name, b := range map[string]pem.Block{
		"ca.pem":   {Type: "CERTIFICATE", Bytes: c.cert.Raw},
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&b), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// tls is how a peer speaks TLS, in both roles.
func (p *peer) tls() (*tls.Config, error) {
	if p.f.ca == nil {
		return nil, errors.New(`TLS needs the line "secure" above`)
	}
	if p.tlsConfig != nil {
		return p.tlsConfig, nil
	}
	cert, err := p.f.ca.issue(p.name+".example", p.at.Addr())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AddCert(p.f.ca.cert)
	p.tlsConfig = &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert}, RootCAs: pool, ServerName: "gw.example",
		ClientCAs: pool, ClientAuth: tls.VerifyClientCertIfGiven, Time: now,
	}
	return p.tlsConfig, nil
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
