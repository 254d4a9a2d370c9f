package sbc

import (
	"crypto/rand"
	"encoding/binary"
	"strconv"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/sdp"
)

// What a trunk's words mean to the rooms below.

func latchPolicy(l Latch) media.LatchPolicy {
	switch l {
	case LatchSignalled:
		return media.LatchSignalled
	case LatchSameIP:
		return media.LatchSameIP
	case LatchNAT:
		return media.LatchNAT
	}
	return media.LatchDefault
}

func digitKind(d DTMF) media.DigitKind {
	switch d {
	case DTMFInfo, DTMFInfoRelay:
		return media.DigitsInfo
	case DTMFInband:
		return media.DigitsInband
	case DTMFEvents:
	}
	return media.DigitsEvent
}

func muxOf(m Mux) sdp.Mux {
	switch m {
	case MuxOff:
		return sdp.MuxOff
	case MuxRequired:
		return sdp.MuxRequired
	case MuxOffered:
	}
	return sdp.MuxOptional
}

func holdOf(h Hold) sdp.HoldForm {
	if h == HoldInactive {
		return sdp.HoldInactive
	}
	return sdp.HoldAsIs
}

// formats are the codecs we have of those a trunk names, in its order.
func formats(have codec.Set, names []string) []sdp.Format {
	out := make([]sdp.Format, 0, len(names))
	for _, n := range names {
		if c := have.Named(n); c != nil {
			out = append(out, sdp.Format{Codec: c.Params()})
		}
	}
	return out
}

// security is what a trunk brings to keying, with fresh keys.
func security(c *SecurityConfig, f sdp.Fingerprint) sdp.Security {
	var s sdp.Security
	switch c.SRTP {
	case SRTPOptional:
		s.Policy = sdp.SecurityOptional
	case SRTPRequired:
		s.Policy = sdp.SecurityRequired
	case SRTPOff:
		return s
	}
	if c.Keys != KeysSDES {
		s.Fingerprint = f
	}
	if c.Keys != KeysDTLS {
		s.Keys = newKeys(c)
	}
	return s
}

func newKeys(c *SecurityConfig) []sdp.Key {
	keys := make([]sdp.Key, 0, len(c.Suites))
	for _, name := range c.Suites {
		var random [sdp.MaxKeyLen]byte
		_, _ = rand.Read(random[:]) // it does not fail (crypto/rand)
		k, err := sdp.NewKey(sdp.ParseSuite(name), random[:])
		if err != nil {
			continue // a suite that validation would have refused
		}
		if c.Lifetime {
			k.Lifetime = 1 << 31 // RFC 4568 §6.1
		}
		keys = append(keys, k)
	}
	return keys
}

// rekeyPause is how soon keys are changed again at the earliest: a far end that
// states a lifetime of a few packets is not to make us offer all the time.
const rekeyPause = 5 * time.Second

// wears notes that an SDES key of the side, ours or the far end's, is nearly
// used up (RFC 4568 §6.1). The next offer brings another of ours, and asks for
// another of theirs.
func (s *side) wears(now time.Time) {
	s.worn = now.Sub(s.rekeyed) >= rekeyPause
}

// rekey makes fresh keys for the next offer.
func (s *side) rekey(now time.Time) {
	s.worn, s.rekeyed = false, now
	s.local.Security.Keys = newKeys(&s.trunk.cfg.Security)
}

// random returns a random number that fits the o= line of any parser: 62 bits.
func random() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it does not fail (crypto/rand)
	return binary.BigEndian.Uint64(b[:]) >> 2
}

func itoa(n int) string { return strconv.Itoa(n) }
