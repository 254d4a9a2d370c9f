//go:build interop

package interop

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/dtls/v3"
)

// The lanes of the race: calls that are set up side by side.
const (
	lanes        = 10
	callsPerLane = 10
)

// While two hundred hostile ClientHellos a second hit the port from elsewhere
// and from other ports of the called phone's own address, its handshake comes
// to keys, a hundred times of a hundred (SECURITY S3).
func TestClientHelloRace(t *testing.T) {
	var callers, routes []string
	trunks := []trunk{{}}
	for i := range lanes {
		callers = append(callers, fmt.Sprintf("NET.%d", 111+i))
		name := fmt.Sprintf("east%d", i)
		trunks = append(trunks, trunk{name, 131 + i, "media: {codecs: [PCMU], mux: offered}\nsecurity: {srtp: required, keys: dtls}"})
		routes = append(routes, fmt.Sprintf(`- {name: to%d, match: {numbers: ["+1555020%d"]}, targets: [{trunk: %s}]}`, i, i, name))
	}
	trunks[0] = trunk{"west", 0, "peer: {addresses: [" + strings.Join(callers, ", ") + "], host: NET.111, port: 5060}\noptions: {interval: 0s}\nmedia: {codecs: [PCMU]}"}
	g := start(t, strings.Join(routes, "\n"), "", trunks...)
	hello := clientHello(t, g)
	var good, sent atomic.Int64
	var took [lanes * callsPerLane]time.Duration
	t.Run("calls", func(t *testing.T) {
		for i := range lanes {
			l := &lane{g: g, i: i, west: g.phone(111 + i), east: g.phone(131 + i), rtp: g.stream(111+i, pcmu()), hello: hello, sent: &sent}
			for k := range 8 {
				l.hostile = append(l.hostile, g.socket(g.addr(131+i-66*(k%2)), uint16(7000+k)))
			}
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				l.west.t, l.east.t, l.rtp.t = t, t, t
				for n := range callsPerLane {
					d, err := l.call(t, n)
					if err != nil {
						t.Errorf("call %d of lane %d: %v", n, i, err)
						continue
					}
					good.Add(1)
					took[i*callsPerLane+n] = d
				}
			})
		}
	})
	slices.Sort(took[:])
	t.Logf("%d of %d set-ups came to keys against %d hostile hellos; handshake p50 %v, longest %v",
		good.Load(), lanes*callsPerLane, sent.Load(), took[len(took)/2], took[len(took)-1])
	g.unharmed(0)
	g.idle()
}

// A lane makes one call after the other.
type lane struct {
	g          *gateway
	i          int
	west, east *phone
	rtp        *stream
	hostile    []*net.UDPConn
	hello      []byte
	sent       *atomic.Int64
}

// call is one call: the hellos begin as soon as the port is known, before the
// phone has answered, and go on until its own handshake is over.
func (l *lane) call(t *testing.T, n int) (time.Duration, error) {
	a := l.west.call(fmt.Sprintf("+1555020%d", l.i), l.rtp.sdp())
	b := l.east.incoming()
	s := l.g.secure(131+l.i, uint16(6000+2*n), true)
	s.t = t
	s.meet(b.invite.body)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); l.attack(ctx, s.to) }()
	defer func() { stop(); <-done }()
	time.Sleep(70 * time.Millisecond)
	b.accept(s.sdp())
	a.answered()
	began := time.Now()
	err := s.shake(15 * time.Second)
	took := time.Since(began)
	if err == nil {
		s.talk(3)
	}
	a.request("BYE", "")
	b.hungUp()
	a.wait("200 BYE")
	return took, err
}

// attack sends two hundred hellos a second, each of another handshake, some
// with a cookie that nobody gave them.
func (l *lane) attack(ctx context.Context, to netip.AddrPort) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		b := hostileHello(l.hello, n%4 == 3)
		_, _ = l.hostile[n%len(l.hostile)].WriteToUDPAddrPort(b, to)
		l.sent.Add(1)
	}
}

// hostileHello is a hello of another handshake. RFC 6347 §4.2.1, §4.2.2.
func hostileHello(hello []byte, withCookie bool) []byte {
	const random, cookie = 27, 60 // where they stand, with an empty session
	b := slices.Clone(hello)
	for i := range 32 {
		b[random+i] = byte(rand.Uint32())
	}
	if !withCookie {
		return b
	}
	forged := make([]byte, 20)
	for i := range forged {
		forged[i] = byte(rand.Uint32())
	}
	b[cookie] = byte(len(forged))
	b = slices.Insert(b, cookie+1, forged...)
	for _, at := range []int{11, 15, 23} { // of the record, the message, the fragment
		binary.BigEndian.PutUint16(b[at:], binary.BigEndian.Uint16(b[at:])+uint16(len(forged)))
	}
	return b
}

// clientHello is the first datagram of a handshake.
func clientHello(t *testing.T, g *gateway) []byte {
	t.Helper()
	s := g.secure(99, 7098, true)
	sink := g.socket(g.addr(99), 7099)
	s.to = sink.LocalAddr().(*net.UDPAddr).AddrPort()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	conn, err := dtls.ClientWithOptions(&records{secure: s}, net.UDPAddrFromAddrPort(s.to),
		dtls.WithCertificates(s.cert), dtls.WithInsecureSkipVerify(true),
		dtls.WithSRTPProtectionProfiles(dtls.SRTP_AES128_CM_HMAC_SHA1_80))
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = conn.HandshakeContext(ctx) }()
	b := make([]byte, 2048)
	_ = sink.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := sink.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return b[:n]
}
