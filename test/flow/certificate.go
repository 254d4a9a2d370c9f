package flow

import (
	"cmp"
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
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// gatewayName is what the gateway's certificate says, unless the flow gives it
// another.
const gatewayName = "gw.example"

// An authority issues the certificates of a flow.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// papers are what a certificate says.
type papers struct {
	names  []string      // DNS names, addresses and "sip:" URIs
	begins time.Duration // from now; 0: an hour ago
	ends   time.Duration // from now; 0: in a year
	forger bool          // another authority signs it
	none   bool          // there is no certificate
	broken bool          // the file is no certificate
}

func newAuthority() (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := &authority{key: key}
	c.cert, err = c.sign(&x509.Certificate{
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, Subject: pkix.Name{CommonName: "authority"},
	}, &key.PublicKey, &papers{})
	return c, err
}

// sign makes a certificate. The authority's own is signed by itself.
func (c *authority) sign(t *x509.Certificate, key *ecdsa.PublicKey, p *papers) (*x509.Certificate, error) {
	t.SerialNumber = big.NewInt(now().UnixNano())
	t.NotBefore, t.NotAfter = now().Add(-time.Hour), now().Add(365*24*time.Hour)
	if p.begins != 0 {
		t.NotBefore = now().Add(p.begins)
	}
	if p.ends != 0 {
		t.NotAfter = now().Add(p.ends)
	}
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

// issue makes a certificate of the papers.
func (c *authority) issue(p *papers) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	for _, n := range p.names {
		a, notAddress := netip.ParseAddr(n)
		switch {
		case strings.HasPrefix(n, "sip:"):
			u, err := url.Parse(n)
			if err != nil {
				return tls.Certificate{}, err
			}
			t.URIs = append(t.URIs, u)
		case notAddress == nil:
			t.IPAddresses = append(t.IPAddresses, net.IP(a.AsSlice()))
		default:
			t.DNSNames = append(t.DNSNames, n)
		}
	}
	if p.forger {
		if c, err = newAuthority(); err != nil {
			return tls.Certificate{}, err
		}
	}
	cert, err := c.sign(t, &key.PublicKey, p)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key}, nil
}

// certificate: certificate PEER|gw [for NAME,...] [expired] [early] [lasting D]
// [forged], or none, gives a side another certificate, for connections from now
// on. The gateway's goes into its files, and may be broken.
func (f *flow) certificate(a *args, _ string) error {
	who := a.next()
	p := f.peers[who]
	if f.ca == nil || p == nil && who != "gw" {
		return fmt.Errorf(`certificate of %q: "secure" has to be above, and its trunk or peer`, who)
	}
	c := &papers{names: []string{gatewayName}}
	if p != nil {
		c.names = p.names()
	}
	for len(a.ws) > 0 {
		var err error
		switch w := a.next(); w {
		case "for":
			c.names = strings.Split(a.next(), ",")
		case "expired":
			c.begins, c.ends = -48*time.Hour, -time.Hour
		case "early":
			c.begins = time.Hour
		case "lasting":
			c.ends, err = a.duration()
		case "forged":
			c.forger = true
		case "none":
			c.none = true
		case "broken":
			c.broken = true
		default:
			err = fmt.Errorf("%q is nothing a certificate has", w)
		}
		if err != nil {
			return err
		}
	}
	if p == nil {
		return f.certify(c)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.papers, p.tlsConfig = c, nil
	return nil
}

// certify writes the gateway's files. Each has a time of its own, so that a change
// shows however fast it came.
func (f *flow) certify(p *papers) error {
	f.renewals++
	at := now().Add(time.Duration(f.renewals) * time.Second)
	cert, err := f.ca.issue(p)
	if err != nil {
		return err
	}
	key, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return err
	}
	for name, b := range map[string]pem.Block{
		"ca.pem":   {Type: "CERTIFICATE", Bytes: f.ca.cert.Raw},
		"cert.pem": {Type: "CERTIFICATE", Bytes: cert.Certificate[0]},
		"key.pem":  {Type: "PRIVATE KEY", Bytes: key},
	} {
		path, text := filepath.Join(f.dir, name), pem.EncodeToMemory(&b)
		if p.broken {
			text = []byte("broken")
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
		if err := os.Chtimes(path, at, at); err != nil {
			return err
		}
	}
	return nil
}

// names are those a peer's certificate says unless the flow gives it others.
func (p *peer) names() []string { return []string{p.name + ".example", p.at.Addr().String()} }

// tls is how a peer speaks TLS, in both roles.
func (p *peer) tls() (*tls.Config, error) {
	if p.f.ca == nil {
		return nil, errors.New(`TLS needs the line "secure" above`)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tlsConfig != nil {
		return p.tlsConfig, nil
	}
	c := p.papers
	if c == nil {
		c = &papers{names: p.names()}
	}
	pool := x509.NewCertPool()
	pool.AddCert(p.f.ca.cert)
	cfg := &tls.Config{
		MinVersion: tls.VersionTLS12, RootCAs: pool, ServerName: cmp.Or(p.expects, gatewayName),
		ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, Time: now,
	}
	if !c.none {
		cert, err := p.f.ca.issue(c)
		if err != nil {
			return nil, err
		}
		cfg.Certificates = []tls.Certificate{cert}
	}
	p.tlsConfig = cfg
	return cfg, nil
}
