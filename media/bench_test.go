package media

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/media/sdp"
)

// A sink is a socket that takes everything and says nothing.
type sink struct {
	n      int
	octets int
}

func (s *sink) ReadFromUDPAddrPort([]byte) (int, netip.AddrPort, error) {
	return 0, netip.AddrPort{}, net.ErrClosed
}

func (s *sink) WriteToUDPAddrPort(b []byte, _ netip.AddrPort) (int, error) {
	s.n++
	s.octets += len(b)
	return len(b), nil
}

func (s *sink) Close() error { return nil }

// A bare is an endpoint without a network: what is received is given to it.
type bare struct {
	*Endpoint
	sink *sink
	r    reader
	buf  [maxDatagram]byte
	from netip.AddrPort
}

// newBare opens an endpoint on a sink. change may change what was agreed.
func newBare(t testing.TB, at string, o Options, change func(*sdp.Agreed)) *bare {
	t.Helper()
	x := &bare{sink: &sink{}, from: netip.MustParseAddrPort(at)}
	x.r.component = componentRTP
	p, err := NewPool(testConfig(), Deps{
		ListenPacket: func(netip.AddrPort) (PacketConn, error) { return x.sink, nil },
		Codecs:       codec.Set{g711.PCMU(), g711.PCMA()},
	})
	if err != nil {
		t.Fatal(err)
	}
	if x.Endpoint, err = p.Open(t0, o); err != nil {
		t.Fatal(err)
	}
	a := agree(x.from)
	if change != nil {
		change(&a)
	}
	if err := x.Apply(t0, "x", &a); err != nil {
		t.Fatal(err)
	}
	x.Select(t0, "x")
	return x
}

// give hands a datagram to the endpoint as its reader would.
func (x *bare) give(now time.Time, b []byte) {
	n := copy(x.buf[:], b)
	x.receive(now, &x.r, x.buf[:n], x.from)
}

// audio is a packet of 20 ms whose number can be set.
type audio []byte

func newAudio(pt uint8) audio {
	b := make([]byte, headerLen+160)
	b[0], b[1], b[11] = 0x80, pt, 7
	return b
}

func (a audio) number(i int) audio {
	binary.BigEndian.PutUint16(a[2:], uint16(i))
	binary.BigEndian.PutUint32(a[4:], uint32(i*160))
	return a
}

// forwarder gives packets of one side to an endpoint connected to another.
func forwarder(t testing.TB, in, out *bare, protect *srtp.Context) func() {
	in.Connect(out)
	out.Connect(in)
	pkt, i, now := newAudio(0), 0, t0
	sealed := make([]byte, 0, 2048)
	var h rtp.Header
	return func() {
		i++
		now = now.Add(FrameDuration)
		b := []byte(pkt.number(i))
		if protect != nil {
			var err error
			if b, err = protect.EncryptRTP(sealed, b, &h); err != nil {
				t.Fatal(err)
			}
		}
		in.give(now, b)
	}
}

// The path of a packet allocates nothing, plain and protected, audio and events.
func TestForwardingAllocatesNothing(t *testing.T) {
	key := testKey(t, sdp.SuiteGCM128, 1)
	sha := testKey(t, sdp.SuiteAES128SHA80, 2)
	for _, c := range []struct {
		name    string
		in, out *bare
		key     *sdp.Key
	}{
		{"plain", newBare(t, "198.51.100.1:4000", Options{}, nil), newBare(t, "203.0.113.1:5000", Options{}, nil), nil},
		{
			"protected",
			newBare(t, "198.51.100.1:4000", Options{}, func(a *sdp.Agreed) { *a = keyed(*a, sha, key) }),
			newBare(t, "203.0.113.1:5000", Options{}, func(a *sdp.Agreed) { *a = keyed(*a, sha, key) }), &key,
		},
		{
			"tones",
			newBare(t, "198.51.100.1:4000", Options{DetectTones: true}, nil), newBare(t, "203.0.113.1:5000", Options{}, nil), nil,
		},
	} {
		var protect *srtp.Context
		if c.key != nil {
			var err error
			if protect, err = sdesContext(*c.key); err != nil {
				t.Fatal(err)
			}
		}
		step := forwarder(t, c.in, c.out, protect)
		step()
		if n := testing.AllocsPerRun(500, step); n != 0 {
			t.Errorf("%s: %v allocations a packet", c.name, n)
		}
		if c.out.sink.n < 500 {
			t.Errorf("%s: only %d packets were sent", c.name, c.out.sink.n)
		}
	}
}

// An event that is passed on allocates nothing either.
func TestForwardingEventsAllocatesNothing(t *testing.T) {
	in, out := newBare(t, "198.51.100.1:4000", Options{}, nil), newBare(t, "203.0.113.1:5000", Options{}, nil)
	in.Connect(out)
	pkt := append(newAudio(101)[:headerLen], 5, 10, 0, 0)
	i, now := 0, t0
	step := func() {
		i++
		now = now.Add(FrameDuration)
		audio(pkt).number(i)
		binary.BigEndian.PutUint32(pkt[4:], 99)
		binary.BigEndian.PutUint16(pkt[14:], uint16(i))
		in.give(now, pkt)
	}
	step()
	if n := testing.AllocsPerRun(500, step); n != 0 {
		t.Errorf("%v allocations an event packet", n)
	}
}

// FuzzRTP gives an endpoint whatever comes, from its far side and from a
// stranger: nothing panics, and the latch never moves.
func FuzzRTP(f *testing.F) {
	f.Add([]byte(newAudio(0).number(1)), true)
	f.Add([]byte(newAudio(101).number(1)), false)
	f.Add([]byte{0x81, 200, 0, 1, 0, 0, 0, 1}, true)
	f.Add([]byte{0x80, 201, 0, 1, 0, 0, 0, 1}, true)
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, false)
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 0}, true)
	f.Add([]byte{0xb0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7, 0xbe, 0xde, 0, 1, 0x10, 9, 0, 0, 1, 2, 3, 200}, true)
	key, other := testKey(f, sdp.SuiteAES128SHA80, 1), testKey(f, sdp.SuiteAES128SHA80, 2)
	plain := newBare(f, "198.51.100.1:4000", Options{DetectTones: true, Latch: LatchNAT, ICE: &ICE{Ufrag: ourUfrag, Pwd: ourPwd}}, nil)
	sealed := newBare(f, "198.51.100.1:4000", Options{}, func(a *sdp.Agreed) { *a = keyed(*a, key, other) })
	far := newBare(f, "203.0.113.1:5000", Options{}, nil)
	plain.Connect(far)
	sealed.Connect(far)
	now := t0
	f.Fuzz(func(t *testing.T, b []byte, known bool) {
		if len(b) > maxDatagram {
			b = b[:maxDatagram]
		}
		now = now.Add(time.Millisecond)
		for _, x := range []*bare{plain, sealed} {
			src := x.from
			if !known {
				src = ap("203.0.113.66:6666")
			}
			for _, c := range []uint8{componentRTP, componentRTCP} {
				x.r.component = c
				x.receive(now, &x.r, x.buf[:copy(x.buf[:], b)], src)
			}
			x.advance(now)
			if to := x.Stats().Remote; to != x.from {
				t.Fatalf("the latch moved to %v", to)
			}
		}
		if s := sealed.Stats(); s.Received.Packets != 0 {
			t.Fatalf("a packet without a key was accepted: %x", b)
		}
	})
}

// FuzzHello reads what may be a ClientHello.
func FuzzHello(f *testing.F) {
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add(append([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 60, 1, 0, 0, 48, 0, 0, 0, 0, 0, 0, 0, 48, 0xfe, 0xfd}, make([]byte, 46)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, ok := parseHello(b); ok && len(h.cookie) > len(b) {
			t.Error("a cookie longer than the datagram")
		}
		if c, ok := parseVerify(b); ok && len(c) > 255 {
			t.Error("a cookie longer than its length can say")
		}
	})
}

// What forwarding costs without the sockets.
func BenchmarkForward(b *testing.B) {
	key, other := testKey(b, sdp.SuiteAES128SHA80, 1), testKey(b, sdp.SuiteAES128SHA80, 2)
	gcm := testKey(b, sdp.SuiteGCM128, 3)
	secure := func(k sdp.Key) func(*sdp.Agreed) {
		return func(a *sdp.Agreed) { *a = keyed(*a, k, other) }
	}
	for _, c := range []struct {
		name string
		out  func(*sdp.Agreed)
	}{{"plain", nil}, {"to_aes_cm", secure(key)}, {"to_aes_gcm", secure(gcm)}} {
		b.Run(c.name, func(b *testing.B) {
			step := forwarder(b, newBare(b, "198.51.100.1:4000", Options{}, nil), newBare(b, "203.0.113.1:5000", Options{}, c.out), nil)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
}

// What protecting and opening a packet costs, beside the bare cipher: the ratio
// of both is what pion and we add.
func BenchmarkProtect(b *testing.B) {
	for _, suite := range []sdp.Suite{sdp.SuiteAES128SHA80, sdp.SuiteGCM128} {
		key := testKey(b, suite, 1)
		b.Run(fmt.Sprintf("%v/protect", suite), func(b *testing.B) {
			c, err := sdesContext(key)
			if err != nil {
				b.Fatal(err)
			}
			pkt, i := newAudio(0), 0
			buf := make([]byte, 0, 2048)
			var h rtp.Header
			b.ReportAllocs()
			for b.Loop() {
				i++
				if _, err := c.EncryptRTP(buf, pkt.number(i), &h); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("%v/open", suite), func(b *testing.B) {
			out, err := sdesContext(key)
			if err != nil {
				b.Fatal(err)
			}
			in, err := sdesContext(key)
			if err != nil {
				b.Fatal(err)
			}
			const many = 4096
			var packets [many][]byte
			pkt, i := newAudio(0), 0
			buf := make([]byte, 0, 2048)
			var h rtp.Header
			b.ReportAllocs()
			for b.Loop() {
				if i%many == 0 {
					b.StopTimer()
					for j := range packets {
						packets[j], err = out.EncryptRTP(packets[j], pkt.number(i+j), nil)
						if err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
				}
				if _, err := in.DecryptRTP(buf, packets[i%many], &h); err != nil {
					b.Fatal(err)
				}
				i++
			}
		})
	}
}

// The floor of BenchmarkProtect: the ciphers over the same octets.
func BenchmarkCipher(b *testing.B) {
	block, err := aes.NewCipher(make([]byte, 16))
	if err != nil {
		b.Fatal(err)
	}
	buf := make([]byte, 160, 256)
	b.Run("AES_CM_128_HMAC_SHA1_80", func(b *testing.B) {
		tag := hmac.New(sha1.New, make([]byte, 20))
		iv := make([]byte, aes.BlockSize)
		b.ReportAllocs()
		for b.Loop() {
			cipher.NewCTR(block, iv).XORKeyStream(buf, buf)
			tag.Reset()
			tag.Write(buf[:160])
			tag.Sum(buf[:160])
		}
	})
	b.Run("AEAD_AES_128_GCM", func(b *testing.B) {
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			b.Fatal(err)
		}
		iv, head := make([]byte, gcm.NonceSize()), make([]byte, headerLen)
		b.ReportAllocs()
		for b.Loop() {
			gcm.Seal(buf[:0], iv, buf[:160], head)
		}
	})
}

// loopback opens a UDP socket of this machine.
func loopback(b *testing.B) *net.UDPConn {
	b.Helper()
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(ap("127.0.0.1:0")))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = c.Close() })
	return c
}

// What a packet costs over sockets of this machine: through two endpoints, and
// through a loop that reads and writes and does nothing else, the floor.
func BenchmarkForwardUDP(b *testing.B) {
	b.Run("endpoints", func(b *testing.B) {
		from, to := loopback(b), loopback(b)
		cfg := testConfig()
		cfg.Address = ap("127.0.0.1:0").Addr()
		p, err := NewPool(cfg, Deps{})
		if err != nil {
			b.Fatal(err)
		}
		ctx, stop := context.WithCancel(b.Context())
		done := make(chan error)
		go func() { done <- p.Run(ctx) }()
		defer func() { stop(); <-done }()
		ends := [2]*Endpoint{}
		for i, far := range []*net.UDPConn{from, to} {
			if ends[i], err = p.Open(time.Now(), Options{MuxOnly: true}); err != nil {
				b.Fatal(err)
			}
			if err := ends[i].Apply(time.Now(), "x", new(agree(far.LocalAddr().(*net.UDPAddr).AddrPort()))); err != nil {
				b.Fatal(err)
			}
			ends[i].Select(time.Now(), "x")
		}
		ends[0].Connect(ends[1])
		pass(b, from, to, ends[0].local)
	})
	b.Run("floor", func(b *testing.B) {
		from, to, between, out := loopback(b), loopback(b), loopback(b), loopback(b)
		far := to.LocalAddr().(*net.UDPAddr).AddrPort()
		go func() {
			buf := make([]byte, maxDatagram)
			for {
				n, _, err := between.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				_, _ = out.WriteToUDPAddrPort(buf[:n], far) // counted by who reads
			}
		}()
		pass(b, from, to, between.LocalAddr().(*net.UDPAddr).AddrPort())
	})
}

// pass sends packets one at a time and waits for each to come out.
func pass(b *testing.B, from, to *net.UDPConn, via netip.AddrPort) {
	b.Helper()
	pkt, buf, i := newAudio(0), make([]byte, maxDatagram), 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		if _, err := from.WriteToUDPAddrPort(pkt.number(i), via); err != nil {
			b.Fatal(err)
		}
		if _, _, err := to.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}
