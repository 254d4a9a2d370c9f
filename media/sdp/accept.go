package sdp

import (
	"fmt"
	"strings"
)

// Accept tells what was agreed by another's answer to our offer, made from l. It
// may be called for every answer that comes, in any order. Errors are ErrAnswer,
// ErrRefused, ErrNoCommonCodec, ErrSecurityRequired and ErrAddress.
//
// RFC 3264 §7.
func Accept(l Local, offer, answer *Description) (*Agreed, error) {
	at := offer.audio()
	if at < 0 || at >= len(answer.Media) {
		return nil, fmt.Errorf("%w: %d m-lines for %d", ErrAnswer, len(answer.Media), len(offer.Media))
	}
	o, m := &offer.Media[at], &answer.Media[at]
	switch {
	case m.Kind != o.Kind:
		return nil, fmt.Errorf("%w: another kind of media in the place of audio", ErrAnswer)
	case m.Port == 0:
		return nil, ErrRefused
	case m.Profile == ProfileNone:
		return nil, fmt.Errorf("%w: unknown transport", ErrAnswer)
	}
	a := &Agreed{Profile: m.Profile, Mux: o.Mux && m.Mux}
	if err := a.acceptFormats(o, m); err != nil {
		return nil, err
	}
	a.setPtime(m, &l)
	if err := a.acceptKeys(o, m, &l.Security); err != nil {
		return nil, err
	}
	if o.Ufrag != "" && m.Ufrag != "" && m.Pwd != "" && !m.Mismatch {
		a.ICE.read(m, &l)
		a.ICE.Lite, a.ICE.Trickles = answer.Lite, answer.trickles()
	}
	if err := a.setRemote(m, &l, a.Mux); err != nil {
		return nil, err
	}
	theirs := m.Direction
	if a.holds(m) {
		theirs = theirs.Within(SendOnly)
	}
	a.Direction = o.Direction.Within(theirs.Reverse())
	return a, nil
}

// acceptFormats finds the answer's formats among those we offered, by codec and
// not by number: theirs may differ from ours (RFC 3264 §6.1).
func (a *Agreed) acceptFormats(o, m *Media) error {
	n := 0
	for i := range m.Formats {
		theirs := &m.Formats[i]
		if isEvent(theirs.Codec) || isNoise(theirs.Codec) || n == len(a.Receive) {
			continue
		}
		ours := find(o.Formats, theirs.Codec)
		if ours == nil {
			continue
		}
		if n == 0 {
			a.Send = sending(theirs, ours)
		}
		a.Receive[n] = *ours
		n++
	}
	if n == 0 {
		return ErrNoCommonCodec
	}
	clock := a.Send.Codec.ClockRate
	if theirs := findEvent(m.Formats, clock); theirs != nil {
		if ours := find(o.Formats, theirs.Codec); ours != nil {
			a.Event = Payload{Send: theirs.Type, Receive: ours.Type, Clock: theirs.Codec.ClockRate}
		}
	}
	theirs, ours := find(m.Formats, noise()), find(o.Formats, noise())
	if theirs != nil && ours != nil && clock == 8000 {
		a.ComfortNoise = Payload{Send: theirs.Type, Receive: ours.Type, Clock: 8000}
	}
	return nil
}

// acceptKeys finds how the answer keyed the stream.
func (a *Agreed) acceptKeys(o, m *Media, s *Security) error {
	keys, sdes := acceptSDES(o.Crypto, m.Crypto)
	cert := best(m.Fingerprints)
	dtls := len(o.Fingerprints) > 0 && cert.Hash != "" && m.Setup != SetupHoldConn
	switch {
	case dtls && (!sdes || !s.PreferSDES):
		a.DTLS = DTLS{Role: acceptRole(m.Setup), Fingerprint: cert, TLSID: strings.Clone(m.TLSID)}
	case sdes:
		a.Keys = keys
	case s.Policy == SecurityRequired || o.Profile.Secure() || m.Profile.Secure():
		return ErrSecurityRequired
	}
	return nil
}

// acceptSDES finds the key the answer chose: ours has its tag and suite. RFC
// 4568 §5.1.3.
func acceptSDES(offered, answered []Key) (Keys, bool) {
	for _, theirs := range answered {
		for _, ours := range offered {
			if ours.Tag == theirs.Tag && ours.Suite == theirs.Suite {
				return Keys{Send: ours, Receive: theirs}, true
			}
		}
	}
	return Keys{}, false
}

// acceptRole is our role after an answer to our actpass: the other one. An
// answer that does not say begins the handshake itself. RFC 8842 §5.4.
func acceptRole(answered Setup) Role {
	if answered == SetupPassive {
		return RoleClient
	}
	return RoleServer
}
