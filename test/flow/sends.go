package flow

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/pion/rtp"
)

// resent is how many packets a peer remembers, to send them again.
const resent = 64

// sends: sends N packets [garbage|noise|reports|under another key|again|of
// another stream] [from ADDR:PORT]. They are of speech unless said, 20 ms apart, and protected as
// agreed.
func (f *flow) sends(m *media, a *args) error {
	n, err := a.number("packets")
	if err != nil {
		return err
	}
	if a.accept("of") {
		return f.sendsBeside(m, n, a)
	}
	send, err := m.sender(a, n)
	if err != nil {
		return err
	}
	if a.accept("from") {
		at, err := parseAt(a.next())
		if err != nil {
			return err
		}
		if err := m.sourceAt(at); err != nil {
			return err
		}
	}
	_, _, to, err := m.sending()
	if err != nil {
		return err
	}
	for i := range n {
		if err := send(i, to); err != nil {
			return err
		}
		sleep(20 * time.Millisecond)
	}
	m.source = nil
	return a.end()
}

// sendsBeside: sends N packets of another stream from ADDR:PORT. It leaves what
// the peer itself plays as it is.
func (f *flow) sendsBeside(m *media, n int, a *args) error {
	if !a.accept("another") || !a.accept("stream") || !a.accept("from") {
		return errors.New("expected: of another stream from ADDR:PORT")
	}
	at, err := parseAt(a.next())
	if err != nil {
		return err
	}
	c, err := m.socket(at)
	if err != nil {
		return err
	}
	format, _, to, err := m.sending()
	if err != nil {
		return err
	}
	p := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: uint8(format.pt), SSRC: f.rnd.Uint32()}, Payload: make([]byte, 160)}
	for range n {
		p.SequenceNumber++
		p.Timestamp += 160
		b, err := p.Marshal()
		if err != nil {
			return err
		}
		if _, err := c.WriteToUDPAddrPort(b, to); err != nil {
			return err
		}
		sleep(20 * time.Millisecond)
	}
	return a.end()
}

// sender makes what sends the i-th packet of a kind.
func (m *media) sender(a *args, n int) (func(i int, to netip.AddrPort) error, error) {
	switch {
	case a.accept("garbage"):
		return func(_ int, to netip.AddrPort) error {
			b := make([]byte, 172)
			for i := range b {
				b[i] = byte(m.f.rnd.Uint32())
			}
			return m.throw(b, to)
		}, nil
	case a.accept("noise"):
		return func(_ int, to netip.AddrPort) error { return m.hiss(to) }, nil
	case a.accept("reports"):
		return func(_ int, to netip.AddrPort) error { return m.report(to) }, nil
	case a.accept("under"):
		a.accept("another")
		a.accept("key")
		c, err := srtpContext(usualSuite, fresh(usualSuite), "")
		return func(i int, to netip.AddrPort) error {
			p := rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: m.seq + uint16(i), SSRC: m.ssrc}, Payload: make([]byte, 160)}
			b, err := p.Marshal()
			if err == nil {
				b, err = c.EncryptRTP(nil, b, nil)
			}
			if err == nil {
				err = m.throw(b, to)
			}
			return err
		}, err
	case a.accept("again"):
		m.sendMu.Lock()
		before := slices.Clone(m.wire)
		m.sendMu.Unlock()
		if len(before) < n {
			return nil, fmt.Errorf("%s has sent %d packets, or remembers no more", m.who, len(before))
		}
		return func(i int, to netip.AddrPort) error { return m.throw(before[len(before)-n+i], to) }, nil
	}
	o := &oscillator{hz: []float64{1004}}
	return func(int, netip.AddrPort) error { return m.speak(o.samples(rate*20/1000), false) }, nil
}

// throw sends a datagram as it is.
func (m *media) throw(b []byte, to netip.AddrPort) error {
	_, err := m.outlet().WriteToUDPAddrPort(b, to)
	return err
}

// hissLevel is the level of comfort noise that peers send, in -dBov.
const hissLevel = 60

// hearsHiss reports whether what came in last is noise as loud as peers say.
func (m *media) hearsHiss() bool {
	_, rms := tone(m.last(100*time.Millisecond, netip.AddrPort{}), 0)
	db := 20 * math.Log10(rms/math.MaxInt16)
	return math.Abs(db+hissLevel) < 2
}

// hiss sends a packet of comfort noise (RFC 3389 §3).
func (m *media) hiss(to netip.AddrPort) error {
	m.mu.Lock()
	i := slices.IndexFunc(m.remote.formats, func(f format) bool { return strings.EqualFold(f.name, "CN") })
	if i < 0 {
		m.mu.Unlock()
		return errors.New("the far end does not take CN")
	}
	pt := m.remote.formats[i].pt
	m.mu.Unlock()
	m.sendMu.Lock()
	defer m.sendMu.Unlock()
	return m.emit(to, pt, m.stamp(rate), false, []byte{hissLevel})
}

// report sends an empty receiver report (RFC 3550 §6.4.2), in the clear.
func (m *media) report(to netip.AddrPort) error {
	m.mu.Lock()
	mux := m.remote.has("rtcp-mux")
	m.mu.Unlock()
	b := []byte{0x80, 201, 0, 1, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(b[4:], m.ssrc)
	if mux {
		return m.throw(b, to)
	}
	_, err := m.rtcp.WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr(), to.Port()+1))
	return err
}
