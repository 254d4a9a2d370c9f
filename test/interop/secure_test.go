//go:build interop

package interop

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/selfsign"
	"github.com/pion/srtp/v3"
)

// A secure is the SRTP of one phone, keyed by SDES or DTLS, RTP and RTCP on one
// port. It sends and counts PCMU and knows nothing of sound.
type secure struct {
	t    *testing.T
	conn *net.UDPConn
	to   netip.AddrPort
	cert tls.Certificate // of DTLS; none: SDES
	key  []byte          // of SDES, ours, with its salt

	records chan []byte // DTLS that came
	closed  chan struct{}

	ssrc uint32
	seq  uint16

	mu    sync.Mutex
	out   *srtp.Context
	in    *srtp.Context
	heard int      // authentic packets of audio
	wire  [][]byte // the last packets sent, as they went
}

// secure opens an RTP port of host n. DTLS takes a certificate of its own.
func (g *gateway) secure(n int, port uint16, withDTLS bool) *secure {
	g.t.Helper()
	s := &secure{t: g.t, conn: g.socket(g.addr(n), port), records: make(chan []byte, 64), closed: make(chan struct{}), ssrc: rand.Uint32()}
	if withDTLS {
		var err error
		if s.cert, err = selfsign.GenerateSelfSigned(); err != nil {
			g.t.Fatal(err)
		}
	} else {
		s.key = make([]byte, 30)
		for i := range s.key {
			s.key[i] = byte(rand.Uint32())
		}
	}
	ended := make(chan struct{})
	go func() { defer close(ended); s.read() }()
	g.t.Cleanup(func() { close(s.closed); s.conn.Close(); <-ended })
	return s
}

// read sorts what comes as RFC 7983 §7 says.
func (s *secure) read() {
	for buf := make([]byte, 2048); ; {
		n, err := s.conn.Read(buf)
		if err != nil {
			return
		}
		switch b := buf[:n]; {
		case n > 0 && b[0] >= 20 && b[0] < 64:
			select {
			case s.records <- append([]byte(nil), b...):
			default:
			}
		case n > 12 && b[0]>>6 == 2 && (b[1] < 192 || b[1] > 223):
			s.mu.Lock()
			if s.in != nil {
				if _, err := s.in.DecryptRTP(nil, b, nil); err == nil {
					s.heard++
				}
			}
			s.mu.Unlock()
		}
	}
}

// sdp is our offer or answer: extra are more attributes.
func (s *secure) sdp(extra ...string) string {
	host := s.conn.LocalAddr().(*net.UDPAddr)
	profile := "RTP/SAVP"
	attributes := append([]string{"a=rtpmap:0 PCMU/8000", "a=ptime:20"}, extra...)
	if s.key == nil {
		profile = "UDP/TLS/RTP/SAVP"
		sum := sha256.Sum256(s.cert.Certificate[0])
		print := strings.ReplaceAll(fmt.Sprintf("% X", sum[:]), " ", ":")
		attributes = append(attributes, "a=rtcp-mux", "a=setup:active", "a=fingerprint:sha-256 "+print)
	} else {
		attributes = append(attributes, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+base64.StdEncoding.EncodeToString(s.key))
	}
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d %[3]s 0\r\n%[4]s\r\n",
		host.IP, host.Port, profile, strings.Join(attributes, "\r\n"))
}

// meet reads the other side's SDP: where to send, and its key with SDES.
func (s *secure) meet(sdp string) {
	s.t.Helper()
	other := &stream{t: s.t, format: pcmu()}
	other.meet(sdp)
	s.to = other.to
	if s.key == nil {
		return
	}
	_, rest, ok := strings.Cut(sdp, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:")
	text, _, _ := strings.Cut(strings.TrimSpace(strings.SplitN(rest, "\n", 2)[0]), "|")
	key, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || len(key) != 30 {
		s.t.Fatalf("no key in SDP (%v):\n%s", err, sdp)
	}
	s.keyed(s.context(s.key), s.context(key))
}

func (s *secure) context(key []byte) *srtp.Context {
	s.t.Helper()
	c, err := srtp.CreateContext(key[:16], key[16:], srtp.ProtectionProfileAes128CmHmacSha1_80)
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func (s *secure) keyed(out, in *srtp.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out, s.in = out, in
}

// shake is the handshake as the client, and the keys out of it (RFC 5764 §4.2).
func (s *secure) shake(within time.Duration) error {
	conn, err := dtls.ClientWithOptions(&records{secure: s}, net.UDPAddrFromAddrPort(s.to),
		dtls.WithCertificates(s.cert), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80),
		dtls.WithFlightInterval(200*time.Millisecond))
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- conn.HandshakeContext(s.t.Context()) }()
	select {
	case err = <-done:
	case <-time.After(within):
		err = errors.New("the handshake has no end")
	}
	if err != nil {
		return err
	}
	state, ok := conn.ConnectionState()
	if !ok {
		return errors.New("the handshake has no state")
	}
	b, err := state.ExportKeyingMaterial("EXTRACTOR-dtls_srtp", nil, 60)
	if err != nil {
		return err
	}
	s.keyed(s.context(append(b[:16:16], b[32:46]...)), s.context(append(b[16:32:32], b[46:60]...)))
	return nil
}

// packet is the next packet of audio, protected.
func (s *secure) packet() []byte {
	s.t.Helper()
	b := make([]byte, 172)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], s.seq)
	binary.BigEndian.PutUint32(b[4:], uint32(s.seq)*160)
	binary.BigEndian.PutUint32(b[8:], s.ssrc)
	s.seq++
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.out.EncryptRTP(nil, b, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return b
}

// talk sends n packets in real time.
func (s *secure) talk(n int) {
	for range n {
		b := s.packet()
		s.wire = append(s.wire, b)
		_, _ = s.conn.WriteToUDPAddrPort(b, s.to)
		time.Sleep(step)
	}
}

// count is how many authentic packets came.
func (s *secure) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.heard
}

// records is the socket as a handshake sees it.
type records struct {
	*secure
	mu       sync.Mutex
	deadline time.Time
}

func (r *records) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		r.mu.Lock()
		deadline := r.deadline
		r.mu.Unlock()
		if !deadline.IsZero() && time.Now().After(deadline) {
			return 0, nil, os.ErrDeadlineExceeded
		}
		select {
		case d := <-r.records:
			return copy(b, d), net.UDPAddrFromAddrPort(r.to), nil
		case <-r.closed:
			return 0, nil, net.ErrClosed
		case <-time.After(20 * time.Millisecond): // look at the deadline again
		}
	}
}

func (r *records) WriteTo(b []byte, _ net.Addr) (int, error) {
	return r.conn.WriteToUDPAddrPort(b, r.to)
}

func (r *records) Close() error                     { return nil }
func (r *records) LocalAddr() net.Addr              { return r.conn.LocalAddr() }
func (r *records) SetWriteDeadline(time.Time) error { return nil }
func (r *records) SetDeadline(t time.Time) error    { return r.SetReadDeadline(t) }
func (r *records) SetReadDeadline(t time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	return nil
}
