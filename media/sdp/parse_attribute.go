package sdp

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// readAttribute reads a=. What is not listed here is not for us.
func (p *parser) readAttribute(value string) error {
	key, value, _ := strings.Cut(value, ":")
	if key == "mid" && p.media != nil {
		if token(value) {
			p.media.Mid = value
		}
		return nil
	}
	m := p.media
	switch {
	case m == nil:
		m = &p.session
		if p.readSession(key, value) {
			return nil
		}
	case p.dead:
		return nil
	default:
		if done, err := m.readStream(key, value); done || err != nil {
			return err
		}
	}
	return p.readShared(m, key, value)
}

// readSession reads the attributes of session level.
func (p *parser) readSession(key, value string) bool {
	switch key {
	case "group":
		if mids, ok := strings.CutPrefix(value, "BUNDLE "); ok && !p.own.group {
			p.own.group = true
			p.d.Bundle = strings.Trim(mids, " ")
		}
	case "ice-lite":
		p.d.Lite = true
	default:
		return false
	}
	return true
}

// readShared reads the attributes that both levels may have.
func (p *parser) readShared(m *Media, key, value string) error {
	switch key {
	case "sendrecv":
		m.Direction = SendRecv
	case "sendonly":
		m.Direction = SendOnly
	case "recvonly":
		m.Direction = RecvOnly
	case "inactive":
		m.Direction = Inactive
	case "fingerprint":
		return p.readFingerprint(m, value)
	case "setup":
		m.Setup = parseSetup(value)
	case "tls-id":
		m.TLSID = bounded(value)
	case "ice-ufrag":
		m.Ufrag = bounded(value)
	case "ice-pwd":
		m.Pwd = bounded(value)
	case "ice-options":
		if p.d.Options == "" {
			p.d.Options = strings.Trim(value, " ")
		}
	}
	return nil
}

// readFingerprint adds a fingerprint; those of an m-line replace those of the
// session. Hashes that prove nothing are passed over. RFC 8122 §5.
func (p *parser) readFingerprint(m *Media, value string) error {
	f, ok := parseFingerprint(value)
	if !ok {
		return nil
	}
	if p.media != nil && !p.own.fingerprint {
		p.own.fingerprint = true
		m.Fingerprints = nil
	}
	if len(m.Fingerprints) == maxFingerprints {
		return ErrTooLarge
	}
	m.Fingerprints = append(m.Fingerprints, f)
	return nil
}

// readStream reads the attributes of m-lines alone; done says it was one.
func (m *Media) readStream(key, value string) (done bool, err error) {
	switch key {
	case "rtpmap":
		m.readRTPMap(value)
	case "fmtp":
		pt, params := field(value)
		if f := m.numbered(pt); f != nil && f.Codec.Format == "" {
			f.Codec.Format = strings.Trim(params, " ")
		}
	case "ptime":
		m.Ptime = milliseconds(value)
	case "maxptime":
		m.MaxPtime = milliseconds(value)
	case "rtcp":
		m.readRTCP(value)
	case "rtcp-mux":
		m.Mux = true
	case "rtcp-mux-only":
		m.MuxOnly = true
	case "crypto":
		return true, m.readCrypto(value)
	default:
		return m.readICE(key, value)
	}
	return true, nil
}

// readICE reads the ICE attributes of m-lines alone. RFC 8839 §5.
func (m *Media) readICE(key, value string) (done bool, err error) {
	switch key {
	case "candidate":
		return true, m.readCandidate(value)
	case "remote-candidates":
		m.readChosen(value)
	case "ice-mismatch":
		m.Mismatch = true
	case "end-of-candidates":
		m.End = true
	default:
		return false, nil
	}
	return true, nil
}

// readRTPMap reads "96 opus/48000/2".
func (m *Media) readRTPMap(value string) {
	pt, mapping := field(value)
	f := m.numbered(pt)
	if f == nil {
		return
	}
	name, rest, _ := strings.Cut(mapping, "/")
	clock, channels, _ := strings.Cut(rest, "/")
	rate, err := strconv.ParseUint(strings.Trim(clock, " "), 10, 31)
	if err != nil || rate == 0 || !token(name) {
		return
	}
	f.Codec.Name, f.Codec.ClockRate, f.Codec.Channels = name, int(rate), 1
	if n, err := strconv.ParseUint(strings.Trim(channels, " "), 10, 8); err == nil && n > 0 {
		f.Codec.Channels = int(n)
	}
}

// numbered returns the format whose payload type is written as pt, or nil.
func (m *Media) numbered(pt string) *Format {
	n, err := strconv.ParseUint(pt, 10, 7)
	if err != nil {
		return nil
	}
	return m.format(uint8(n))
}

// readRTCP reads "53020" and "53020 IN IP4 192.0.2.1". RFC 3605 §2.1.
func (m *Media) readRTCP(value string) {
	port, rest := field(value)
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return
	}
	_, rest = field(rest)
	_, rest = field(rest)
	addr, _ := field(rest)
	m.RTCP = netip.AddrPortFrom(address(addr), uint16(n))
}

// readCandidate reads "1 1 UDP 2130706431 192.0.2.1 4000 typ host". Those we
// cannot use are noted only. RFC 8839 §5.1.
func (m *Media) readCandidate(value string) error {
	_, rest := field(value)
	component, rest := field(rest)
	transport, rest := field(rest)
	priority, rest := field(rest)
	addr, rest := field(rest)
	port, _ := field(rest)
	c, err1 := strconv.ParseUint(component, 10, 8)
	prio, err2 := strconv.ParseUint(priority, 10, 32)
	n, err3 := strconv.ParseUint(port, 10, 16)
	if err1 != nil || err2 != nil || err3 != nil || c == 0 || c > 2 {
		return nil
	}
	a := address(addr)
	if !a.IsValid() || n == 0 || !strings.EqualFold(transport, "UDP") {
		m.Unnamed = true
		return nil
	}
	if len(m.Candidates) == maxCandidates {
		return ErrTooLarge
	}
	if m.Candidates == nil {
		m.Candidates = make([]Candidate, 0, 8)
	}
	m.Candidates = append(m.Candidates, Candidate{
		Addr: netip.AddrPortFrom(a, uint16(n)), Priority: uint32(prio), Component: uint8(c),
	})
	return nil
}

// readChosen reads the component 1 of "1 192.0.2.1 4000 2 192.0.2.1 4001". RFC
// 8839 §5.2.
func (m *Media) readChosen(value string) {
	for rest := value; rest != ""; {
		var component, addr, port string
		component, rest = field(rest)
		addr, rest = field(rest)
		port, rest = field(rest)
		a := address(addr)
		n, err := strconv.ParseUint(port, 10, 16)
		if component == "1" && a.IsValid() && err == nil && n != 0 {
			m.Chosen = netip.AddrPortFrom(a, uint16(n))
			return
		}
	}
}

// parseSetup reads a=setup.
func parseSetup(value string) Setup {
	for s := SetupActPass; s <= SetupHoldConn; s++ {
		if s.String() == value {
			return s
		}
	}
	return SetupNone
}

// parseFingerprint reads "sha-256 AB:CD:...".
func parseFingerprint(value string) (Fingerprint, bool) {
	hash, value := field(value)
	f := Fingerprint{Hash: strings.ToLower(hash), Value: strings.ToUpper(strings.Trim(value, " "))}
	if rank(f.Hash) == 0 || len(f.Value) != 3*hashLen(f.Hash)-1 {
		return Fingerprint{}, false
	}
	for i := range len(f.Value) {
		c := f.Value[i]
		switch {
		case i%3 == 2:
			if c != ':' {
				return Fingerprint{}, false
			}
		case (c < '0' || c > '9') && (c < 'A' || c > 'F'):
			return Fingerprint{}, false
		}
	}
	return f, true
}

// hashLen is the bytes of a hash that a=fingerprint may name. RFC 8122 §5.
func hashLen(hash string) int {
	switch hash {
	case "sha-1":
		return 20
	case "sha-224":
		return 28
	case "sha-256":
		return 32
	case "sha-384":
		return 48
	case "sha-512":
		return 64
	}
	return 0
}

// rank orders hashes by how gladly we check them; 0 is not at all. SHA-256 is
// what everybody has (RFC 8122 §5), and no weaker than the certificate's own.
func rank(hash string) int {
	switch hash {
	case "sha-256":
		return 5
	case "sha-384":
		return 4
	case "sha-512":
		return 3
	case "sha-224":
		return 2
	case "sha-1":
		return 1
	}
	return 0
}

// bounded is a word we keep, or nothing when it is longer than any we expect.
func bounded(s string) string {
	s = strings.Trim(s, " ")
	if len(s) > 256 || strings.IndexByte(s, ' ') >= 0 {
		return ""
	}
	return s
}

// milliseconds reads a packet time; RFC 8866 §6.4 allows a fraction, which we
// drop. What makes no sense is 0.
func milliseconds(s string) time.Duration {
	s, _, _ = strings.Cut(strings.Trim(s, " "), ".")
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n > 1000 {
		return 0
	}
	return time.Duration(n) * time.Millisecond
}
