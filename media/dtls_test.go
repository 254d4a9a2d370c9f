package media

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/srtp/v3"

	"github.com/tandem-voip/tandem/media/sdp"
)

// withCertificate gives the pool a certificate.
func withCertificate(t *testing.T) func(*Config, *Deps) {
	t.Helper()
	return func(_ *Config, d *Deps) { d.Certificate = certificate(t) }
}

func certificate(t *testing.T) tls.Certificate {
	t.Helper()
	c, err := NewCertificate(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// A shaker is a far side that speaks DTLS: a socket whose records go to pion
// and whose packets stay readable.
type shaker struct {
	net.PacketConn
	p  *phone
	to net.Addr

	mu       sync.Mutex
	records  chan []byte
	deadline chan struct{}
}

// newShaker takes over the socket of a phone that hears nothing itself.
func newShaker(b *bench, at string, e *Endpoint) *shaker {
	p := b.phone(at, e)
	s := &shaker{PacketConn: p.conn, p: p, to: net.UDPAddrFromAddrPort(p.to), records: make(chan []byte, 64), deadline: make(chan struct{})}
	p.mu.Lock()
	p.tap = s.take
	p.mu.Unlock()
	return s
}

func (s *shaker) take(raw []byte) {
	if len(raw) > 0 && raw[0] >= 20 && raw[0] < 64 {
		select {
		case s.records <- slices.Clone(raw):
		default:
		}
	}
}

func (s *shaker) ReadFrom(b []byte) (int, net.Addr, error) {
	s.mu.Lock()
	d := s.deadline
	s.mu.Unlock()
	select {
	case r := <-s.records:
		return copy(b, r), s.to, nil
	case <-d:
		return 0, nil, os.ErrDeadlineExceeded
	}
}

func (s *shaker) SetReadDeadline(t time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.IsZero() {
		s.deadline = make(chan struct{})
		return nil
	}
	d := s.deadline
	time.AfterFunc(time.Until(t), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.deadline == d {
			select {
			case <-d:
			default:
				close(d)
			}
		}
	})
	return nil
}

func (s *shaker) SetDeadline(t time.Time) error { return s.SetReadDeadline(t) }

func (s *shaker) Close() error { return nil }

// shake makes a handshake and returns the far side with its keys.
func (s *shaker) shake(t *testing.T, cert tls.Certificate, client bool, more ...dtls.Option) (*securePhone, error) {
	t.Helper()
	opts := []dtls.Option{
		dtls.WithCertificates(cert), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80, dtls.SRTP_AEAD_AES_128_GCM),
		dtls.WithFlightInterval(200 * time.Millisecond),
	}
	c, err := s.dial(client, append(opts, more...))
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = c.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	state, _ := c.ConnectionState()
	chosen, _ := c.SelectedSRTPProtectionProfile()
	profile := srtp.ProtectionProfile(chosen)
	keyLen, _ := profile.KeyLen()
	saltLen, _ := profile.SaltLen()
	m, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 2*(keyLen+saltLen))
	if err != nil {
		return nil, err
	}
	keys := [2][]byte{m[:keyLen], m[keyLen : 2*keyLen]}
	salts := [2][]byte{m[2*keyLen : 2*keyLen+saltLen], m[2*keyLen+saltLen:]}
	mine, yours := 1, 0
	if client {
		mine, yours = 0, 1
	}
	out, err := srtp.CreateContext(keys[mine], salts[mine], profile)
	if err != nil {
		return nil, err
	}
	in, err := srtp.CreateContext(keys[yours], salts[yours], profile)
	return &securePhone{s.p, out, in}, err
}

func (s *shaker) dial(client bool, opts []dtls.Option) (*dtls.Conn, error) {
	if client {
		var of []dtls.ClientOption
		for _, o := range opts {
			of = append(of, o)
		}
		return dtls.ClientWithOptions(s, s.to, of...)
	}
	of := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)}
	for _, o := range opts {
		of = append(of, o)
	}
	return dtls.ServerWithOptions(s, s.to, of...)
}

// shaking is a with DTLS agreed, our role and the far side's certificate.
func shaking(a sdp.Agreed, role sdp.Role, cert tls.Certificate) sdp.Agreed {
	value, _ := fingerprint("sha-256", cert.Certificate[0])
	a.Profile = sdp.ProfileTLSF
	a.Mux, a.RemoteRTCP = true, a.Remote
	a.DTLS = sdp.DTLS{Role: role, Fingerprint: sdp.Fingerprint{Hash: "sha-256", Value: value}}
	return a
}

// Both roles come to keys, and forward to plain RTP and back.
func TestHandshakeGivesKeysInBothRoles(t *testing.T) {
	for _, role := range []sdp.Role{sdp.RoleServer, sdp.RoleClient} {
		bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
			ea, eb := b.open(Options{}), b.open(Options{})
			pb := b.phone("203.0.113.1:5000", eb)
			far := newShaker(b, "198.51.100.1:4000", ea)
			cert := certificate(t)
			apply(t, eb, "b", agree(pb.addr()))
			ea.Connect(eb)
			eb.Connect(ea)
			a := shaking(agree(far.p.addr()), role, cert)
			apply(t, ea, "a", a)
			p, err := far.shake(t, cert, role == sdp.RoleServer)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			apply(t, ea, "a", a) // a session refresh changes nothing
			p.say(10, 7)
			pb.say(10, 8)
			if n := len(pb.packets()); n != 10 {
				t.Errorf("role %v: the plain side heard %d", role, n)
			}
			if got := p.opened(); len(got) != 10 || got[0][0] != 8 {
				t.Errorf("role %v: the secure side heard %d", role, len(got))
			}
			if role == sdp.RoleServer {
				if n := len(p.protect(p.packet(1))); n != headerLen+160+16 {
					t.Errorf("%d octets a packet: not AES-GCM, though the far side offers it", n)
				}
			}
			if n := b.told(NoticeSecured); len(n) != 1 || ea.Stats().Secure != "dtls" {
				t.Errorf("role %v: told %+v", role, n)
			}
		})
	}
}

// A ClientHello in several datagrams, as browsers send it, is one (RFC 6347
// §4.2.3).
func TestHelloInPiecesIsOne(t *testing.T) {
	bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
		e := b.open(Options{})
		far := newShaker(b, "198.51.100.1:4000", e)
		cert := certificate(t)
		apply(t, e, "a", shaking(agree(far.p.addr()), sdp.RoleServer, cert))
		if _, err := far.shake(t, cert, true, dtls.WithMTU(120)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // our side has finished too
		if n := b.told(NoticeSecured); len(n) != 1 {
			t.Errorf("told %+v", n)
		}
	})
}

// A certificate other than the signalled one gives no keys (RFC 8122 §6.2).
func TestWrongFingerprintGivesNoKeys(t *testing.T) {
	bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
		e := b.open(Options{})
		far := newShaker(b, "198.51.100.1:4000", e)
		apply(t, e, "a", shaking(agree(far.p.addr()), sdp.RoleServer, certificate(t)))
		if _, err := far.shake(t, certificate(t), true); err == nil {
			t.Error("the handshake of a stranger was completed")
		}
		time.Sleep(time.Minute)
		if n := b.told(NoticeUnsecured); len(n) != 1 {
			t.Errorf("told %+v", n)
		}
		if n := b.told(NoticeSecured); len(n) != 0 {
			t.Errorf("told %+v", n)
		}
	})
}

// forgedHello is a ClientHello with a random of its own. Every other one offers no
// cipher that we have, which is worth an alert.
func forgedHello(t *testing.T, n int) []byte {
	t.Helper()
	body := append([]byte{0xfe, 0xfd}, make([]byte, 32)...)
	if _, err := rand.Read(body[2:]); err != nil {
		t.Fatal(err)
	}
	body = append(body, 0, 0, 0, 2, 0xc0, [2]byte{0x2b, 0xff}[n%2], 1, 0)
	size := byte(len(body))
	msg := append([]byte{helloClient, 0, 0, size, 0, 0, 0, 0, 0, 0, 0, size}, body...)
	return append([]byte{recordHandshake, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(msg))}, msg...)
}

// S3: without ICE a handshake is accepted from the signalled address alone. Where
// the policy says that a NAT hides the far side's address, it is from any within
// the media ranges, and the certificate alone decides (RFC 5763 §5).
func TestHandshakeIsForTheSignalledAddress(t *testing.T) {
	inside, outside := netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("10.0.0.0/8")
	for _, c := range []struct {
		o     Options
		from  string
		taken bool
	}{
		{Options{}, "198.51.100.1:4000", true},
		{Options{}, "198.51.100.1:4002", false},
		{Options{}, "203.0.113.9:4000", false},
		{Options{Latch: LatchNAT}, "203.0.113.9:4000", true},
		{Options{Latch: LatchNAT, Ranges: []netip.Prefix{inside}}, "198.51.100.9:4000", true},
		{Options{Latch: LatchNAT, Ranges: []netip.Prefix{outside}}, "198.51.100.9:4000", false},
	} {
		bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
			e := b.open(c.o)
			far, cert := newShaker(b, c.from, e), certificate(t)
			apply(t, e, "a", shaking(agree(ap("198.51.100.1:4000")), sdp.RoleServer, cert))
			if _, err := far.shake(t, cert, true); (err == nil) != c.taken {
				t.Errorf("%+v from %s: %v", c.o.Latch, c.from, err)
			}
			if n := len(b.told(NoticeRejected)); (n == 0) != c.taken {
				t.Errorf("%+v from %s: told %d", c.o.Latch, c.from, n)
			}
		})
	}
}

// S3: two hundred forged ClientHellos a second, from a stranger and from another
// port of the far side's own address, and its handshake is still completed; the
// forged ones leave nothing behind. They are not even looked at, but where a NAT
// may hide the far side's address.
func TestForgedHellosDoNotSpoilTheHandshake(t *testing.T) {
	t.Run("signalled", func(t *testing.T) { forgeHellos(t, Options{}) })
	t.Run("nat", func(t *testing.T) { forgeHellos(t, Options{Latch: LatchNAT}) })
}

func forgeHellos(t *testing.T, o Options) {
	t.Helper()
	bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
		const tries = 20
		done := 0
		for i := range tries {
			e := b.open(o)
			at := ap("198.51.100.1:4000")
			cert := certificate(t)
			apply(t, e, "a", shaking(agree(at), sdp.RoleServer, cert))
			stranger := b.phone("203.0.113.66:6666", e)
			neighbours := make([]*phone, 3)
			for i := range neighbours {
				neighbours[i] = b.phone(fmt.Sprintf("198.51.100.1:%d", 4002+2*i), e)
			}
			stop := make(chan struct{})
			go func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(5 * time.Millisecond):
						stranger.send(forgedHello(t, n))
						neighbours[n%len(neighbours)].send(forgedHello(t, n))
					}
				}
			}()
			time.Sleep(200 * time.Millisecond)
			e.mu.Lock()
			if n := len(e.dialogs[0].dtls.rtp.attempts); n > maxAttempts || (n > 0) != (o.Latch == LatchNAT) {
				t.Errorf("%d attempts are pending", n)
			}
			e.mu.Unlock()
			b.net.Link(at.Addr(), ap("192.0.2.1:1").Addr(), simnetDelay(20*time.Millisecond))
			far := newShaker(b, at.String(), e)
			if _, err := far.shake(t, cert, true); err == nil {
				done++
			} else {
				t.Logf("try %d: %v", i, err)
			}
			close(stop)
			time.Sleep(10 * time.Millisecond)
			for _, p := range append(neighbours, stranger) {
				for _, raw := range p.rest() {
					if kind, _ := handshakeType(raw); kind != helloVerify || o.Latch != LatchNAT {
						t.Errorf("who showed no cookie was told more than to show one: %x", raw)
					}
				}
			}
			e.Close(time.Now())
			for _, p := range append(neighbours, stranger, far.p) {
				_ = p.conn.Close()
			}
		}
		if done != tries {
			t.Errorf("%d of %d handshakes completed", done, tries)
		}
	})
}

// S3: an alert in the clear, which anybody can send in the far side's name, ends
// no handshake (RFC 6347 §4.1.2.7).
func TestForgedAlertEndsNoHandshake(t *testing.T) {
	bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
		e := b.open(Options{})
		b.net.Link(ap("198.51.100.1:1").Addr(), ap("192.0.2.1:1").Addr(), simnetDelay(20*time.Millisecond))
		far, cert := newShaker(b, "198.51.100.1:4000", e), certificate(t)
		apply(t, e, "a", shaking(agree(far.p.addr()), sdp.RoleServer, cert))
		stop := make(chan struct{})
		go func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
					far.p.send([]byte{recordAlert, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, 2, 2, 40}) // fatal, handshake_failure
				}
			}
		}()
		_, err := far.shake(t, cert, true)
		close(stop)
		synctest.Wait()
		if n := b.told(NoticeSecured); err != nil || len(n) != 1 {
			t.Errorf("%v, told %+v", err, n)
		}
	})
}

// RTCP on a port of its own makes a handshake of its own (RFC 5764 §4.2).
func TestRTCPShakesHandsOnItsOwnPort(t *testing.T) {
	bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
		e := b.open(Options{})
		far, ctl := newShaker(b, "198.51.100.1:4000", e), newShaker(b, "198.51.100.1:4001", e)
		ctl.to = net.UDPAddrFromAddrPort(ctl.p.rtcp)
		cert := certificate(t)
		a := shaking(agree(far.p.addr()), sdp.RoleServer, cert)
		a.Mux, a.RemoteRTCP = false, ctl.p.addr()
		apply(t, e, "a", a)
		if _, err := far.shake(t, cert, true); err != nil {
			t.Fatal(err)
		}
		p, err := ctl.shake(t, cert, true)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second)
		reports := 0
		for _, raw := range ctl.p.rest() {
			if raw[0]>>6 != 2 {
				continue
			}
			reports++
			if _, err := p.in.DecryptRTCP(nil, raw, nil); err != nil {
				t.Error(err)
			}
		}
		if reports == 0 {
			t.Error("no report in 20 s")
		}
	})
}

// Under ICE a handshake needs a check from its source first; then media flows
// both ways on that path, before any nomination.
func TestHandshakeNeedsACheckUnderICE(t *testing.T) {
	bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
		e, _, ear := b.fork(withICE())
		far, cert := newShaker(b, "203.0.113.9:5000", e), certificate(t)
		apply(t, e, "A", checking(shaking(agree(far.p.addr()), sdp.RoleServer, cert), "AAAA"))
		if _, err := far.shake(t, cert, true); err == nil {
			t.Fatal("a source without a check completed a handshake")
		}
		far.p.send(check(t, "AAAA", ourPwd, 100, false))
		time.Sleep(time.Millisecond)
		p, err := far.shake(t, cert, true)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		p.say(5, 'A')
		ear.say(5, 'x')
		if got := fills(ear); got != "A" || len(p.opened()) != 5 {
			t.Errorf("heard %q; the far side heard %d", got, len(p.packets()))
		}
	})
}

// A pool that has stopped has closed what was open and opens nothing more.
func TestStoppedPoolLeavesNothing(t *testing.T) {
	bubble(t, withCertificate(t), func(t *testing.T, b *bench) {
		e := b.open(Options{})
		far, cert := newShaker(b, "198.51.100.1:4000", e), certificate(t)
		apply(t, e, "a", shaking(agree(far.p.addr()), sdp.RoleServer, cert))
		if _, err := far.shake(t, cert, true); err != nil {
			t.Fatal(err)
		}
		b.stop()
		if _, err := b.pool.Open(time.Now(), Options{}); !errors.Is(err, ErrClosed) {
			t.Errorf("Open after the stop: %v", err)
		}
		if n := b.net.Counts().OpenUDP; n != 1 {
			t.Errorf("%d sockets, want the far side's alone", n)
		}
		if s := b.pool.Stats(time.Now()); s.Endpoints != 0 || s.Used != 0 {
			t.Errorf("stats %+v", s)
		}
	})
}
