package flow

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
)

// A shaker is the DTLS side of one RTP session (RFC 5764).
type shaker struct {
	certificate tls.Certificate
	setup       string      // as we described it
	in          chan []byte // records of the RTP socket
	reports     chan []byte // records of the RTCP socket
}

// take hands a record to a handshake; what nobody waits for is lost.
func (d *shaker) take(in chan<- []byte, b []byte) {
	select {
	case in <- slices.Clone(b):
	default:
	}
}

// certify makes a certificate, once. The caller holds mu.
func (m *media) certify() error {
	if m.dtls != nil {
		return nil
	}
	c, err := selfsign.GenerateSelfSigned()
	if err == nil {
		m.dtls = &shaker{certificate: c, in: make(chan []byte, 64), reports: make(chan []byte, 64)}
	}
	return err
}

// fingerprint is that of a certificate as SDP writes it (RFC 8122 §5).
func fingerprint(der []byte) string {
	sum := sha256.Sum256(der)
	s := make([]string, len(sum))
	for i, b := range sum {
		s[i] = fmt.Sprintf("%02X", b)
	}
	return "sha-256 " + strings.Join(s, ":")
}

// writeDTLS writes fingerprint and role. The caller holds mu.
func (m *media) writeDTLS(line func(string, ...any), w *sdpWords) {
	d := m.dtls
	switch {
	case w.setup != "":
		d.setup = w.setup
	case !w.answer:
		d.setup = "actpass"
	default:
		d.setup = "active"
		if s, _ := m.remote.attr("setup"); s == "active" {
			d.setup = "passive"
		}
	}
	shown := fingerprint(d.certificate.Certificate[0])
	if w.forged {
		shown = fingerprint([]byte("another certificate"))
	}
	line("a=fingerprint:%s", shown)
	line("a=setup:%s", d.setup)
}

// shakes: shakes hands [for reports] [failing] performs the handshake and takes the
// keys; that for reports is the one of RTCP with a port of its own (RFC 5764 §4.2).
func (f *flow) shakes(m *media, a *args) error {
	if !a.accept("hands") {
		return errors.New(`a peer "shakes hands"`)
	}
	m.mu.Lock()
	d, remote := m.dtls, m.remote
	m.mu.Unlock()
	if d == nil || remote == nil {
		return errors.New("both sides have to have described dtls first")
	}
	client := d.setup == "active"
	if s, _ := remote.attr("setup"); d.setup == "actpass" {
		client = s == "passive"
	}
	c := &records{m: m, in: d.in, to: netip.AddrPortFrom(remote.addr, remote.port), end: make(chan struct{})}
	if a.accept("for") {
		a.accept("reports")
		c.reports, c.in, c.to = true, d.reports, netip.AddrPortFrom(remote.addr, remote.rtcpPort)
	}
	failing := a.accept("failing")
	var err error
	done := make(chan error, 1)
	f.spawn(func() { done <- m.shake(c, client, remote) })
	if !f.wait(10*time.Second, func() bool {
		select {
		case err = <-done:
			return true
		default:
			return false
		}
	}) {
		err = errors.New("it has no end after 10s")
		_ = c.Close()
	}
	switch {
	case failing && err == nil:
		return errors.New("the handshake succeeded")
	case !failing && err != nil:
		return fmt.Errorf("handshake: %w", err)
	}
	f.ladder.note("%s shook hands: %v", m.who, err == nil)
	return a.end()
}

// shake runs the handshake and derives the keys (RFC 5764 §4.2).
func (m *media) shake(c *records, client bool, remote *session) error {
	verify := func(certs [][]byte, _ [][]*x509.Certificate) error {
		if want, _ := remote.attr("fingerprint"); len(certs) == 0 || !strings.EqualFold(want, fingerprint(certs[0])) {
			return errors.New("the certificate is not the one that was signalled")
		}
		return nil
	}
	options := []dtls.Option{
		dtls.WithCertificates(m.dtls.certificate), dtls.WithInsecureSkipVerify(true), dtls.WithVerifyPeerCertificate(verify),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithFlightInterval(200 * time.Millisecond),
	}
	conn, err := begin(c, client, options)
	if err != nil {
		return err
	}
	m.f.opened(conn)
	if err := conn.HandshakeContext(m.f.ctx); err != nil {
		_ = c.Close()
		return err
	}
	k := &m.keys
	if c.reports {
		k = &m.reportKeys
	}
	return m.derive(k, conn, client)
}

// begin makes the DTLS connection of either role.
func begin(c *records, client bool, options []dtls.Option) (*dtls.Conn, error) {
	to := net.UDPAddrFromAddrPort(c.to)
	if client {
		var of []dtls.ClientOption
		for _, o := range options {
			of = append(of, o)
		}
		return dtls.ClientWithOptions(c, to, of...)
	}
	of := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range options {
		of = append(of, o)
	}
	return dtls.ServerWithOptions(c, to, of...)
}

// derive takes the SRTP keys out of a finished handshake.
func (m *media) derive(k *keys, conn *dtls.Conn, client bool) error {
	chosen, ok := conn.SelectedSRTPProtectionProfile()
	state, known := conn.ConnectionState()
	if !ok || !known {
		return errors.New("no SRTP profile was agreed")
	}
	p := srtp.ProtectionProfile(chosen)
	key, err := p.KeyLen()
	if err != nil {
		return err
	}
	salt, err := p.SaltLen()
	if err != nil {
		return err
	}
	b, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(key+salt))
	if err != nil {
		return err
	}
	clientCtx, err := srtp.CreateContext(b[:key], b[2*key:2*key+salt], p)
	if err != nil {
		return err
	}
	serverCtx, err := srtp.CreateContext(b[key:2*key], b[2*key+salt:], p)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	*k = keys{suite: "dtls", out: clientCtx, in: serverCtx}
	if !client {
		k.out, k.in = serverCtx, clientCtx
	}
	return nil
}
