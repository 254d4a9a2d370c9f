//go:build interop

package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/pion/srtp/v3"
)

// A fork is one far end behind the edge: a dialog of its own To tag, an ICE
// agent, keys, and a sound by which the caller can tell it: PCMU octets that are
// all its mark.
type fork struct {
	e     *edge
	name  string
	mark  byte
	event int // payload type of its digits
	d     *talk
	ice   *iceAgent
	key   string

	// guarded by mu
	mu      sync.Mutex
	out, in *srtp.Context
	ssrc    uint32
	seq     uint16
	sent    []time.Time
	wire    [][]byte // what was sent, as it was
	heard   []arrival
	broken  int // packets that were not authentic

	hush    chan struct{}
	talking sync.WaitGroup
}

// An arrival is a packet that came from the gateway, deciphered.
type arrival struct {
	at   time.Time
	path *path
	pt   int
	seq  uint16
	raw  []byte
}

// fork makes a far end named A, B or C with candidates at those hosts.
func (e *edge) fork(name string, at ...int) *fork {
	e.g.t.Helper()
	n := int(name[0] - 'A')
	f := &fork{
		e: e, name: name, mark: byte(0x21 + 0x11*n), event: 96 + n, key: material(),
		ssrc: rand.Uint32(), seq: uint16(rand.Uint32()), hush: make(chan struct{}),
	}
	f.out = keyedBy(e.g.t, f.key)
	f.in = keyedBy(e.g.t, e.key, srtp.SRTPReplayProtection(64))
	d := *e.call
	d.from = fmt.Sprintf("%s;tag=%s%x", e.call.invite.get("to"), name, rand.Uint32())
	f.d = &d
	f.ice = e.g.newAgent(f.take, at...)
	e.g.t.Cleanup(f.quiet)
	return f
}

// sdp is the fork's answer, or an offer of its own, with the candidates of a.
func (f *fork) sdp(a *iceAgent) string {
	at := a.paths[0].addr()
	lines := []string{
		"v=0", "o=- 1 1 IN IP4 " + at.Addr().String(), "s=-", "c=IN IP4 " + at.Addr().String(), "t=0 0",
		fmt.Sprintf("m=audio %d RTP/SAVP 0 %d", at.Port(), f.event), "a=rtpmap:0 PCMU/8000",
		fmt.Sprintf("a=rtpmap:%d telephone-event/8000", f.event), fmt.Sprintf("a=fmtp:%d 0-15", f.event), "a=ptime:20",
		fmt.Sprintf("a=crypto:%s %s inline:%s|2^31", f.e.tag, sdesSuite, f.key), "a=rtcp-mux",
	}
	return strings.Join(append(append(lines, a.sdp()...), ""), "\r\n")
}

// progress sends the fork's 183.
func (f *fork) progress() {
	f.e.g.t.Helper()
	f.d.reply(f.d.invite, "183 Session Progress", f.sdp(f.ice))
}

// answer sends the fork's 200 and returns when.
func (f *fork) answer() time.Time {
	f.e.g.t.Helper()
	at := time.Now()
	f.d.reply(f.d.invite, "200 OK", f.sdp(f.ice))
	return at
}

// take deciphers what came in on a path.
func (f *fork) take(p *path, b []byte) {
	if b[1] >= 192 && b[1] < 224 {
		return // RTCP, RFC 5761 §4
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	raw, err := f.in.DecryptRTP(nil, bytes.Clone(b), nil)
	if err != nil {
		f.broken++
		return
	}
	f.heard = append(f.heard, arrival{time.Now(), p, int(raw[1] & 0x7f), binary.BigEndian.Uint16(raw[2:]), raw})
}

// got is what has arrived so far.
func (f *fork) got() []arrival {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]arrival(nil), f.heard...)
}

// packet is the fork's next, protected by c.
func (f *fork) packet(c *srtp.Context) []byte {
	b := make([]byte, 12, 172)
	b[0] = 0x80
	binary.BigEndian.PutUint16(b[2:], f.seq)
	binary.BigEndian.PutUint32(b[4:], uint32(f.seq)*160)
	binary.BigEndian.PutUint32(b[8:], f.ssrc)
	b = append(b, bytes.Repeat([]byte{f.mark}, 160)...)
	f.seq++
	out, err := c.EncryptRTP(nil, b, nil)
	if err != nil {
		f.e.g.t.Errorf("protect: %v", err)
	}
	return out
}

// talk streams until quiet, through the agent: it sends on its best valid pair.
// It returns when the first packet left.
func (f *fork) talk() time.Time {
	began := make(chan time.Time, 1)
	f.talking.Go(func() {
		for next := time.Now(); ; {
			f.mu.Lock()
			b := f.packet(f.out)
			f.sent, f.wire = append(f.sent, time.Now()), append(f.wire, b)
			f.mu.Unlock()
			if _, err := f.ice.conn.Write(b); err != nil {
				f.e.g.t.Errorf("fork %s could not send: %v", f.name, err)
				close(began)
				return
			}
			select {
			case began <- next:
			default:
			}
			next = next.Add(step)
			select {
			case <-time.After(time.Until(next)):
			case <-f.hush:
				return
			}
		}
	})
	return <-began
}

func (f *fork) quiet() {
	close(f.hush)
	f.talking.Wait()
	f.hush = make(chan struct{})
}

// sentSince counts the packets sent in a span of time.
func (f *fork) sentSince(from, to time.Time) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, at := range f.sent {
		if !at.Before(from) && at.Before(to) {
			n++
		}
	}
	return n
}

// digits are the events that came to the fork, each once, by its payload type.
func (f *fork) digits() string {
	s := f.e.a.format
	view := &stream{t: f.e.g.t, format: s}
	view.event = f.event
	for _, a := range f.got() {
		view.packets = append(view.packets, packet{at: a.at, pt: a.pt, seq: a.seq, stamp: binary.BigEndian.Uint32(a.raw[4:]), payload: a.raw[12:]})
	}
	return view.digits()
}

// heard is what came to the caller of a fork in a span of time; a zero end is now.
func (e *edge) heard(f *fork, from, to time.Time) []packet {
	var out []packet
	for _, p := range e.a.got() {
		if len(p.payload) > 0 && p.payload[0] == f.mark && !p.at.Before(from) && (to.IsZero() || p.at.Before(to)) {
			out = append(out, p)
		}
	}
	return out
}

// hears waits until the caller hears a fork and returns how long after since.
func (e *edge) hears(f *fork, since time.Time) time.Duration {
	e.g.t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if got := e.heard(f, since, time.Time{}); len(got) > 0 {
			return got[0].at.Sub(since)
		}
	}
	e.g.t.Fatalf("the caller does not hear fork %s\n%s", f.name, e.ladder())
	return 0
}

// hears waits until a packet comes in on a path of the fork and returns how long
// after since.
func (f *fork) hears(a *iceAgent, path int, since time.Time) time.Duration {
	f.e.g.t.Helper()
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		for _, p := range f.got() {
			if p.path == a.paths[path] && !p.at.Before(since) {
				return p.at.Sub(since)
			}
		}
	}
	f.e.g.t.Fatalf("nothing came to fork %s on path %d\n%s", f.name, path, f.e.ladder())
	return 0
}

// only wants all packets of the next d, once what is under way is in, to come on
// one path, and some to come.
func (f *fork) only(a *iceAgent, path int, d time.Duration) {
	f.e.g.t.Helper()
	time.Sleep(margin)
	from := len(f.got())
	time.Sleep(d)
	got := f.got()[from:]
	if len(got) == 0 {
		f.e.g.t.Errorf("nothing came to fork %s in %v", f.name, d)
	}
	for _, p := range got {
		if p.path != a.paths[path] {
			f.e.g.t.Errorf("fork %s was sent to at host %d, want path %d", f.name, p.path.host(), path)
			return
		}
	}
}

// lost is how many numbers are missing among what came to the fork.
func (f *fork) lost() int {
	got := f.got()
	n := 0
	for i := 1; i < len(got); i++ {
		n += max(0, int(int16(got[i].seq-got[i-1].seq))-1)
	}
	return n
}
