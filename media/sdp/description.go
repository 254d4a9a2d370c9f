package sdp

import (
	"net/netip"
	"time"
)

// The bounds of a description; one that passes any is refused (ErrTooLarge).
const (
	MaxBytes      = 64 << 10
	maxMedia      = 16
	maxFormats    = 64
	maxAttributes = 1024 // lines of any kind
	maxCrypto     = 16
	maxOffered    = 64 // candidates in one m-line
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
	Lite  bool
	Media []Media
}

// Origin is the o= line. RFC 8866 §5.2.
type Origin struct {
	User        string
	ID, Version uint64
	Addr        string // unicast address as written
	IP6         bool
}

// Media is an m-line and what belongs to it.
type Media struct {
	Kind    string // "audio", "video", "application", "image", ...
	Port    uint16 // 0: refused or switched off
	Proto   string // as written
	Profile Profile
	// Formats are the RTP formats in order of preference, with their rtpmap
	// and fmtp. Empty for a Profile we do not speak.
	Formats []Format
	// Tokens are the m-line's formats as written.
	Tokens string

	// Addr is where to send; zero when it is a name. RTCP is that of a=rtcp,
	// zero without; its address is zero when only a port was given.
	Addr      netip.Addr
	RTCP      netip.AddrPort
	Mux       bool
	MuxOnly   bool
	Direction Direction
	Ptime     time.Duration
	MaxPtime  time.Duration
	Mid       string

	Crypto       []Key // the lines we understand and can use, in order
	Fingerprints []Fingerprint
	Setup        Setup
	TLSID        string

	Ufrag, Pwd string
	Options    string // a=ice-options
	Candidates []Candidate
	// Unnamed says that there were candidates without an address we can use:
	// host names, TCP.
	Unnamed   bool
	Concluded bool // a=remote-candidates
	Mismatch  bool // a=ice-mismatch
	End       bool // a=end-of-candidates
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

// Audio returns the first m=audio line that has a port and a profile we speak,
// or nil.
func (d *Description) Audio() *Media {
	for i := range d.Media {
		if m := &d.Media[i]; m.Kind == "audio" && m.Port != 0 && m.Profile != ProfileNone {
			return m
		}
	}
	return nil
}

// Restarts reports whether the description restarts ICE against what was agreed
// before: our answer to it needs a new ufrag and password. RFC 8839 §4.4.1.1.1.
func (d *Description) Restarts(before Agreed) bool {
	m := d.Audio()
	return m != nil && before.ICE.Ufrag != "" && m.Ufrag != "" &&
		(m.Ufrag != before.ICE.Ufrag || m.Pwd != before.ICE.Pwd)
}
