package sdp

import (
	"net/netip"
	"time"
)

// The bounds of a description; one that passes any is refused (ErrTooLarge).
const (
	// MaxBytes is the bytes of the longest body we read.
	MaxBytes = 64 << 10

	maxLines        = 2048
	maxMedia        = 16
	maxFormats      = 64 // of one m-line
	maxCandidates   = 64 // of one m-line, as offered
	maxCrypto       = 16 // of one m-line
	maxFingerprints = 8  // of one level
)

// A Description is a session description: the parts of it that matter for audio.
// What stands at session level and holds for each m-line is kept with the
// m-lines. Attributes we do not know are not kept. RFC 8866 §5.
//
// A Description is not changed once made and may be shared.
type Description struct {
	Origin Origin
	// Bundle is the a=group:BUNDLE line without its name, empty when there is none.
	Bundle string
	// Lite says that a=ice-lite was there.
	Lite bool
	// Options is a=ice-options, empty when there is none.
	Options string
	Media   []Media
}

// Origin is the o= line. RFC 8866 §5.2.
type Origin struct {
	User        string
	ID, Version uint64 // 0 when they are no numbers
	Addr        string // unicast address as written
	IP6         bool
}

// Media is an m-line and what belongs to it. Only live lines, see Live, have
// more than the first group of fields.
type Media struct {
	Kind    string // "audio", "video", "application", "image", ...
	Port    uint16 // 0: refused or switched off
	Proto   string // as written
	Tokens  string // the m-line's formats as written
	Mid     string // a=mid (RFC 5888 §4)
	Profile Profile

	// Formats are the RTP formats in order of preference, with their rtpmap
	// and fmtp; telephone-event and CN are among them.
	Formats   []Format
	Direction Direction
	Ptime     time.Duration // 0: not stated; whole milliseconds
	MaxPtime  time.Duration // 0: not stated; whole milliseconds

	// Addr is where to send; zero when it is a name or not stated.
	Addr netip.Addr
	// RTCP is that of a=rtcp, zero without; its address is zero when only a
	// port was given. RFC 3605.
	RTCP    netip.AddrPort
	Mux     bool // a=rtcp-mux
	MuxOnly bool // a=rtcp-mux-only (RFC 8858)

	Crypto       []Key // the a=crypto lines we can use, in order
	Fingerprints []Fingerprint
	Setup        Setup
	TLSID        string

	Ufrag, Pwd string
	Candidates []Candidate // over UDP, with an address
	// Unnamed says that there were others: host names, TCP.
	Unnamed bool
	// Chosen is the component 1 of a=remote-candidates, zero without: the
	// candidate of the description's receiver that is in use.
	Chosen   netip.AddrPort
	Mismatch bool // a=ice-mismatch
	End      bool // a=end-of-candidates
}

// Live reports whether m is an audio line with a port and a profile we speak.
func (m *Media) Live() bool {
	return m.Port != 0 && m.Profile != ProfileNone && m.Kind == "audio"
}

// Setup is the a=setup attribute. RFC 4145 §4.
type Setup uint8

// The values of a=setup.
const (
	SetupNone Setup = iota
	SetupActPass
	SetupActive
	SetupPassive
	SetupHoldConn
)

// String is the attribute's value, empty for SetupNone.
func (s Setup) String() string {
	switch s {
	case SetupActPass:
		return "actpass"
	case SetupActive:
		return "active"
	case SetupPassive:
		return "passive"
	case SetupHoldConn:
		return "holdconn"
	case SetupNone:
	}
	return ""
}

// Audio returns the first live m-line, or nil.
func (d *Description) Audio() *Media {
	if i := d.audio(); i >= 0 {
		return &d.Media[i]
	}
	return nil
}

// audio is the index of the first live m-line, or -1.
func (d *Description) audio() int {
	for i := range d.Media {
		if d.Media[i].Live() {
			return i
		}
	}
	return -1
}

// Restarts reports whether the description restarts ICE against what was agreed
// before: our answer to it needs a new ufrag and password. RFC 8839 §4.4.1.1.1.
func (d *Description) Restarts(before *Agreed) bool {
	m := d.Audio()
	return m != nil && before.ICE.Ufrag != "" && m.Ufrag != "" &&
		(m.Ufrag != before.ICE.Ufrag || m.Pwd != before.ICE.Pwd)
}
