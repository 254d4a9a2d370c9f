package sbc

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// MediaConfig is the audio of a trunk.
type MediaConfig struct {
	// Codecs are offered and taken, the most preferred first: PCMU, PCMA, G722,
	// opus. What the other side of a call cannot use is recoded.
	Codecs []string
	// FollowCodec asks the peer, when the other side of a call has gone over to a
	// codec that the peer has named too, to go over to it as well, so that nothing
	// need be recoded. Some peers take no offer in a call.
	FollowCodec bool
	// Ptime is the packet time we offer in milliseconds, a multiple of 10 up to
	// 60.
	Ptime int
	// DTMF is how digits pass on this trunk: rfc4733, info_relay (INFO with
	// application/dtmf-relay), info (INFO with application/dtmf) or inband
	// (tones). All are understood; this one is sent.
	DTMF DTMF
	// ComfortNoise offers and takes comfort noise (RFC 3389).
	ComfortNoise bool
	// Latch says which address may become the remote one besides the one that
	// was signalled: signalled (none), same_ip (another port of it) or nat (any,
	// for peers behind NAT). Whichever it is, it must pass probation in the first
	// seconds after an offer or answer. RFC 7362 §5 says why not more. Without ICE
	// a DTLS handshake is taken from the signalled address alone, with nat from any
	// within ranges: its certificate still decides, but strangers may make us work.
	Latch Latch
	// Relearn is for latch nat. A stream that has been silent for so long may go
	// on from another address, which a NAT that bound the peer anew gives it. It
	// must be the same stream by SSRC and sequence, and pass probation; while the
	// address before sends nothing moves. 0s leaves it to offers and answers.
	Relearn time.Duration
	// Ranges are the addresses media may come from and go to, as 192.0.2.0/24.
	// Empty allows any.
	Ranges []string
	// KeepMedia sends silence when there is nothing to send, for peers that cut
	// a call they hear nothing of; noise, where the other side sent comfort noise
	// and this one takes none.
	KeepMedia bool
	// Mux is RTP and RTCP on one port (RFC 5761): off, offered (we offer and
	// take it) or required.
	Mux Mux
	// ICE is off or lite (RFC 8445 §2.5).
	ICE ICE
}

// DTMF is how digits are sent.
type DTMF string

// The kinds.
const (
	DTMFEvents    DTMF = "rfc4733"
	DTMFInfoRelay DTMF = "info_relay"
	DTMFInfo      DTMF = "info"
	DTMFInband    DTMF = "inband"
)

// Latch is which addresses a latch may take.
type Latch string

// The policies.
const (
	LatchSignalled Latch = "signalled"
	LatchSameIP    Latch = "same_ip"
	LatchNAT       Latch = "nat"
)

// Mux is how RTP and RTCP share a port.
type Mux string

// The modes.
const (
	MuxOff      Mux = "off"
	MuxOffered  Mux = "offered"
	MuxRequired Mux = "required"
)

// ICE is what of ICE a trunk speaks.
type ICE string

// The modes.
const (
	ICEOff  ICE = "off"
	ICELite ICE = "lite"
)

func (m *MediaConfig) validate(f *findings, key string) {
	if len(m.Codecs) == 0 {
		f.add(key+".codecs", "is empty; name at least one of %s", strings.Join(codecNames(), ", "))
	}
	for i, c := range m.Codecs {
		k := fmt.Sprintf("%s.codecs[%d]", key, i)
		if !slices.ContainsFunc(codecNames(), func(n string) bool { return strings.EqualFold(n, c) }) {
			f.add(k, "%q is unknown; use %s", c, strings.Join(codecNames(), ", "))
		}
		if slices.IndexFunc(m.Codecs, func(o string) bool { return strings.EqualFold(o, c) }) != i {
			f.add(k, "%q is there twice", c)
		}
	}
	if m.Ptime%10 != 0 || m.Ptime < 10 || m.Ptime > 60 {
		f.add(key+".ptime", "%d is not a packet time; use 10, 20, 30, 40, 50 or 60", m.Ptime)
	}
	oneOf(f, key+".dtmf", m.DTMF, DTMFEvents, DTMFInfoRelay, DTMFInfo, DTMFInband)
	oneOf(f, key+".latch", m.Latch, LatchSignalled, LatchSameIP, LatchNAT)
	if m.Relearn < 0 {
		f.add(key+".relearn", "is negative; use 0s to leave it to offers and answers")
	}
	for i, r := range m.Ranges {
		if _, err := parsePrefix(r); err != nil {
			f.add(fmt.Sprintf("%s.ranges[%d]", key, i), "%q is neither an address nor a range; write 192.0.2.0/24", r)
		}
	}
	oneOf(f, key+".mux", m.Mux, MuxOff, MuxOffered, MuxRequired)
	oneOf(f, key+".ice", m.ICE, ICEOff, ICELite)
}

// codecNames are the codecs a trunk may name, as SDP writes them.
func codecNames() []string { return []string{"PCMU", "PCMA", "G722", "opus"} }

// SecurityConfig protects the media of a trunk.
type SecurityConfig struct {
	// SRTP is off, optional (offered beside plain RTP, RFC 8643; taken when
	// offered) or required (anything else gets 488).
	SRTP SRTP
	// Keys is how keys are agreed: sdes (RFC 4568), dtls (RFC 5763) or both (both
	// are offered, DTLS is preferred when both are offered to us).
	Keys Keys
	// Suites are the SDES suites, the most preferred first: AES_CM_128_HMAC_SHA1_80
	// and _32, AES_256_CM_HMAC_SHA1_80 and _32, AEAD_AES_128_GCM, AEAD_AES_256_GCM.
	Suites []string
	// Lifetime writes the lifetime 2^31 behind our keys, for peers that demand
	// one (RFC 4568 §6.1).
	Lifetime bool
	// ClearKeys allows SDES keys over a transport that is not encrypted (RFC
	// 4568 §8 forbids it).
	ClearKeys bool
}

// SRTP is how far media is protected.
type SRTP string

// The modes.
const (
	SRTPOff      SRTP = "off"
	SRTPOptional SRTP = "optional"
	SRTPRequired SRTP = "required"
)

// Keys is how SRTP keys are agreed.
type Keys string

// The ways.
const (
	KeysSDES Keys = "sdes"
	KeysDTLS Keys = "dtls"
	KeysBoth Keys = "both"
)

// The SDES suites that are spoken (RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.2).
const (
	SuiteCM80    = "AES_CM_128_HMAC_SHA1_80"
	SuiteCM32    = "AES_CM_128_HMAC_SHA1_32"
	Suite256CM80 = "AES_256_CM_HMAC_SHA1_80"
	Suite256CM32 = "AES_256_CM_HMAC_SHA1_32"
	SuiteGCM128  = "AEAD_AES_128_GCM"
	SuiteGCM256  = "AEAD_AES_256_GCM"
)

func (s *SecurityConfig) validate(f *findings, key string, via Transport) {
	oneOf(f, key+".srtp", s.SRTP, SRTPOff, SRTPOptional, SRTPRequired)
	if s.SRTP == SRTPOff {
		return
	}
	oneOf(f, key+".keys", s.Keys, KeysSDES, KeysDTLS, KeysBoth)
	if s.Keys == KeysDTLS {
		return
	}
	if len(s.Suites) == 0 {
		f.add(key+".suites", "is empty; name at least %s", SuiteCM80)
	}
	for i, suite := range s.Suites {
		oneOf(f, fmt.Sprintf("%s.suites[%d]", key, i), suite,
			SuiteCM80, SuiteCM32, Suite256CM80, Suite256CM32, SuiteGCM128, SuiteGCM256)
	}
	if via != TransportTLS && via != TransportWSS && !s.ClearKeys {
		f.add(key+".keys", "sends SDES keys over a transport that is not encrypted; use transport tls, keys dtls, or clear_keys if you must (RFC 4568 §8)")
	}
}
