package flow

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/g722"
	"github.com/tandem-voip/tandem/codec/opus"
	"github.com/tandem-voip/tandem/test/simnet"
)

// rate is the sampling rate at which peers speak and listen.
const rate = 8000

// kept is how much of what a peer heard it remembers.
const kept = 3 * time.Second

// A media is one RTP session of a peer: its sockets, what was agreed, what it
// heard. The script and the readers share it.
type media struct {
	f    *flow
	who  string // in the ladder
	rtp  *simnet.UDPConn
	rtcp *simnet.UDPConn

	mu         sync.Mutex
	version    int      // of our description
	local      []format // with the payload types we announced
	text       []byte   // our last description
	remote     *session // theirs
	before     *session // the one before it
	mux        bool     // as we described it last
	keys       keys
	reportKeys keys // of RTCP with a DTLS association of its own
	dtls       *shaker
	ice        agent
	more       []*simnet.UDPConn // sockets besides rtp

	sendMu sync.Mutex
	seq    uint16
	ssrc   uint32
	start  time.Time // RTP timestamps count from here
	enc    map[string]codec.Encoder
	player *player
	muted  bool // while an event is sounding
	source *simnet.UDPConn
	wire   [][]byte // the last packets sent, as they were

	dec      map[string]codec.Decoder
	heard    []sound
	audio    int // packets of speech received
	widest   int // samples a second that Opus has coded
	noise    int // packets of comfort noise received since it was last asked
	reports  int // RTCP packets received, protected as agreed
	naked    int // RTCP packets in the clear where keys were agreed
	strange  int // packets that could not be read
	lastSeq  uint16
	lastSSRC uint32
	gaps     int // sequence numbers that are missing, once sources are apart
	press    presses
}

// sound is what one packet held.
type sound struct {
	at  time.Time
	to  netip.AddrPort // our socket
	pcm []int16
}

// openMedia opens sockets for a session: an even port and the next.
func openMedia(f *flow, who string, h *simnet.Host, at netip.AddrPort) (*media, error) {
	m := &media{
		f: f, who: who, start: now(), ssrc: f.rnd.Uint32(), seq: uint16(f.rnd.Uint32()),
		enc: map[string]codec.Encoder{}, dec: map[string]codec.Decoder{}, press: presses{ends: map[string]int{}},
	}
	for port := max(at.Port(), 20000); ; port += 2 {
		c, err := h.ListenPacket(netip.AddrPortFrom(at.Addr(), port))
		if err != nil {
			if at.Port() != 0 || port > 60000 {
				return nil, err
			}
			continue
		}
		m.rtp = c
		m.rtcp, err = h.ListenPacket(netip.AddrPortFrom(at.Addr(), port+1))
		if err != nil {
			return nil, err
		}
		break
	}
	rtp, rtcp := m.rtp, m.rtcp // m moves to others
	f.opened(rtp, rtcp)
	f.spawn(func() { m.read(rtp, m.receive) })
	f.spawn(func() { m.read(rtcp, m.receiveRTCP) })
	return m, nil
}

// codecs are those peers can speak.
func codecs() codec.Set {
	return codec.Set{g711.PCMU(), g711.PCMA(), g722.New(), opus.New(opus.DefaultConfig())}
}

func coder(name string) (codec.Codec, error) {
	for _, c := range codecs() {
		if strings.EqualFold(c.Params().Name, name) {
			return c, nil
		}
	}
	return nil, fmt.Errorf("peers do not speak %s", name)
}

// described notes the description that came from the far end.
func (m *media) described(s *session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.before, m.remote = m.remote, s
	m.keys.answered(s)
}

// sending is the codec and payload type for what we send, and where it goes.
func (m *media) sending() (format, int, netip.AddrPort, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.remote == nil {
		return format{}, 0, netip.AddrPort{}, fmt.Errorf("%s has no description of the far end", m.who)
	}
	ptime := m.remote.ptime
	if ptime == 0 {
		ptime = 20
	}
	for _, f := range m.remote.formats {
		if !f.aside() && slices.ContainsFunc(m.local, f.same) {
			return f, ptime, netip.AddrPortFrom(m.remote.addr, m.remote.port), nil
		}
	}
	return format{}, 0, netip.AddrPort{}, fmt.Errorf("%s has no codec in common with the far end", m.who)
}

// stamp is the RTP timestamp of now in a clock.
func (m *media) stamp(clock int) uint32 {
	return uint32(int64(now().Sub(m.start)) * int64(clock) / int64(time.Second))
}

// speak sends one packet of samples.
func (m *media) speak(pcm []int16, marker bool) error {
	f, _, to, err := m.sending()
	if err != nil {
		return err
	}
	m.sendMu.Lock()
	defer m.sendMu.Unlock()
	e := m.enc[f.name]
	if e == nil {
		c, err := coder(f.name)
		if err != nil {
			return err
		}
		if e, err = c.NewEncoder(rate); err != nil {
			return err
		}
		m.enc[f.name] = e
	}
	payload, err := e.Encode(nil, pcm)
	if err != nil {
		return err
	}
	return m.emit(to, f.pt, m.stamp(f.clock), marker, payload)
}

// emit sends one RTP packet. The caller holds sendMu.
func (m *media) emit(to netip.AddrPort, pt int, ts uint32, marker bool, payload []byte) error {
	p := rtp.Packet{
		Header: rtp.Header{
			Version: 2, Marker: marker, PayloadType: uint8(pt),
			SequenceNumber: m.seq, Timestamp: ts, SSRC: m.ssrc,
		},
		Payload: payload,
	}
	m.seq++
	b, err := p.Marshal()
	if err != nil {
		return err
	}
	if b, err = m.protect(b); err != nil {
		return err
	}
	if m.wire = append(m.wire, b); len(m.wire) > resent {
		m.wire = m.wire[1:]
	}
	_, err = m.outletLocked().WriteToUDPAddrPort(b, to)
	return err
}

// outlet is the socket we send from.
func (m *media) outlet() *simnet.UDPConn {
	m.sendMu.Lock()
	defer m.sendMu.Unlock()
	return m.outletLocked()
}

func (m *media) outletLocked() *simnet.UDPConn {
	if m.source != nil {
		return m.source
	}
	return m.rtp
}

// receive takes a datagram that came to an RTP socket (RFC 7983 §7).
func (m *media) receive(at netip.AddrPort, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(b) >= 20 && b[0] < 4:
		m.binding(b)
		return
	case len(b) > 13 && b[0] >= 20 && b[0] < 64 && m.dtls != nil:
		m.dtls.take(m.dtls.in, b)
		return
	case len(b) < 12 || b[0]>>6 != 2:
		m.strange++
		return
	}
	if b[1] >= 192 && b[1] <= 223 { // RFC 5761 §4
		m.hearReport(&m.keys, b)
		return
	}
	b, err := m.unprotect(b)
	var p rtp.Packet
	if err != nil || p.Unmarshal(b) != nil {
		m.strange++
		return
	}
	i := slices.IndexFunc(m.local, func(f format) bool { return f.pt == int(p.PayloadType) })
	if i < 0 {
		m.strange++
		return
	}
	if p.SSRC == m.lastSSRC && p.SequenceNumber != m.lastSeq+1 {
		m.gaps++
	}
	m.lastSSRC, m.lastSeq = p.SSRC, p.SequenceNumber
	switch f := m.local[i]; {
	case strings.EqualFold(f.name, "telephone-event"):
		m.press.event(&p, f.clock)
	case strings.EqualFold(f.name, "CN"):
		m.noise++
	default:
		m.listen(at, f, p.Payload)
	}
}

// listen decodes a packet and remembers what it sounded like.
func (m *media) listen(at netip.AddrPort, f format, payload []byte) {
	d := m.dec[f.name]
	if d == nil {
		c, err := coder(f.name)
		if err != nil {
			m.strange++
			return
		}
		if d, err = c.NewDecoder(rate); err != nil {
			m.strange++
			return
		}
		m.dec[f.name] = d
	}
	pcm, err := d.Decode(nil, payload)
	if err != nil {
		m.strange++
		return
	}
	if strings.EqualFold(f.name, "opus") {
		m.widest = max(m.widest, opusRate(payload[0]))
	}
	m.audio++
	t := now()
	m.heard = append(m.heard, sound{t, at, pcm})
	for len(m.heard) > 0 && t.Sub(m.heard[0].at) > kept {
		m.heard = m.heard[1:]
	}
	m.press.listen(pcm)
}

// opusRate is the sampling rate that the first octet of an Opus packet says was
// coded (RFC 6716 §3.1).
func opusRate(toc byte) int {
	switch config := toc >> 3; {
	case config < 12:
		return []int{8000, 12000, 16000}[config/4]
	case config < 16:
		return []int{24000, 48000}[(config-12)/2]
	default:
		return []int{8000, 16000, 24000, 48000}[(config-16)/4]
	}
}

// last returns the samples that came in during the last d, to one of our
// sockets or, if that is not valid, to any.
func (m *media) last(d time.Duration, to netip.AddrPort) []int16 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var pcm []int16
	t := now()
	for _, s := range m.heard {
		if t.Sub(s.at) < d && (!to.IsValid() || to == s.to) {
			pcm = append(pcm, s.pcm...)
		}
	}
	return pcm
}

// since returns what came in after t.
func (m *media) since(t time.Time) []sound {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.heard, func(s sound) bool { return s.at.After(t) })
	if i < 0 {
		return nil
	}
	return slices.Clone(m.heard[i:])
}

// counts returns the packets of speech and of RTCP so far.
func (m *media) counts() (audio, reports int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.audio, m.reports
}

// tone is the share of the power of pcm that is at a frequency, 0 to 1, and
// how loud pcm is as a whole (RMS).
func tone(pcm []int16, hz float64) (share, rms float64) {
	var re, im, sum float64
	for i, s := range pcm {
		x, a := float64(s), 2*math.Pi*hz*float64(i)/rate
		re += x * math.Cos(a)
		im += x * math.Sin(a)
		sum += x * x
	}
	n := float64(len(pcm))
	if sum == 0 || n == 0 {
		return 0, 0
	}
	return 2 * (re*re + im*im) / (n * sum), math.Sqrt(sum / n)
}

// hearsTone reports whether the last 40 ms are a tone, or silence for 0 Hz.
func (m *media) hearsTone(hz int, to netip.AddrPort) bool {
	const window = rate * 40 / 1000
	pcm := m.last(100*time.Millisecond, to)
	if len(pcm) < window {
		return false
	}
	share, rms := tone(pcm[len(pcm)-window:], float64(hz))
	if hz == 0 {
		return rms < 30
	}
	return share > 0.7 && rms > 300
}

// noisy reports whether comfort noise came since it was last asked.
func (m *media) noisy() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	came := m.noise > 0
	m.noise = 0
	return came
}
