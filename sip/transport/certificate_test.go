package transport

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// An authority issues certificates into a folder of the test.
type authority struct {
	t    *testing.T
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, dir: t.TempDir()}
	a.key = newKey(t)
	a.cert = a.sign(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign,
	}, nil, &a.key.PublicKey)
	a.write("ca.pem", "CERTIFICATE", a.cert.Raw)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(c, parent *x509.Certificate, key *ecdsa.PublicKey) *x509.Certificate {
	a.t.Helper()
	c.SerialNumber = big.NewInt(time.Now().UnixNano())
	if c.NotAfter.IsZero() {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	}
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return signed
}

func (a *authority) write(name, kind string, der []byte) string {
	a.t.Helper()
	file := filepath.Join(a.dir, name)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		a.t.Fatal(err)
	}
	return file
}

// issue makes a profile with a certificate for the names: "sip:..." is a URI.
func (a *authority) issue(profile string, names ...string) Profile {
	a.t.Helper()
	key := newKey(a.t)
	c := &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, n := range names {
		switch {
		case strings.HasPrefix(n, "sip:"):
			u, err := url.Parse(n)
			if err != nil {
				a.t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		case net.ParseIP(n) != nil:
			c.IPAddresses = append(c.IPAddresses, net.ParseIP(n))
		case n == "expired":
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(-24*time.Hour)
		default:
			c.DNSNames = append(c.DNSNames, n)
		}
	}
	c = a.sign(c, a.cert, &key.PublicKey)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return Profile{
		Name:        profile,
		Certificate: a.write(profile+".pem", "CERTIFICATE", c.Raw),
		Key:         a.write(profile+".key", "PRIVATE KEY", der),
		CA:          filepath.Join(a.dir, "ca.pem"),
	}
}

// RFC 5922 §7.1 and §7.2; wildcards, where they are allowed, as RFC 2818 §3.1.
func TestCertificateCountsForItsNamesOnly(t *testing.T) {
	uri := func(s string) []*url.URL { u, _ := url.Parse(s); return []*url.URL{u} }
	for _, c := range []struct {
		what string
		cert x509.Certificate
		name string
		want bool
	}{
		{"DNS name", x509.Certificate{DNSNames: []string{"sip.example.com"}}, "SIP.Example.com.", true},
		{"another name", x509.Certificate{DNSNames: []string{"sip.example.com"}}, "example.com", false},
		{"SIP URI", x509.Certificate{URIs: uri("sip:example.com")}, "example.com", true},
		{"SIP URI with a user", x509.Certificate{URIs: uri("sip:bob@example.com")}, "example.com", false},
		{"URI of the web", x509.Certificate{URIs: uri("https://example.com")}, "example.com", false},
		{"URI goes before DNS name", x509.Certificate{URIs: uri("sip:example.com"), DNSNames: []string{"other.com"}}, "other.com", false},
		{"one label", x509.Certificate{DNSNames: []string{"*.example.com"}}, "gw1.example.com", true},
		{"two labels", x509.Certificate{DNSNames: []string{"*.example.com"}}, "a.gw1.example.com", false},
		{"no label", x509.Certificate{DNSNames: []string{"*.example.com"}}, "example.com", false},
		{"whole top level", x509.Certificate{DNSNames: []string{"*.com"}}, "example.com", false},
		{"common name alone", x509.Certificate{Subject: pkix.Name{CommonName: "example.com"}}, "example.com", true},
		{"common name beside others", x509.Certificate{Subject: pkix.Name{CommonName: "example.com"}, DNSNames: []string{"a.com"}}, "example.com", false},
		{"address", x509.Certificate{IPAddresses: []net.IP{net.ParseIP("192.0.2.10")}}, "192.0.2.10", true},
		{"another address", x509.Certificate{IPAddresses: []net.IP{net.ParseIP("192.0.2.10")}}, "192.0.2.11", false},
	} {
		if got := certifies(&c.cert, c.name, true); got != c.want {
			t.Errorf("%s: %s is %v", c.what, c.name, got)
		}
		strict := c.want && !strings.HasPrefix(strings.Join(c.cert.DNSNames, ""), "*")
		if got := certifies(&c.cert, c.name, false); got != strict {
			t.Errorf("%s, without wildcards: %s is %v", c.what, c.name, got)
		}
	}
}

// pair runs two transports that can reach each other: a listens on its address,
// b on the peer's.
func pair(t *testing.T, a, b Config) (ta, tb *Transport, sa, sb *sink) {
	t.Helper()
	us, peer := two()
	ta, sa = serve(t, a, on(us))
	tb, sb = serve(t, b, on(peer))
	return ta, tb, sa, sb
}

func secure(kind, addr string, p ...Profile) Config {
	c := listenOn(kind, addr)
	c.Profiles = p
	c.Listeners[0].Profile = p[0].Name
	return c
}

func TestCallOverTLSProvesBothNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		server := ca.issue("server", "sip:edge.example.net", "edge.example.net")
		server.ClientAuth = "required"
		ta, tb, sa, sb := pair(t, secure("tls", ours, ca.issue("client", "gw.example.com")), secure("tls", theirs, server))
		to := Target{Kind: TLS, Addr: netip.MustParseAddrPort(theirs), Host: "edge.example.net", Profile: "client"}.Flow()
		if err := ta.Send(time.Now(), Outbound{Flow: to, Raw: invite(), CallID: "1"}); err != nil {
			t.Fatal(err)
		}
		in := <-sb.in
		if id := in.Flow.Identity; id == nil || id.Names[0] != "gw.example.com" {
			t.Errorf("the server learned %+v", id)
		}
		if err := tb.Send(time.Now(), Outbound{Flow: in.Reply, Raw: response(t, in)}); err != nil {
			t.Fatal(err)
		}
		back := <-sa.in
		if id := back.Flow.Identity; id == nil || id.Names[0] != "edge.example.net" || back.Flow.Host != "edge.example.net" {
			t.Errorf("the client learned %+v of %+v", id, back.Flow)
		}
	})
}

func TestBadServerCertificateIsRefusedWithTheReason(t *testing.T) {
	for name, c := range map[string]struct {
		names  []string
		expect string
	}{
		"another host": {[]string{"other.example.net"}, "certificate refused: it is for other.example.net, not for edge.example.net"},
		"expired":      {[]string{"edge.example.net", "expired"}, "expired"},
	} {
		synctest.Test(t, func(t *testing.T) {
			ca := newAuthority(t)
			ta, _, sa, sb := pair(t, secure("tls", ours, ca.issue("client", "gw")), secure("tls", theirs, ca.issue("server", c.names...)))
			wantRefused(t, ta, sa, sb, name, c.expect)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		stranger := newAuthority(t)
		ta, _, sa, sb := pair(t, secure("tls", ours, newAuthority(t).issue("client", "gw")), secure("tls", theirs, stranger.issue("server", "edge.example.net")))
		wantRefused(t, ta, sa, sb, "self-signed", "unknown authority")
	})
}

func wantRefused(t *testing.T, ta *Transport, sa, sb *sink, name, expect string) {
	t.Helper()
	to := Target{Kind: TLS, Addr: netip.MustParseAddrPort(theirs), Host: "edge.example.net", Profile: "client"}.Flow()
	if err := ta.Send(time.Now(), Outbound{Flow: to, Raw: invite(), CallID: "1"}); err != nil {
		t.Fatal(err)
	}
	select {
	case f := <-sa.failed:
		if !strings.Contains(f.Err.Error(), expect) {
			t.Errorf("%s: %v, want %q", name, f.Err, expect)
		}
	case <-time.After(time.Minute):
		t.Errorf("%s: no failure, want %q", name, expect)
	}
	if len(sb.in) != 0 {
		t.Errorf("%s: the message got through", name)
	}
}

func TestClientWithoutCertificateIsRefusedWhereOneIsRequired(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		server := ca.issue("server", "edge.example.net")
		server.ClientAuth = "required"
		bare := ca.issue("client", "gw")
		bare.Certificate, bare.Key = "", ""
		cfg := listenOn("tcp", ours)
		cfg.Profiles = []Profile{bare}
		ta, tb, sa, sb := pair(t, cfg, secure("tls", theirs, server))
		to := Target{Kind: TLS, Addr: netip.MustParseAddrPort(theirs), Host: "edge.example.net", Profile: "client"}.Flow()
		if err := ta.Send(time.Now(), Outbound{Flow: to, Raw: invite(), CallID: "1"}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if len(sb.in) != 0 {
			t.Error("the message got through")
		}
		if tb.Stats().Counters["handshakes_failed"] != 1 {
			t.Error("not counted")
		}
		_ = sa // TLS 1.3 tells the client after its first octets are sent
	})
}

func TestClientOfAnotherAuthorityIsRefused(t *testing.T) {
	for _, auth := range []string{"optional", "required"} {
		synctest.Test(t, func(t *testing.T) {
			ca, other := newAuthority(t), newAuthority(t)
			server := ca.issue("server", "edge.example.net")
			server.ClientAuth = auth
			client := other.issue("client", "gw")
			client.CA = server.CA
			ta, tb, _, sb := pair(t, secure("tls", ours, client), secure("tls", theirs, server))
			to := Target{Kind: TLS, Addr: netip.MustParseAddrPort(theirs), Host: "edge.example.net", Profile: "client"}.Flow()
			if err := ta.Send(time.Now(), Outbound{Flow: to, Raw: invite(), CallID: "1"}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			if len(sb.in) != 0 || tb.Stats().Counters["handshakes_failed"] != 1 {
				t.Errorf("%s: %d messages got through, %d handshakes failed", auth, len(sb.in), tb.Stats().Counters["handshakes_failed"])
			}
		})
	}
}

// One address, two names: the certificate of one must not vouch for the other.
func TestConnectionsAreNotSharedAcrossNames(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		ta, _, _, sb := pair(t, secure("tls", ours, ca.issue("client", "gw")), secure("tls", theirs, ca.issue("server", "a.example.net", "b.example.net")))
		for _, host := range []string{"a.example.net", "b.example.net", "a.example.net"} {
			to := Target{Kind: TLS, Addr: netip.MustParseAddrPort(theirs), Host: host, Profile: "client"}.Flow()
			if err := ta.Send(time.Now(), Outbound{Flow: to, Raw: invite(), CallID: host}); err != nil {
				t.Fatal(err)
			}
			<-sb.in
		}
		if n := ta.Stats().Connections; n != 2 {
			t.Errorf("%d connections, want 2", n)
		}
	})
}

func TestRenewedCertificateIsTakenUpWithoutDroppingAConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		cfg := secure("tls", theirs, ca.issue("server", "old.example.net"))
		ta, tb, _, sb := pair(t, secure("tls", ours, ca.issue("client", "gw")), cfg)
		send := func(host string) {
			to := Target{Kind: TLS, Addr: netip.MustParseAddrPort(theirs), Host: host, Profile: "client"}.Flow()
			if err := ta.Send(time.Now(), Outbound{Flow: to, Raw: invite(), CallID: host}); err != nil {
				t.Fatal(err)
			}
			<-sb.in
		}
		send("old.example.net")
		ca.issue("server", "renewed.example.net")
		touch(t, cfg.Profiles[0].Certificate, 1)
		time.Sleep(watchInterval + time.Second)
		send("renewed.example.net")
		send("old.example.net") // over the connection that was there
		if err := os.WriteFile(cfg.Profiles[0].Certificate, []byte("broken"), 0o600); err != nil {
			t.Fatal(err)
		}
		touch(t, cfg.Profiles[0].Certificate, 2)
		time.Sleep(watchInterval + time.Second)
		send("renewed.example.net")
		if st := tb.Stats(); st.Counters["certificates_reloaded"] != 1 || st.Counters["certificates_not_reloaded"] != 1 || st.Connections != 2 {
			t.Errorf("stats %+v", st)
		}
	})
}

// touch gives a file a time of its own, whatever the clock of the machine does.
func touch(t *testing.T, file string, n int) {
	t.Helper()
	at := time.Now().Add(time.Duration(n) * time.Hour)
	if err := os.Chtimes(file, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		us, peer := two()
		serve(t, secure("tls", ours, ca.issue("server", "gw")), on(us))
		c := tls.Client(connect(t, peer), &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, InsecureSkipVerify: true})
		if err := c.Handshake(); err == nil {
			t.Error("TLS 1.1 was accepted")
		}
	})
}

func TestSilentTLSClientHoldsUpNobody(t *testing.T) {
	for _, kind := range []string{"tls", "wss"} {
		synctest.Test(t, func(t *testing.T) {
			ca := newAuthority(t)
			us, peer := two()
			serve(t, secure(kind, ours, ca.issue("server", "gw")), on(us))
			begun := time.Now()
			silent := connect(t, peer)
			c := tls.Client(connect(t, peer), &tls.Config{InsecureSkipVerify: true})
			if err := c.Handshake(); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
			if d := time.Since(begun); d > time.Second {
				t.Errorf("%s: the second client waited %v", kind, d)
			}
			wantClosed(t, silent, begun, 10*time.Second)
			_ = c.Close()
		})
	}
}

func TestReloadTakesUpProfilesOrNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t)
		cfg := secure("tls", theirs, ca.issue("server", "old.example.net"))
		ta, tb, _, sb := pair(t, secure("tls", ours, ca.issue("client", "gw")), cfg)
		next := cfg
		next.Profiles = []Profile{ca.issue("renewed", "new.example.net")}
		next.Profiles[0].Name = "server"
		if err := tb.Apply(next); err != nil {
			t.Fatal(err)
		}
		for _, bad := range []func(*Config){
			func(c *Config) { c.Profiles = nil; c.Listeners = nil },
			func(c *Config) {
				c.Profiles = []Profile{{Name: "server", Certificate: "missing.pem", Key: "missing.key"}}
			},
		} {
			broken := next
			bad(&broken)
			if err := tb.Apply(broken); err == nil {
				t.Error("a broken configuration was taken up")
			}
		}
		to := Target{Kind: TLS, Addr: netip.MustParseAddrPort(theirs), Host: "new.example.net", Profile: "client"}.Flow()
		if err := ta.Send(time.Now(), Outbound{Flow: to, Raw: invite(), CallID: "1"}); err != nil {
			t.Fatal(err)
		}
		<-sb.in
	})
}
