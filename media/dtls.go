package media

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // RFC 8122 §5: what the far side chose to name its certificate with
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"

	"github.com/tandem-voip/tandem/media/sdp"
)

// The bounds of the handshakes of one component of one dialog. A ClientHello
// can be forged, so several are under way at a time, each known by its source
// and random, and only the one that shows the cookie goes on.
const (
	maxAttempts     = 16
	maxFromSource   = 8
	handshakeLimit  = 20 * time.Second
	handshakeRepeat = 400 * time.Millisecond
)

var (
	errNoCertificate = errors.New("dtls was agreed, but there is no certificate; set Deps.Certificate")
	errFingerprint   = errors.New("the far side's certificate is not the one its fingerprint names")
)

// An association is the DTLS of one dialog (RFC 5764): one of RTP, and one of
// RTCP if it has a port of its own (§4.2). Guarded by the endpoint's mutex.
type association struct {
	with sdp.DTLS
	rtp  line
	rtcp line
}

// A line is the handshakes of one component.
type line struct {
	attempts []*attempt
	done     *attempt // the one that came to keys
}

// An attempt is one handshake, and afterwards the association it made.
type attempt struct {
	// set once
	dialog    *dialog
	with      sdp.DTLS
	component uint8
	remote    netip.AddrPort
	random    [32]byte
	conn      *recordConn

	// guarded by the endpoint's mutex
	cookie   []byte
	verified bool // it showed the cookie, or it is ours as client
}

func (a *association) line(component uint8) *line {
	if component == componentRTCP {
		return &a.rtcp
	}
	return &a.rtp
}

// close ends all handshakes.
func (a *association) close() {
	for _, l := range [...]*line{&a.rtp, &a.rtcp} {
		for _, t := range l.attempts {
			t.conn.end()
		}
		if l.done != nil {
			l.done.conn.end()
		}
		*l = line{}
	}
}

// keyDTLS begins an association, or a new one (RFC 8842 §4). The keys before
// stay in use until it has keys.
func (e *Endpoint) keyDTLS(_ time.Time, d *dialog, a *sdp.Agreed) error {
	if len(e.pool.deps.Certificate.Certificate) == 0 {
		return errNoCertificate
	}
	d.dtls.close()
	d.dtls.with = a.DTLS
	if d.keys.protocol == "" {
		d.keys.protocol = "dtls"
	}
	return nil
}

// shake sends a ClientHello where that is our part and the far side's address
// is known. The caller holds mu.
func (e *Endpoint) shake(now time.Time, d *dialog) {
	if d.dtls.with.Role != sdp.RoleClient {
		return
	}
	components := [...]uint8{componentRTP, componentRTCP}
	n := 2
	if d.agreed.Mux || e.rtcp == nil {
		n = 1
	}
	for _, c := range components[:n] {
		l := d.dtls.line(c)
		to, ok := e.target(now, d, c)
		if !ok || l.done != nil || len(l.attempts) > 0 {
			continue
		}
		a := e.newAttempt(d, c, to)
		a.verified = true
		l.attempts = append(l.attempts, a)
	}
}

func (e *Endpoint) newAttempt(d *dialog, component uint8, remote netip.AddrPort) *attempt {
	a := &attempt{dialog: d, with: d.dtls.with, component: component, remote: remote}
	a.conn = newRecordConn(e, a)
	e.spawn = append(e.spawn, func() { e.runHandshake(a) })
	return a
}

// receiveDTLS takes a datagram of DTLS records to the handshake it is of. None
// is begun for a source that was neither signalled nor checked.
func (e *Endpoint) receiveDTLS(now time.Time, r *reader, b []byte, src netip.AddrPort) {
	e.mu.Lock()
	defer e.unlock()
	d := e.shakesWith(r.component, src)
	if d == nil || e.closed {
		e.reject(now, src, "a handshake from a source that was neither signalled nor checked")
		return
	}
	if epoch(b) == 0 && b[0] == recordAlert {
		e.stats.Unauthentic++ // an alert in the clear can be forged: it ends nothing
		return
	}
	l := d.dtls.line(r.component)
	h, isHello := parseHello(b)
	if isHello && d.dtls.with.Role == sdp.RoleServer && l.done == nil {
		e.greet(d, r.component, src, h, b)
		return
	}
	if l.done != nil && l.done.remote == src {
		l.done.conn.deliver(b)
		return
	}
	for _, a := range l.attempts {
		if a.remote == src && a.verified {
			a.conn.deliver(b)
			return
		}
	}
	if continuesHello(b) {
		if a := l.latest(src); a != nil {
			a.conn.deliver(b)
			return
		}
	}
	e.stats.Unauthentic++
}

// latest is the attempt that src began last; nil for none.
func (l *line) latest(src netip.AddrPort) *attempt {
	for _, a := range slices.Backward(l.attempts) {
		if a.remote == src {
			return a
		}
	}
	return nil
}

// greet takes a ClientHello: a new one begins an attempt, one with the right
// cookie shows that its sender is where it says, and one with a wrong cookie is
// nobody's.
func (e *Endpoint) greet(d *dialog, component uint8, src netip.AddrPort, h hello, b []byte) {
	l := d.dtls.line(component)
	for _, a := range l.attempts {
		if a.remote != src || a.random != h.random {
			continue
		}
		if len(h.cookie) > 0 {
			if !bytes.Equal(h.cookie, a.cookie) {
				e.stats.Unauthentic++
				return
			}
			a.verified = true
		}
		a.conn.deliver(b)
		return
	}
	if len(h.cookie) > 0 || !l.room(d, src) {
		e.stats.Unauthentic++
		return
	}
	a := e.newAttempt(d, component, src)
	a.random = h.random
	l.attempts = append(l.attempts, a)
	a.conn.deliver(b)
}

// room makes room for an attempt of src: the oldest that showed no cookie gives
// way, of src itself if it has many, else of a source that was not signalled.
func (l *line) room(d *dialog, src netip.AddrPort) bool {
	of := 0
	for _, a := range l.attempts {
		if a.remote == src {
			of++
		}
	}
	if of < maxFromSource && len(l.attempts) < maxAttempts {
		return true
	}
	i := slices.IndexFunc(l.attempts, func(a *attempt) bool {
		return !a.verified && ((of >= maxFromSource && a.remote == src) || (of < maxFromSource && !d.latch.names(a.remote)))
	})
	if i < 0 {
		return false
	}
	l.attempts[i].conn.end()
	l.attempts = slices.Delete(l.attempts, i, i+1)
	return true
}

// shakesWith finds the dialog that a source may shake hands with: the one whose
// check came from it, else one that signalled it. Behind a NAT a far side without
// ICE comes from elsewhere, so LatchNAT takes any source within the media ranges;
// then the certificate alone says whose it is (RFC 5763 §5).
func (e *Endpoint) shakesWith(component uint8, src netip.AddrPort) *dialog {
	if e.agent != nil {
		if name, checked := e.agent.Dialog(component, src); checked {
			if d := e.find(name); d != nil && d.dtls.with.Role != sdp.RoleNone {
				return d
			}
			return nil
		}
	}
	for _, d := range e.dialogs {
		if d.dtls.with.Role == sdp.RoleNone || d.awaitsChecks() {
			continue
		}
		if d.latch.names(src) || (component == componentRTCP && src == d.rtcpTarget(d.latch.Remote())) || d.latch.anyone(src) {
			return d
		}
	}
	return nil
}

// shaken takes what a handshake came to. The goroutine of the attempt calls it.
func (e *Endpoint) shaken(now time.Time, a *attempt, state *dtls.State, profile dtls.SRTPProtectionProfile, err error) {
	e.mu.Lock()
	defer e.unlock()
	d := a.dialog
	l := d.dtls.line(a.component)
	i := slices.Index(l.attempts, a)
	if e.closed || i < 0 {
		return
	}
	l.attempts = slices.Delete(l.attempts, i, i+1)
	if err == nil {
		err = d.keys.export(now, state, profile, a, d.agreed.Mux || e.rtcp == nil)
	}
	if err != nil {
		if a.verified {
			e.tell(Notice{Kind: NoticeUnsecured, At: now, Dialog: d.name, Addr: a.remote, Reason: shakeReason(err)})
		}
		a.conn.end()
		return
	}
	for _, o := range l.attempts {
		o.conn.end()
	}
	l.attempts, l.done = nil, a
	if a.component != componentRTP {
		return
	}
	e.tell(Notice{Kind: NoticeSecured, At: now, Dialog: d.name, Addr: a.remote})
	if !d.awaitsChecks() && !d.latch.Locked() && a.remote != d.latch.Remote() {
		d.latch.latch(now, a.remote, 0, 0, "its handshake was authentic")
		e.tell(Notice{Kind: NoticePathLatched, At: now, Dialog: d.name, Addr: a.remote, Reason: d.latch.Reason()})
	}
}

// shakeReason is what people are told.
func shakeReason(err error) string {
	if errors.Is(err, errFingerprint) {
		return "certificate does not have the signalled fingerprint"
	}
	return "handshake failed"
}

// export takes the SRTP keys out of a handshake (RFC 5764 §4.2).
func (k *keys) export(now time.Time, s *dtls.State, p dtls.SRTPProtectionProfile, a *attempt, mux bool) error {
	profile := srtp.ProtectionProfile(p)
	keyLen, err := profile.KeyLen()
	if err != nil {
		return fmt.Errorf("no srtp profile in common: %w", err)
	}
	saltLen, err := profile.SaltLen()
	if err != nil {
		return err
	}
	m, err := s.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(keyLen+saltLen))
	if err != nil {
		return fmt.Errorf("export srtp keys: %w", err)
	}
	clientKey, serverKey := m[:keyLen], m[keyLen:2*keyLen]
	clientSalt, serverSalt := m[2*keyLen:2*keyLen+saltLen], m[2*keyLen+saltLen:]
	if a.with.Role == sdp.RoleClient { // ours are the client's
		clientKey, serverKey, clientSalt, serverSalt = serverKey, clientKey, serverSalt, clientSalt
	}
	in, err := srtp.CreateContext(clientKey, clientSalt, profile, windows()...)
	if err != nil {
		return err
	}
	out, err := srtp.CreateContext(serverKey, serverSalt, profile, windows()...)
	if err != nil {
		return err
	}
	if a.component == componentRTP {
		k.before, k.until = k.in, now.Add(overlap)
		k.in, k.out, k.sources = in, out, 0
		k.protocol = "dtls"
	}
	if a.component == componentRTCP || mux {
		k.inRTCP, k.outRTCP = in, out
	}
	return nil
}

// handshakeOptions is what we ask of every handshake.
func (e *Endpoint) handshakeOptions(a *attempt) []dtls.Option {
	return []dtls.Option{
		dtls.WithCertificates(e.pool.deps.Certificate),
		dtls.WithCipherSuites(
			dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
			dtls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, dtls.TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
		),
		// AES-GCM first: it costs a third of AES-CM with HMAC. No 32-bit tags.
		dtls.WithSRTPProtectionProfiles(
			dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AEAD_AES_256_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80,
		),
		dtls.WithInsecureSkipVerify(true), // the fingerprint is what verifies (RFC 5763 §5)
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			return checkFingerprint(a.with.Fingerprint, raw)
		}),
		dtls.WithFlightInterval(handshakeRepeat),
		dtls.WithLoggerFactory(quietLog{}),
	}
}

// checkFingerprint compares a certificate with what was signalled (RFC 8122 §5).
func checkFingerprint(f sdp.Fingerprint, raw [][]byte) error {
	if len(raw) == 0 {
		return errFingerprint
	}
	got, ok := fingerprint(f.Hash, raw[0])
	if !ok || !strings.EqualFold(got, f.Value) {
		return errFingerprint
	}
	return nil
}

// fingerprint is the hash of a certificate as a=fingerprint has it.
func fingerprint(hash string, der []byte) (string, bool) {
	var sum []byte
	switch strings.ToLower(hash) {
	case "sha-256":
		s := sha256.Sum256(der)
		sum = s[:]
	case "sha-384":
		s := sha512.Sum384(der)
		sum = s[:]
	case "sha-512":
		s := sha512.Sum512(der)
		sum = s[:]
	case "sha-1":
		s := sha1.Sum(der) //nolint:gosec // see the import
		sum = s[:]
	default:
		return "", false
	}
	pairs := make([]string, len(sum))
	for i, b := range sum {
		pairs[i] = strings.ToUpper(hex.EncodeToString([]byte{b}))
	}
	return strings.Join(pairs, ":"), true
}

// client reports whether we are the client of the handshake.
func (a *attempt) client() bool { return a.with.Role == sdp.RoleClient }

// sendRecords sends what a handshake has to say. A handshake that has shown no
// cookie may ask for it and say nothing else: its source may be forged, and an
// alert would end the real one's (RFC 6347 §4.1.2.7).
func (e *Endpoint) sendRecords(a *attempt, b []byte) (int, error) {
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return 0, ErrClosed
	}
	if !a.verified {
		cookie, ok := parseVerify(b)
		if !ok {
			return len(b), nil
		}
		a.cookie = append(a.cookie[:0], cookie...)
	}
	e.write(a.component, b, a.remote)
	return len(b), nil
}
