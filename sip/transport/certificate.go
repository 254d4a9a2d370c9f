package transport

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// A profile is a Profile with its files read. Running connections keep what they
// began with; new ones take what is current. Safe for concurrent use.
type profile struct {
	cfg     Profile
	current atomic.Pointer[material]
	stamps  []stamp // owned by the goroutine that watches the files
}

// material is what was read from the files of a profile. It does not change.
type material struct {
	cfg   Profile
	cert  []tls.Certificate // none or one
	roots *x509.CertPool    // nil means the system's
}

// A stamp tells whether a file has changed.
type stamp struct {
	size int64
	at   time.Time
}

func newProfile(cfg Profile) (*profile, error) {
	p := &profile{cfg: cfg, stamps: stampsOf(cfg)}
	m, err := cfg.load()
	if err != nil {
		return nil, err
	}
	p.current.Store(m)
	return p, nil
}

// reload reads the files again if one has changed. On error what was read before
// stays in force, and the files are tried again when they next change.
func (p *profile) reload() (changed bool, err error) {
	now := stampsOf(p.cfg)
	if slices.Equal(now, p.stamps) {
		return false, nil
	}
	p.stamps = now
	m, err := p.cfg.load()
	if err != nil {
		return false, err
	}
	p.current.Store(m)
	return true, nil
}

func stampsOf(cfg Profile) []stamp {
	var all []stamp
	for _, name := range []string{cfg.Certificate, cfg.Key, cfg.CA} {
		var s stamp
		if info, err := os.Stat(name); err == nil {
			s = stamp{info.Size(), info.ModTime()}
		}
		all = append(all, s)
	}
	return all
}

func (p Profile) load() (*material, error) {
	m := &material{cfg: p}
	if p.Certificate != "" {
		c, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
		if err != nil {
			return nil, fmt.Errorf("tls profile %s: certificate: %w", p.Name, err)
		}
		m.cert = []tls.Certificate{c}
	}
	if p.CA != "" {
		pem, err := os.ReadFile(p.CA)
		if err != nil {
			return nil, fmt.Errorf("tls profile %s: ca: %w", p.Name, err)
		}
		m.roots = x509.NewCertPool()
		if !m.roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("tls profile %s: ca: no certificate in %s", p.Name, p.CA)
		}
	}
	return m, nil
}

func (m *material) minVersion() uint16 {
	if m.cfg.MinVersion == "1.3" {
		return tls.VersionTLS13
	}
	return tls.VersionTLS12
}

// server is the configuration of a listener.
func (m *material) server() *tls.Config {
	c := &tls.Config{Certificates: m.cert, MinVersion: m.minVersion()}
	switch m.cfg.ClientAuth {
	case "optional":
		c.ClientAuth = tls.RequestClientCert
	case "required":
		c.ClientAuth = tls.RequireAnyClientCert
	default:
		return c
	}
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if len(s.PeerCertificates) == 0 {
			return nil // required ones were demanded above
		}
		// Public authorities no longer issue certificates for clients, so those of SIP
		// servers come for servers only. What counts is the authority and the name.
		return m.verifyChain(s, x509.ExtKeyUsageAny)
	}
	return c
}

// client is the configuration to connect to the server of this name with. Go's
// own check knows no SIP URIs in certificates, so ours stands in its place.
func (m *material) client(name string) *tls.Config {
	c := &tls.Config{
		Certificates:       m.cert,
		MinVersion:         m.minVersion(),
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection does it
	}
	if _, err := netip.ParseAddr(name); err != nil {
		c.ServerName = name // RFC 6066 §3: no addresses
	}
	if m.cfg.Insecure {
		return c
	}
	c.VerifyConnection = func(s tls.ConnectionState) error {
		if err := m.verifyChain(s, x509.ExtKeyUsageServerAuth); err != nil {
			return fmt.Errorf("%w: %w", ErrCertificate, err)
		}
		if leaf := s.PeerCertificates[0]; !certifies(leaf, name, m.cfg.Wildcards) {
			return fmt.Errorf("%w: it is for %s, not for %s", ErrCertificate, strings.Join(sipNames(leaf), ", "), name)
		}
		return nil
	}
	return c
}

func (m *material) verifyChain(s tls.ConnectionState, usage x509.ExtKeyUsage) error {
	if len(s.PeerCertificates) == 0 {
		return errors.New("no certificate")
	}
	o := x509.VerifyOptions{Roots: m.roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{usage}}
	for _, c := range s.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(o)
	return err
}

// sipNames are the SIP domains of a certificate. RFC 5922 §7.1: URIs go before
// DNS names, and the common name counts only where there is neither.
func sipNames(c *x509.Certificate) []string {
	var names []string
	for _, u := range c.URIs {
		if !strings.EqualFold(u.Scheme, "sip") {
			continue
		}
		if host := u.Opaque; host != "" && !strings.Contains(host, "@") { // one with a user names a user
			host, _, _ = strings.Cut(host, ";")
			names = append(names, strings.ToLower(host))
		}
	}
	if len(names) > 0 {
		return names
	}
	for _, n := range c.DNSNames {
		names = append(names, strings.ToLower(n))
	}
	if len(names) == 0 && len(c.IPAddresses) == 0 && c.Subject.CommonName != "" {
		names = append(names, strings.ToLower(c.Subject.CommonName))
	}
	return names
}

// certifies reports whether the certificate is one for name: names match as a
// whole, and a wildcard is none (RFC 5922 §7.2). With wildcards, one stands for
// one label, as RFC 2818 §3.1 has it.
func certifies(c *x509.Certificate, name string, wildcards bool) bool {
	if a, err := netip.ParseAddr(name); err == nil {
		return slices.ContainsFunc(c.IPAddresses, func(ip net.IP) bool {
			b, ok := netip.AddrFromSlice(ip)
			return ok && b.Unmap() == a.Unmap()
		})
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	_, parent, _ := strings.Cut(name, ".")
	for _, n := range sipNames(c) {
		rest, wild := strings.CutPrefix(n, "*.")
		if n == name || wildcards && wild && strings.Contains(rest, ".") && rest == parent {
			return true
		}
	}
	return false
}

// identityOf is what the peer proved, nil if it was not asked to or showed nothing.
func identityOf(s tls.ConnectionState, verified bool) *Identity {
	if !verified || len(s.PeerCertificates) == 0 {
		return nil
	}
	leaf := s.PeerCertificates[0]
	return &Identity{Names: sipNames(leaf), NotAfter: leaf.NotAfter}
}

// loadProfiles reads all profiles. There is always one named default.
func loadProfiles(cfgs []Profile) (map[string]*profile, error) {
	all := map[string]*profile{}
	for _, cfg := range cfgs {
		p, err := newProfile(cfg)
		if err != nil {
			return nil, err
		}
		all[cfg.Name] = p
	}
	if all["default"] == nil {
		p, err := newProfile(Profile{Name: "default"})
		if err != nil {
			return nil, err
		}
		all["default"] = p
	}
	return all, nil
}

// verifiesClients reports whether a certificate that a client shows is verified.
func (m *material) verifiesClients() bool {
	return m.cfg.ClientAuth == "optional" || m.cfg.ClientAuth == "required"
}
