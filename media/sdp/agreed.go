package sdp

import (
	"net/netip"
	"time"
)

// MaxReceive is how many formats of one stream we may receive besides
// telephone-event and comfort noise.
const MaxReceive = 4

// Agreed is what one audio stream came to, seen from our side. It is a value:
// compare with ==, to learn whether a new offer and answer changed anything.
//
// RFC 3264 §6 and §7.
type Agreed struct {
	// Remote is where our RTP goes while ICE names no better place. It is the
	// zero AddrPort while the stream is switched off (port 0), or if only ICE
	// can tell; and an unspecified address while the far end wants nothing (RFC
	// 3264 §8.4) or will trickle candidates. Send to neither.
	Remote netip.AddrPort
	// RemoteRTCP is where our RTCP goes; equal to Remote when Mux, and zero when
	// the far end takes none. RFC 3605.
	RemoteRTCP netip.AddrPort
	// Mux says that RTP and RTCP share the port, both ways. RFC 5761 §5.1.1.
	Mux bool
	// Profile is the transport both sides named.
	Profile Profile
	// Direction is ours: SendOnly means we send and the far end does not.
	Direction Direction

	// Send is the codec we send, with the far end's payload type and fmtp: its
	// Codec.Format says what the far end can take.
	Send Format
	// Receive are the codecs that may arrive, in our payload types, the one of
	// Send first; unused entries are zero. See Received.
	Receive [MaxReceive]Format
	// Event is telephone-event (RFC 4733), the zero Payload when not agreed.
	Event Payload
	// ComfortNoise is CN (RFC 3389), the zero Payload when not agreed.
	ComfortNoise Payload
	// Ptime is the length of audio to put into one packet: 10 to 60 ms.
	Ptime time.Duration
	// MaxPtime is the most the far end takes in one packet, 0 when it did not say.
	MaxPtime time.Duration

	// Keys are the SDES keys of both ways; zero when SDES was not agreed.
	Keys Keys
	// DTLS is the far end's side of DTLS-SRTP; zero when it was not agreed.
	DTLS DTLS
	// ICE is the far end's side of ICE; zero when it was not agreed.
	ICE RemoteICE
}

// Secure reports whether the stream is SRTP, by SDES or DTLS.
func (a *Agreed) Secure() bool { return a.Keys.Send.Suite != SuiteNone || a.DTLS.Role != RoleNone }

// Received returns what a packet of payload type pt carries, if that is audio
// we agreed to. It does not know of Event and ComfortNoise.
func (a *Agreed) Received(pt uint8) (Format, bool) {
	for i := range a.Receive {
		if f := &a.Receive[i]; f.Type == pt && f.Codec.Name != "" {
			return *f, true
		}
	}
	return Format{}, false
}

// Rekeyed reports whether packets need other keys than was agreed before: other
// SDES keys, or a new DTLS association (RFC 8842 §4).
func (a *Agreed) Rekeyed(before *Agreed) bool {
	return a.Keys != before.Keys || a.DTLS != before.DTLS
}

// Payload is how a format that is not a codec travels, both ways.
type Payload struct {
	Send, Receive uint8 // payload types: the far end's, and ours
	Clock         int   // RTP timestamp units per second; 0: not agreed
}

// DTLS is what DTLS-SRTP needs to know of the far end. RFC 5763 §5.
type DTLS struct {
	Role        Role        // ours
	Fingerprint Fingerprint // of the far end's certificate
	TLSID       string      // the far end's a=tls-id (RFC 8842 §5.1), empty when it gave none
}

// A Role is our part in a DTLS handshake. RFC 4145 §4.
type Role uint8

// The roles; RoleNone means no DTLS.
const (
	RoleNone   Role = iota
	RoleClient      // a=setup:active: we send the ClientHello
	RoleServer      // a=setup:passive
)

// MaxCandidates is how many candidates of one stream are kept, those of the
// highest priority.
const MaxCandidates = 16

// RemoteICE is the far end's side of ICE. RFC 8839 §5.
type RemoteICE struct {
	Ufrag, Pwd string // empty: no ICE
	Lite       bool   // the far end is a lite agent
	Trickles   bool   // it says that candidates may come after its description (RFC 8840 §4.1.1)
	// Concluded says that the offer named our candidate in
	// a=remote-candidates: its checks are over and Remote is the pair in use.
	Concluded bool
	// Candidates are the far end's UDP candidates with an address, highest
	// priority first; unused entries are zero.
	Candidates [MaxCandidates]Candidate
}

// A Candidate is a transport address at which an agent may be found. RFC 8839 §5.1.
type Candidate struct {
	Addr      netip.AddrPort
	Priority  uint32
	Component uint8 // 1 RTP, 2 RTCP
}
