package flow

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/tandem-voip/tandem/test/simnet"
)

// describe writes our session description as the flow words it. An answer takes
// its payload types from the offer, and its formats too when none are named.
func (m *media) describe(w *sdpWords, answer bool) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w.raw != "" {
		m.readOwn([]byte(w.raw))
		return bytes.ReplaceAll(m.placed(w.raw), []byte("\n"), []byte("\r\n")), nil
	}
	if w.same {
		if m.text == nil {
			return nil, fmt.Errorf("%s has not described anything yet", m.who)
		}
		return m.text, nil
	}
	fs := append([]format(nil), w.formats...)
	if len(fs) == 0 {
		fs = append(fs, m.local...)
	}
	if len(fs) == 0 {
		return nil, errors.New("which codecs? name them")
	}
	if answer && m.remote != nil {
		for i, f := range fs {
			for _, g := range m.remote.formats {
				if f.same(g) {
					fs[i].pt = g.pt
					break
				}
			}
		}
	}
	m.local = fs
	m.version++
	if w.ice {
		if err := m.gather(w); err != nil {
			return nil, err
		}
	}
	if w.dtls {
		if err := m.certify(); err != nil {
			return nil, err
		}
	}
	m.text = m.write(w, fs)
	return m.text, nil
}

// write composes the description. The caller holds mu.
func (m *media) write(w *sdpWords, fs []format) []byte {
	var b bytes.Buffer
	at := m.rtp.AddrPort()
	if w.media.IsValid() {
		at = w.media
	}
	family := "IP4"
	if at.Addr().Is6() {
		family = "IP6"
	}
	shown := at.Addr().String()
	if w.zero {
		shown = "0.0.0.0"
	}
	profile := "RTP/AVP"
	switch {
	case w.profile != "":
		profile = w.profile
	case w.dtls:
		profile = "UDP/TLS/RTP/SAVP"
	case w.sdes:
		profile = "RTP/SAVP"
	}
	port := at.Port()
	if w.refused {
		port = 0
	}
	line := func(format string, a ...any) { fmt.Fprintf(&b, format+"\r\n", a...) }
	line("v=0")
	line("o=- 4711 %d IN %s %s", m.version, family, at.Addr())
	line("s=-")
	line("c=IN %s %s", family, shown)
	line("t=0 0")
	if w.lite {
		line("a=ice-lite")
	}
	if w.trickle {
		line("a=ice-options:trickle")
	}
	pts := make([]string, len(fs))
	for i, f := range fs {
		pts[i] = fmt.Sprint(f.pt)
	}
	line("m=audio %d %s %s", port, profile, strings.Join(pts, " "))
	for _, f := range fs {
		m.writeFormat(line, f)
	}
	if w.ptime != 0 {
		line("a=ptime:%d", w.ptime)
	}
	if m.mux = w.mux; w.mux {
		line("a=rtcp-mux")
	}
	m.writeKeys(line, w)
	if w.ice {
		m.writeICE(line)
	}
	if w.dtls {
		m.writeDTLS(line, w)
	}
	if w.direction != "" {
		line("a=%s", w.direction)
	}
	if w.video {
		line("m=video %d RTP/AVP 96", 30000)
		line("a=rtpmap:96 VP8/90000")
	}
	return b.Bytes()
}

func (m *media) writeFormat(line func(string, ...any), f format) {
	channels := ""
	if f.channels > 1 {
		channels = fmt.Sprintf("/%d", f.channels)
	}
	line("a=rtpmap:%d %s/%d%s", f.pt, f.name, f.clock, channels)
	if strings.EqualFold(f.name, "telephone-event") {
		line("a=fmtp:%d 0-15", f.pt)
	}
}

// placed puts our address and port into lines that were written by hand.
func (m *media) placed(raw string) []byte {
	at := m.rtp.AddrPort()
	r := strings.NewReplacer("$ADDR", at.Addr().String(), "$PORT", fmt.Sprint(at.Port()))
	return []byte(r.Replace(raw))
}

// readOwn learns the payload types from lines that were written by hand. The
// caller holds mu.
func (m *media) readOwn(raw []byte) {
	if s, err := parseSession(m.placed(string(raw))); err == nil {
		m.local = s.formats
	}
}

// sourceAt moves the address from which RTP is sent, without a word in SDP.
func (m *media) sourceAt(at netip.AddrPort) error {
	c, err := m.socket(at)
	if err != nil {
		return err
	}
	m.sendMu.Lock()
	defer m.sendMu.Unlock()
	m.source = c
	return nil
}

// move takes new sockets; the old ones stay open and are listened to.
func (m *media) move(at netip.AddrPort) error {
	rtp, err := m.listenAt(at)
	if err != nil {
		return err
	}
	m.sendMu.Lock()
	m.source = nil
	m.sendMu.Unlock()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rtp = rtp
	return nil
}

// socket is an RTP socket of ours at an address, opened if need be.
func (m *media) socket(at netip.AddrPort) (*simnet.UDPConn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.socketLocked(at)
}

func (m *media) socketLocked(at netip.AddrPort) (*simnet.UDPConn, error) {
	for _, s := range append([]*simnet.UDPConn{m.rtp}, m.more...) {
		if s.AddrPort() == at {
			return s, nil
		}
	}
	s, err := m.listenAt(at)
	if err == nil {
		m.more = append(m.more, s)
	}
	return s, err
}

// listenAt opens one more RTP socket of the session.
func (m *media) listenAt(at netip.AddrPort) (*simnet.UDPConn, error) {
	h, err := m.f.host(at.Addr())
	if err != nil {
		return nil, err
	}
	c, err := h.ListenPacket(at)
	if err != nil {
		return nil, err
	}
	m.f.opened(c)
	m.f.spawn(func() { m.read(c, m.receive) })
	return c, nil
}
