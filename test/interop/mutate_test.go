//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"testing"
	"time"
)

// How much is mutated: of each protocol, by so many seeds.
const (
	mutations = 100_000
	seeds     = 20
)

// A hundred thousand mutated messages each of SIP, RTP, RTCP, STUN and DTLS,
// from the addresses that are listened to, kill nothing: no fault is caught, the
// memory comes back, and a plain and a keyed call go on and are heard (S9).
func TestMutatedMessages(t *testing.T) {
	const dtlsKeys = "media: {codecs: [PCMU], mux: offered}\nsecurity: {srtp: required, keys: dtls}"
	const routes = `
- {name: keyed, match: {trunks: [west], numbers: ["+15550101"]}, targets: [{trunk: keyed}]}
- {name: plain, match: {trunks: [west]}, targets: [{trunk: east}]}
- {name: busy, match: {trunks: [north]}, targets: [{trunk: south}]}
`
	g := start(t, routes, "call: {ring_time: 10s}", west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMU]}"),
		trunk{"keyed", 15, dtlsKeys}, trunk{"north", 13, "dialog: {reliable: supported, timer: accept}"}, trunk{"south", 14, ""})
	v := &victims{g: g, probe: g.probe(11)}
	v.call()
	v.hear("before")
	before, resident := g.held(), g.rss()
	t.Run("SIP", v.mutateSIP)
	t.Run("RTP", v.mutateRTP)
	t.Run("RTCP", v.mutateRTCP)
	t.Run("STUN", v.mutateSTUN)
	t.Run("DTLS", v.mutateDTLS)
	v.hear("after")
	g.unharmed(2)
	v.end()
	g.eventually(45*time.Second, "the calls of mutated INVITEs to be over", func() bool { return g.metric("tandem_calls") == 0 })
	var after float64
	g.eventually(40*time.Second, fmt.Sprintf("the memory to be back within 64 MiB of %.0f MiB", before), func() bool {
		after = g.held()
		return after <= before+64
	})
	g.eventually(40*time.Second, fmt.Sprintf("the system to have its memory back but for 64 MiB over %d MiB", resident), func() bool {
		return g.rss() <= resident+64
	})
	t.Logf("memory held %.0f MiB before, %.0f MiB after, resident %d and %d MiB; %.0f SIP mutants were messages, %.0f began calls",
		before, after, resident, g.rss(), g.event("messages_in")-g.event("malformed_answered")-g.event("malformed_unanswered"), g.metric("tandem_calls_total")-2)
}

// The victims are two calls that are up: one plain, one whose called side is
// keyed by DTLS.
type victims struct {
	g     *gateway
	probe *probe
	plain pair

	caller, called *talk // of the keyed call
	a              *stream
	b              *secure
}

func (v *victims) call() {
	g := v.g
	phone := g.phone(11)
	v.plain = pair{g: g, a: g.stream(11, pcmu()), b: g.stream(12, pcmu())}
	v.plain.caller = phone.call("+15550100", v.plain.a.sdp())
	v.plain.call = g.phone(12).incoming()
	v.plain.b.meet(v.plain.call.invite.body)
	v.plain.call.accept(v.plain.b.sdp())
	v.plain.a.meet(v.plain.caller.answered())

	v.a = g.streamAt(11, 6100, pcmu())
	v.b = g.secure(15, 6000, true)
	v.caller = phone.call("+15550101", v.a.sdp())
	v.called = g.phone(15).incoming()
	v.b.meet(v.called.invite.body)
	v.called.accept(v.b.sdp())
	v.a.meet(v.caller.answered())
	if err := v.b.shake(10 * time.Second); err != nil {
		g.t.Fatalf("handshake: %v", err)
	}
}

func (v *victims) end() {
	v.plain.caller.request("BYE", "")
	v.plain.call.hungUp()
	v.plain.caller.wait("200 BYE")
	v.caller.request("BYE", "")
	v.called.hungUp()
	v.caller.wait("200 BYE")
}

// hear wants audio to pass both ways in both calls: fifty packets, of which
// some may be lost on a machine that is short of time.
func (v *victims) hear(when string) {
	v.g.t.Helper()
	ea, eb, ka, kb := len(v.plain.a.got()), len(v.plain.b.got()), len(v.a.got()), v.b.count()
	done := make(chan struct{})
	go func() { defer close(done); v.b.talk(50) }()
	v.a.talk(tone(1004, time.Second))
	v.plain.both(tone(1004, time.Second), tone(1004, time.Second))
	<-done
	v.a.quiet()
	for _, h := range []struct {
		who string
		n   int
	}{
		{"the caller", len(v.plain.a.got()) - ea},
		{"the called", len(v.plain.b.got()) - eb},
		{"the caller of the keyed call", len(v.a.got()) - ka},
		{"the keyed called", v.b.count() - kb},
	} {
		if h.n < 45 {
			v.g.t.Errorf("%s it all %s heard %d packets of 50", when, h.who, h.n)
		}
	}
}

// spray sends all mutations to one address, in bursts that the kernel's buffer
// takes, and says how long it took and how many the kernel lost.
func (v *victims) spray(t *testing.T, conn *net.UDPConn, to netip.AddrPort, n int, next func(r *rand.Rand) []byte) {
	t.Helper()
	const burst = 100
	_, lost := kernelQueue(t, to)
	began := time.Now()
	for seed := range seeds {
		r := seeded(seed)
		for i := range n / seeds {
			if _, err := conn.WriteToUDPAddrPort(next(r), to); err != nil {
				t.Fatalf("send: %v", err)
			}
			if i%burst == burst-1 {
				drained(t, to)
			}
		}
		v.probe.must(fmt.Sprintf("%s of seed %d", t.Name(), seed))
	}
	drained(t, to)
	_, now := kernelQueue(t, to)
	v.g.unharmed(2)
	t.Logf("%d to %s in %v, of which the kernel lost %d; %d MiB", n, to, time.Since(began).Round(time.Millisecond), now-lost, v.g.rss())
	if now-lost > uint64(n)/20 {
		t.Errorf("the kernel lost %d datagrams, so they were not tried", now-lost)
	}
}

func (v *victims) mutateRTP(t *testing.T) {
	var good [][]byte
	for i := range 50 {
		b := make([]byte, 172+4*(i%4))
		b[0], b[1] = 0x80, []byte{0, 0x80, 101, 101 | 0x80, 13, 8, 72}[i%7]
		binary.BigEndian.PutUint16(b[2:], uint16(i))
		binary.BigEndian.PutUint32(b[4:], uint32(i*160))
		binary.BigEndian.PutUint32(b[8:], v.plain.a.ssrc)
		b[0] |= []byte{0, 0x10, 0x20, 0x03}[i%4]
		copy(b[12:], []byte{0xbe, 0xde, 0, 2, 0x10, 0xff, 0x51, 1, 2, 0, 0, 0})
		good = append(good, b)
	}
	next := func(r *rand.Rand) []byte { return mutated(r, good[r.IntN(len(good))], good[r.IntN(len(good))]) }
	v.spray(t, v.plain.a.conn, v.plain.a.to, mutations/2, next)
	var keyed [][]byte
	for range 50 {
		keyed = append(keyed, v.b.packet())
	}
	v.spray(t, v.b.conn, v.b.to, mutations/2, func(r *rand.Rand) []byte {
		return mutated(r, keyed[r.IntN(len(keyed))], keyed[r.IntN(len(keyed))])
	})
}

func (v *victims) mutateRTCP(t *testing.T) {
	ssrc := binary.BigEndian.AppendUint32(nil, v.plain.a.ssrc)
	sr := append([]byte{0x81, 200, 0, 12}, ssrc...)
	sr = append(append(sr, make([]byte, 20)...), ssrc...)
	sr = append(sr, make([]byte, 20)...)
	good := [][]byte{
		sr,
		append(append([]byte{0x81, 201, 0, 7}, ssrc...), append(ssrc, make([]byte, 20)...)...),
		append(append([]byte{0x81, 202, 0, 6}, ssrc...), "\x01\x0fcaller@tandem.x\x00\x00\x00"...),
		append(append([]byte{0x81, 203, 0, 3}, ssrc...), "\x03bye\x00\x00\x00\x00"...),
		append(append([]byte{0x80, 204, 0, 4}, ssrc...), "nameabcdefgh"...),
		append(append([]byte{0x81, 205, 0, 3}, ssrc...), append(ssrc, 0, 1, 0xff, 0xff)...),
		append(append([]byte{0x81, 206, 0, 2}, ssrc...), ssrc...),
		append(append([]byte{0x80, 207, 0, 4}, ssrc...), 4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8),
	}
	for i := range good[1:] {
		good = append(good, bytes.Join([][]byte{sr, good[i+1]}, nil))
	}
	conn := v.g.socket(v.g.addr(11), 6001)
	to := netip.AddrPortFrom(v.plain.a.to.Addr(), v.plain.a.to.Port()+1)
	next := func(r *rand.Rand) []byte { return mutated(r, good[r.IntN(len(good))], good[r.IntN(len(good))]) }
	v.spray(t, conn, to, mutations*3/4, next)
	v.spray(t, v.b.conn, v.b.to, mutations/4, next) // RTP and RTCP on one port
}

func (v *victims) mutateSTUN(t *testing.T) {
	var good [][]byte
	for _, kind := range []uint16{0x0001, 0x0101, 0x0111, 0x0011} {
		b := binary.BigEndian.AppendUint16(nil, kind)
		b = append(b, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
		for _, a := range []struct {
			kind  uint16
			value string
		}{
			{0x0006, "abcd:efgh"},
			{0x0024, "\x6e\x00\x01\xff"},
			{0x802a, "12345678"},
			{0x0025, ""},
			{0x0020, "\x00\x01\x17\x70\x5e\x12\xa4\x43"},
			{0x0009, "\x00\x00\x04\x01Unauthorized"},
			{0x0008, "01234567890123456789"},
			{0x8028, "\x01\x02\x03\x04"},
		} {
			b = binary.BigEndian.AppendUint16(b, a.kind)
			b = binary.BigEndian.AppendUint16(b, uint16(len(a.value)))
			b = append(b, a.value...)
			for len(b)%4 != 0 {
				b = append(b, 0)
			}
			whole := append([]byte(nil), b...)
			binary.BigEndian.PutUint16(whole[2:], uint16(len(whole)-20))
			good = append(good, whole)
		}
	}
	next := func(r *rand.Rand) []byte { return mutated(r, good[r.IntN(len(good))], good[r.IntN(len(good))]) }
	v.spray(t, v.plain.a.conn, v.plain.a.to, mutations/4, next)
	v.spray(t, v.b.conn, v.b.to, mutations/4, next)
	v.spray(t, v.probe.conn, netip.MustParseAddrPort(v.g.sip()), mutations/2, next)
}

func (v *victims) mutateDTLS(t *testing.T) {
	hello := clientHello(t, v.g)
	good := [][]byte{hello, hostileHello(hello, true)}
	for i, kind := range []byte{20, 21, 22, 23, 25} { // in the clear and of epoch 1
		b := []byte{kind, 0xfe, 0xfd, 0, byte(i % 2), 0, 0, 0, 0, 0, byte(i), 0, 40}
		good = append(good, append(b, hello[13:53]...))
	}
	for kind := range byte(24) { // a handshake message of each type
		b := append([]byte(nil), hello...)
		b[13] = kind
		good = append(good, b)
	}
	next := func(r *rand.Rand) []byte { return mutated(r, good[r.IntN(len(good))], good[r.IntN(len(good))]) }
	v.spray(t, v.b.conn, v.b.to, mutations*3/4, next)
	v.spray(t, v.plain.a.conn, v.plain.a.to, mutations/4, next)
}
