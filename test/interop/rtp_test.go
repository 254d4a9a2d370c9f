//go:build interop

package interop

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/opus"
	"github.com/tandem-voip/tandem/media/dtmf"
)

// step is the packet time of all streams here.
const step = 20 * time.Millisecond

// A format is how a phone's SDP names its codec.
type format struct {
	name  string
	pt    int
	event int
	clock int
	codec codec.Codec
}

func pcmu() format { return format{"PCMU/8000", 0, 101, 8000, g711.PCMU()} }
func pcma() format { return format{"PCMA/8000", 8, 101, 8000, g711.PCMA()} }
func opus48() format {
	return format{"opus/48000/2", 107, 108, 48000, opus.New(opus.DefaultConfig())}
}

// A stream is the RTP of one phone, at port 6000 of its host. All PCM is 8 kHz.
type stream struct {
	t    *testing.T
	conn *net.UDPConn
	format
	enc codec.Encoder
	to  netip.AddrPort

	ssrc, stamp uint32
	seq         uint16
	lose        func() bool // whether a packet is lost on its way
	hush        chan struct{}
	talking     sync.WaitGroup

	mu      sync.Mutex
	packets []packet
	sent    []time.Time
}

// A packet is one that arrived.
type packet struct {
	at      time.Time
	pt      int
	marker  bool
	seq     uint16
	stamp   uint32
	payload []byte
}

func (g *gateway) stream(n int, f format) *stream {
	g.t.Helper()
	return g.streamAt(n, 6000, f)
}

// streamAt is stream at another port.
func (g *gateway) streamAt(n int, port uint16, f format) *stream {
	g.t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(g.addr(n)), port)
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		g.t.Fatal(err)
	}
	enc, err := f.codec.NewEncoder(8000)
	if err != nil {
		g.t.Fatal(err)
	}
	s := &stream{t: g.t, conn: conn, format: f, enc: enc, ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), stamp: rand.Uint32(), lose: func() bool { return false }, hush: make(chan struct{})}
	ended := make(chan struct{})
	go func() { defer close(ended); s.read() }()
	g.t.Cleanup(func() { s.quiet(); conn.Close(); <-ended })
	return s
}

func (s *stream) read() {
	for buf := make([]byte, 2048); ; {
		n, err := s.conn.Read(buf)
		if err != nil {
			return
		}
		if n < 12 || buf[0]>>6 != 2 {
			continue
		}
		p := packet{at: time.Now(), marker: buf[1]&0x80 != 0, pt: int(buf[1] & 0x7f), seq: binary.BigEndian.Uint16(buf[2:]), stamp: binary.BigEndian.Uint32(buf[4:])}
		p.payload = append(p.payload, buf[12:n]...)
		s.mu.Lock()
		s.packets = append(s.packets, p)
		s.mu.Unlock()
	}
}

// got is what has arrived so far.
func (s *stream) got() []packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]packet(nil), s.packets...)
}

// sdp is our offer or answer.
func (s *stream) sdp() string {
	host := s.conn.LocalAddr().(*net.UDPAddr)
	name, _, _ := strings.Cut(s.name, "/")
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 " + host.IP.String(), "s=-", "c=IN IP4 " + host.IP.String(), "t=0 0",
		fmt.Sprintf("m=audio %d RTP/AVP %d %d", host.Port, s.pt, s.event),
		fmt.Sprintf("a=rtpmap:%d %s", s.pt, s.name),
		fmt.Sprintf("a=rtpmap:%d telephone-event/%d", s.event, s.clock),
		fmt.Sprintf("a=fmtp:%d 0-15", s.event), "a=ptime:20", "",
	}
	if name == "opus" {
		lines[6] += fmt.Sprintf("\r\na=fmtp:%d maxplaybackrate=8000;useinbandfec=1", s.pt)
	}
	return strings.Join(lines, "\r\n")
}

// meet reads where to send from the other side's SDP, and by which payload type.
func (s *stream) meet(sdp string) {
	s.t.Helper()
	var addr string
	for line := range strings.Lines(sdp) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "c=IN IP4 "); ok {
			addr = rest
		}
		if rest, ok := strings.CutPrefix(line, "m=audio "); ok {
			port, _ := strconv.Atoi(strings.Fields(rest)[0])
			s.to = netip.AddrPortFrom(netip.Addr{}, uint16(port))
		}
		if rest, ok := strings.CutPrefix(line, "a=rtpmap:"); ok {
			pt, name, _ := strings.Cut(rest, " ")
			n, _ := strconv.Atoi(pt)
			if strings.EqualFold(name, s.name) {
				s.pt = n
			}
			if strings.EqualFold(name, fmt.Sprintf("telephone-event/%d", s.clock)) {
				s.event = n
			}
		}
	}
	a, err := netip.ParseAddr(addr)
	if err != nil || s.to.Port() == 0 {
		s.t.Fatalf("no address to send to in SDP:\n%s", sdp)
	}
	s.to = netip.AddrPortFrom(a, s.to.Port())
}

func (s *stream) put(pt int, marker bool, stamp uint32, payload []byte) {
	b := make([]byte, 12, 12+len(payload))
	b[0], b[1] = 0x80, byte(pt)
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], s.seq)
	binary.BigEndian.PutUint32(b[4:], stamp)
	binary.BigEndian.PutUint32(b[8:], s.ssrc)
	s.seq++
	s.sent = append(s.sent, time.Now())
	if s.lose() {
		return
	}
	if _, err := s.conn.WriteToUDPAddrPort(append(b, payload...), s.to); err != nil {
		s.t.Errorf("send RTP: %v", err)
	}
}

// play sends pcm in real time.
func (s *stream) play(pcm []int16) {
	next := time.Now()
	for ; len(pcm) >= 160; pcm = pcm[160:] {
		payload, err := s.enc.Encode(nil, pcm[:160])
		if err != nil {
			s.t.Fatal(err)
		}
		s.put(s.pt, false, s.stamp, payload)
		s.stamp += uint32(s.clock / 50)
		next = next.Add(step)
		select {
		case <-time.After(time.Until(next)):
		case <-s.hush:
			return
		}
	}
}

// talk plays pcm while the test goes on; quiet ends it.
func (s *stream) talk(pcm []int16) { s.talking.Go(func() { s.play(pcm) }) }

func (s *stream) quiet() {
	close(s.hush)
	s.talking.Wait()
	s.hush = make(chan struct{})
}

// press sends digits as telephone events, with silence between them.
func (s *stream) press(keys string) {
	sender := dtmf.NewSender(s.clock)
	now := time.Now()
	for _, k := range keys {
		sender.Press(now, dtmf.Press{Digit: dtmf.Digit(k), Duration: 100 * time.Millisecond})
	}
	var stamp uint32
	for sender.Busy() {
		for {
			p, ok := sender.Next(time.Now())
			if !ok {
				break
			}
			if p.First {
				stamp = s.stamp
			}
			s.put(s.event, p.First, stamp, p.Event.Append(nil))
		}
		s.stamp += uint32(s.clock / 200)
		time.Sleep(5 * time.Millisecond)
	}
}

// heard decodes the audio that arrived, gaps concealed.
func (s *stream) heard() []int16 { return s.heardSince(0) }

// heardSince is heard without the first packets.
func (s *stream) heardSince(first int) []int16 {
	s.t.Helper()
	dec, err := s.codec.NewDecoder(8000)
	if err != nil {
		s.t.Fatal(err)
	}
	var pcm []int16
	var expect uint16
	for i, p := range s.got()[first:] {
		if p.pt != s.pt {
			continue
		}
		for ; i > 0 && int16(p.seq-expect) > 0 && int16(p.seq-expect) < 50; expect++ {
			pcm = dec.Conceal(pcm, 160)
		}
		expect = p.seq + 1
		if pcm, err = dec.Decode(pcm, p.payload); err != nil {
			s.t.Fatalf("decode what arrived: %v", err)
		}
	}
	return pcm
}

// digits are the telephone events that arrived, each once.
func (s *stream) digits() string {
	r := dtmf.NewReceiver(s.clock)
	var keys strings.Builder
	tell := func(p dtmf.Press, ok bool) {
		if ok {
			keys.WriteString(p.Digit.Key())
		}
	}
	last := time.Time{}
	for _, p := range s.got() {
		last = p.at
		tell(r.Advance(p.at))
		if p.pt != s.event {
			continue
		}
		if e, err := dtmf.ParseEvent(p.payload); err == nil {
			tell(r.Receive(p.at, p.stamp, e))
		}
	}
	tell(r.Advance(last.Add(time.Second)))
	return keys.String()
}

// tones are the digits heard in the audio.
func (s *stream) tones() string { return s.tonesSince(0) }

// tonesSince is tones without the first packets.
func (s *stream) tonesSince(first int) string {
	d := dtmf.NewDetector(8000)
	var keys strings.Builder
	for pcm := s.heardSince(first); len(pcm) >= 160; pcm = pcm[160:] {
		if p, ok := d.Process(pcm[:160], false); ok {
			keys.WriteString(p.Digit.Key())
		}
	}
	return keys.String()
}

// tone is a sine of that length at -10 dBm0 or so.
func tone(hz float64, d time.Duration) []int16 {
	pcm := make([]int16, int(d*8000/time.Second))
	for i := range pcm {
		pcm[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/8000))
	}
	return pcm
}

// keyed is the digits as tones, with pauses.
func keyed(keys string) []int16 {
	g := dtmf.NewGenerator(8000)
	for _, k := range keys {
		g.Press(dtmf.Press{Digit: dtmf.Digit(k), Duration: 100 * time.Millisecond})
	}
	pcm := make([]int16, 8000*(len(keys)+3)/5)
	g.Sound(pcm)
	return pcm
}

// level is the level of hz in pcm, in dB of a full-scale sine.
func level(pcm []int16, hz float64) float64 {
	var re, im float64
	for i, v := range pcm {
		a := 2 * math.Pi * hz * float64(i) / 8000
		re += float64(v) * math.Cos(a)
		im += float64(v) * math.Sin(a)
	}
	n := float64(len(pcm))
	return 10 * math.Log10(4*(re*re+im*im)/(n*n)/(32768*32768)+1e-12)
}
