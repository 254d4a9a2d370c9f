package sdp

import (
	"strings"
)

// Answer makes our answer to an offer and tells what was agreed. One audio line
// is taken, with one codec; every other line is refused in its place. Payload
// types are the offerer's, and so is the profile. Errors are ErrNoAudio,
// ErrNoCommonCodec, ErrSecurityRequired, ErrSecurityRefused and ErrAddress; then
// there is no answer, and Warning has words for the refusal.
//
// An offer in a running dialog that switches audio off (port 0) is answered like
// that, and what is agreed is Inactive, with no Remote.
//
// RFC 3264 §6 and §8.
func Answer(offer *Description, l Local) (*Description, *Agreed, error) {
	d := &Description{Media: make([]Media, len(offer.Media))}
	for i := range offer.Media {
		d.Media[i] = refused(&offer.Media[i])
	}
	a := &Agreed{}
	at, err := a.answerOne(offer, d, &l)
	if err != nil {
		return nil, nil, err
	}
	if at >= 0 {
		if mid := d.Media[at].Mid; bundled(offer.Bundle, mid) {
			d.Bundle = mid // RFC 9143 §7.3
		}
	}
	finish(d, &l)
	return d, a, nil
}

// answerOne answers the first line it can, beginning with the one in use. It
// returns its index, -1 when all audio is switched off.
func (a *Agreed) answerOne(offer, d *Description, l *Local) (int, error) {
	var first error
	try := func(i int) bool {
		o, m := &offer.Media[i], &d.Media[i]
		if !o.Live() {
			return false
		}
		*m = ours(l)
		*a = Agreed{}
		if err := m.answer(a, o, l, offer.trickles()); err != nil {
			*m = refused(o)
			if first == nil {
				first = err
			}
			return false
		}
		if a.ICE.Ufrag != "" {
			a.ICE.Lite, a.ICE.Trickles = offer.Lite, offer.trickles()
		}
		return true
	}
	used := -1
	if l.Previous != nil {
		used = l.Previous.audio()
	}
	if used >= 0 && used < len(offer.Media) && try(used) {
		return used, nil
	}
	for i := range offer.Media {
		if i != used && try(i) {
			return i, nil
		}
	}
	switch {
	case first != nil:
		return 0, first
	case l.Previous != nil && switchedOff(offer):
		*a = Agreed{Direction: Inactive}
		return -1, nil
	}
	return 0, ErrNoAudio
}

// switchedOff reports whether there is audio and all of it has port 0. RFC 3264 §8.2.
func switchedOff(offer *Description) bool {
	found := false
	for i := range offer.Media {
		if m := &offer.Media[i]; m.Kind == "audio" {
			found = true
			if m.Port != 0 {
				return false
			}
		}
	}
	return found
}

// bundled reports whether mid is in a BUNDLE group.
func bundled(group, mid string) bool {
	for group != "" {
		var m string
		m, group = field(group)
		if m == mid {
			return true
		}
	}
	return false
}

// answer answers one live line; m is ours and a is empty.
func (m *Media) answer(a *Agreed, o *Media, l *Local, trickle bool) error {
	a.Profile = o.Profile
	m.Proto, m.Profile, m.Mid = o.Proto, o.Profile, o.Mid
	if err := m.answerFormats(a, o, l); err != nil {
		return err
	}
	if err := m.answerKeys(a, o, &l.Security); err != nil {
		return err
	}
	useICE := l.ICE != nil && o.Ufrag != "" && o.Pwd != ""
	if useICE && o.mismatched() {
		m.Mismatch, useICE = true, false // RFC 8839 §4.2.5
	}
	if useICE {
		a.ICE.read(o, l)
	}
	m.Mux = o.Mux && l.Mux != MuxOff
	m.MuxOnly = m.Mux && o.MuxOnly
	m.setRTCP(l, !m.Mux)
	if useICE {
		m.setICE(l, !m.Mux)
		m.End = trickle
	}
	if err := a.setRemote(o, l, m.Mux); err != nil {
		return err
	}
	m.answerDirection(a, o, l)
	return nil
}

// answerFormats takes the first of our codecs that was offered, and what goes with it.
func (m *Media) answerFormats(a *Agreed, o *Media, l *Local) error {
	var ours *Format
	var theirs *Format
	for i := range l.Formats {
		if theirs = find(o.Formats, l.Formats[i].Codec); theirs != nil {
			ours = &l.Formats[i]
			break
		}
	}
	if ours == nil {
		return ErrNoCommonCodec
	}
	m.Formats = append(make([]Format, 0, 3), Format{Type: theirs.Type, Codec: ours.Codec})
	a.Send = sending(theirs, ours)
	a.Receive[0] = m.Formats[0]
	clock := ours.Codec.ClockRate
	if e := findEvent(o.Formats, clock); l.Events && e != nil {
		a.Event = Payload{Send: e.Type, Receive: e.Type, Clock: e.Codec.ClockRate}
		m.Formats = append(m.Formats, Format{Type: e.Type, Codec: event(e.Codec.ClockRate)})
	}
	if cn := find(o.Formats, noise()); l.ComfortNoise && cn != nil && clock == 8000 {
		a.ComfortNoise = Payload{Send: cn.Type, Receive: cn.Type, Clock: 8000}
		m.Formats = append(m.Formats, Format{Type: cn.Type, Codec: noise()})
	}
	m.Tokens = tokens(m.Formats)
	a.setPtime(o, l)
	m.Ptime, m.MaxPtime = l.Ptime, l.MaxPtime
	if m.Ptime == 0 {
		m.Ptime = a.Ptime
	}
	return nil
}

// answerDirection answers a direction, hold in whatever form included. Where it
// is the far end that holds, its form is answered; the form of Local is for what
// we restrict ourselves. RFC 3264 §6.1 and §8.4.
func (m *Media) answerDirection(a *Agreed, o *Media, l *Local) {
	offered := o.Direction
	if a.holds(o) {
		offered = offered.Within(SendOnly)
	}
	limit := offered.Reverse()
	m.Direction = l.Direction.Within(limit)
	if m.Direction != limit {
		m.Direction = l.Hold.form(m.Direction)
	}
	a.Direction = m.Direction
}

// answerKeys chooses how the stream is keyed, within our policy and the offered
// profile, and writes our side of it.
func (m *Media) answerKeys(a *Agreed, o *Media, s *Security) error {
	secure := o.Profile.Secure()
	if s.Policy == SecurityOff {
		if secure {
			return ErrSecurityRefused
		}
		return nil
	}
	keys, sdes := s.match(o.Crypto)
	cert, role := best(o.Fingerprints), s.answerRole(o.Setup)
	dtls := s.Fingerprint.Hash != "" && cert.Hash != "" && role != RoleNone
	switch {
	case dtls && (!sdes || !s.PreferSDES):
		a.DTLS = DTLS{Role: role, Fingerprint: cert, TLSID: strings.Clone(o.TLSID)}
		m.Fingerprints = []Fingerprint{s.Fingerprint}
		m.Setup, m.TLSID = role.setup(), s.TLSID
	case sdes:
		a.Keys = keys
		m.Crypto = []Key{keys.Send}
	case secure || s.Policy == SecurityRequired:
		return ErrSecurityRequired
	}
	return nil // without keys: an offer of RTP/AVP that need not be secured (RFC 8643 §3.2)
}

// match takes the first offered key whose suite we have a key for. Our key goes
// back under the offered tag, with our own lifetime and MKI. RFC 4568 §5.1.2.
func (s *Security) match(offered []Key) (Keys, bool) {
	for _, theirs := range offered {
		for _, ours := range s.Keys {
			if ours.Suite == theirs.Suite {
				ours.Tag = theirs.Tag
				return Keys{Send: ours, Receive: theirs}, true
			}
		}
	}
	return Keys{}, false
}

// answerRole is our role in DTLS under an offered a=setup; none for holdconn.
// Without the attribute the offerer is active. RFC 4145 §4.1, RFC 8842 §5.3.
func (s *Security) answerRole(offered Setup) Role {
	switch offered {
	case SetupActPass:
		if s.Role == RoleClient {
			return RoleClient
		}
		return RoleServer
	case SetupActive, SetupNone:
		return RoleServer
	case SetupPassive:
		return RoleClient
	case SetupHoldConn:
	}
	return RoleNone
}

// setup is how a role is written.
func (r Role) setup() Setup {
	switch r {
	case RoleClient:
		return SetupActive
	case RoleServer:
		return SetupPassive
	case RoleNone:
	}
	return SetupNone
}
