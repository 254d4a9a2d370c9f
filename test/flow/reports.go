package flow

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
)

// receiveRTCP takes a datagram that came to the RTCP socket.
func (m *media) receiveRTCP(_ netip.AddrPort, b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case len(b) > 13 && b[0] >= 20 && b[0] < 64 && m.dtls != nil: // RFC 5764 §5.1.2
		m.dtls.take(m.dtls.reports, b)
	case len(b) < 8 || b[0]>>6 != 2:
		m.strange++
	default:
		k := &m.keys
		if k.suite == "dtls" && !m.muxed() {
			k = &m.reportKeys // RTCP with a port of its own has an association of its own
		}
		m.hearReport(k, b)
	}
}

// muxed reports whether both sides said rtcp-mux. The caller holds mu.
func (m *media) muxed() bool {
	return m.mux && m.remote != nil && m.remote.has("mux")
}

// hearReport counts an RTCP packet if it is protected as agreed. One in the clear
// where both sides have keys is remembered until the end of the flow. The caller
// holds mu.
func (m *media) hearReport(k *keys, b []byte) {
	switch {
	case !m.secure():
		m.reports++
	case inTheClear(b):
		m.naked++
	case m.incoming() != nil || k.in == nil:
		m.strange++
	default:
		if _, err := k.in.DecryptRTCP(nil, slices.Clone(b), nil); err != nil {
			m.strange++
			return
		}
		m.reports++
	}
}

// secure reports whether both sides have described keys. The caller holds mu.
func (m *media) secure() bool {
	return m.remote != nil && (m.keys.own != "" && m.remote.has("sdes") || m.dtls != nil && m.remote.has("dtls"))
}

// inTheClear reports whether a datagram is RTCP that nobody protected: packets of
// the length their headers say, one behind the other (RFC 3550 §6.1). SRTCP has
// octets after them (RFC 3711 §3.4).
func inTheClear(b []byte) bool {
	for len(b) >= 4 && b[0]>>6 == 2 {
		n := 4 * (int(binary.BigEndian.Uint16(b[2:])) + 1)
		if n > len(b) {
			return false
		}
		b = b[n:]
	}
	return len(b) == 0
}

// nakedGot is how many RTCP packets came in the clear that should not have.
func (m *media) nakedGot() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.naked
}

// hearsNoReports asserts that no RTCP that is protected as agreed comes for a time.
func (f *flow) hearsNoReports(m *media, a *args) error {
	_, during, err := a.spans()
	if err != nil {
		return err
	}
	_, before := m.counts()
	sleep(during)
	settle()
	if _, after := m.counts(); after != before {
		return fmt.Errorf("%s got %d reports", m.who, after-before)
	}
	return nil
}
