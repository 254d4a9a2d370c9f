package sdp

import (
	"bytes"
	"net/netip"
	"slices"
	"strconv"
	"time"
)

// DefaultPtime is the packet time where nobody asked for another. RFC 3551 §4.2.
const DefaultPtime = 20 * time.Millisecond

// The priorities of our one candidate: host, local preference 65535, components
// 1 and 2. RFC 8445 §5.1.2.1.
const (
	priorityRTP  = 126<<24 | 65535<<8 | 255
	priorityRTCP = 126<<24 | 65535<<8 | 254
)

// Offer makes the description we offer: one audio line, after whatever other
// lines the dialog had before, which stay refused. RFC 3264 §5 and §8.
func Offer(l Local) *Description {
	d := &Description{}
	var before *Media
	at := 0
	if p := l.Previous; p != nil {
		at = max(p.audio(), 0)
		d.Bundle = p.Bundle
		d.Media = make([]Media, 0, max(len(p.Media), 1))
		for i := range p.Media {
			d.Media = append(d.Media, refused(&p.Media[i]))
		}
		if at < len(p.Media) {
			before = &p.Media[at]
		}
	}
	m := offerMedia(&l, before)
	if before != nil {
		m.Mid = before.Mid
		d.Media[at] = m
	} else {
		d.Media = append(d.Media, m)
	}
	finish(d, &l)
	return d
}

// offerMedia makes the audio line of an offer.
func offerMedia(l *Local, before *Media) Media {
	m := ours(l)
	m.Profile = l.Profile
	var had []Format
	if before != nil && before.Live() {
		had = before.Formats
		if m.Profile == ProfileNone {
			m.Profile = before.Profile
		}
	}
	if m.Profile == ProfileNone {
		m.Profile = l.Security.profile()
	}
	m.Proto = m.Profile.String()
	m.Formats = offerFormats(l, had)
	m.Tokens = tokens(m.Formats)
	m.Direction = l.Hold.form(l.Direction)
	m.Ptime, m.MaxPtime = l.Ptime, l.MaxPtime
	if m.Ptime == 0 {
		m.Ptime = DefaultPtime
	}
	m.Mux = l.Mux != MuxOff
	m.MuxOnly = l.Mux == MuxRequired
	m.setRTCP(l, !m.MuxOnly)
	if l.Security.Policy != SecurityOff {
		m.Crypto = l.Security.tagged()
		if f := l.Security.Fingerprint; f.Hash != "" {
			m.Fingerprints = []Fingerprint{f}
			m.Setup = SetupActPass // RFC 8842 §5.2
			m.TLSID = l.Security.TLSID
		}
	}
	if l.ICE != nil {
		m.setICE(l, !m.MuxOnly)
	}
	return m
}

// ours is a line with what is ours in any: kind, address and port.
func ours(l *Local) Media { return Media{Kind: "audio", Port: l.Port, Addr: l.Addr.Unmap()} }

// refused is m as it is named when it is not used: port 0. RFC 3264 §6.
func refused(m *Media) Media {
	return Media{Kind: m.Kind, Proto: m.Proto, Profile: m.Profile, Tokens: m.Tokens, Mid: m.Mid}
}

// offerFormats numbers what we offer: codecs, then events in each clock that the
// codecs have and, after them, in 8000, the only one that many far ends know,
// then comfort noise.
func offerFormats(l *Local, before []Format) []Format {
	n := newNumbers(before)
	formats := make([]Format, 0, len(l.Formats)+3)
	for _, f := range l.Formats {
		if find(formats, f.Codec) == nil && len(formats) < maxFormats-8 {
			formats = append(formats, Format{Type: n.give(f.Codec, f.Type), Codec: f.Codec})
		}
	}
	codecs := formats
	narrow := false
	offer := func(clock int) {
		if e := event(clock); l.Events && find(formats, e) == nil && len(formats) < maxFormats-1 {
			formats = append(formats, Format{Type: n.give(e, 0), Codec: e})
		}
	}
	for _, f := range codecs {
		narrow = narrow || f.Codec.ClockRate == 8000
		offer(f.Codec.ClockRate)
	}
	offer(8000)
	if l.ComfortNoise && narrow {
		formats = append(formats, Format{Type: n.give(noise(), 0), Codec: noise()})
	}
	return formats
}

// tokens writes the m-line's list of payload types.
func tokens(formats []Format) string {
	var buf [4 * maxFormats]byte
	b := buf[:0]
	for i := range formats {
		if i > 0 {
			b = append(b, ' ')
		}
		b = strconv.AppendUint(b, uint64(formats[i].Type), 10)
	}
	return string(b)
}

// separate reports whether we have an RTCP port of its own.
func (l *Local) separate() bool { return l.RTCPPort != 0 && l.RTCPPort != l.Port }

// setRTCP writes a=rtcp where the port above RTP's would not be understood: one
// port for both (RFC 8035 §3), or a port elsewhere (RFC 3605). With separate,
// RTCP has, or may yet have, a port of its own.
func (m *Media) setRTCP(l *Local, separate bool) {
	switch {
	case separate && l.separate():
		if m.Mux || l.RTCPPort != l.Port+1 {
			m.RTCP = netip.AddrPortFrom(netip.Addr{}, l.RTCPPort)
		}
	case m.Mux:
		m.RTCP = netip.AddrPortFrom(netip.Addr{}, l.Port)
	}
}

// setICE makes m a lite agent's with one host candidate, and one for RTCP when
// that has a port of its own.
func (m *Media) setICE(l *Local, rtcp bool) {
	m.Ufrag, m.Pwd = l.ICE.Ufrag, l.ICE.Pwd
	m.Candidates = append(m.Candidates, Candidate{
		Addr: netip.AddrPortFrom(m.Addr, l.Port), Priority: priorityRTP, Component: 1,
	})
	if rtcp && l.separate() {
		m.Candidates = append(m.Candidates, Candidate{
			Addr: netip.AddrPortFrom(m.Addr, l.RTCPPort), Priority: priorityRTCP, Component: 2,
		})
	}
}

// form is how a direction is written.
func (h HoldForm) form(d Direction) Direction {
	if h == HoldInactive && d != SendRecv {
		return Inactive
	}
	return d
}

// profile is the one we offer when none was named.
func (s *Security) profile() Profile {
	switch {
	case s.Policy != SecurityRequired:
		return ProfileAVP
	case len(s.Keys) > 0:
		return ProfileSAVP
	}
	return ProfileTLS
}

// tagged is our keys with a tag each. RFC 4568 §4.1.
func (s *Security) tagged() []Key {
	keys := slices.Clone(s.Keys[:min(len(s.Keys), maxCrypto)])
	for i := range keys {
		if keys[i].Tag == 0 {
			keys[i].Tag = uint32(i) + 1
		}
	}
	return keys
}

// finish gives d what stands at session level: the agent's kind, and an origin
// whose version says whether anything changed. RFC 3264 §8.
func finish(d *Description, l *Local) {
	if m := d.Audio(); m != nil && m.Ufrag != "" {
		d.Lite = true
		d.Options = "ice2" // RFC 8445 §10
		if m.End {
			d.Options += " trickle" // they may; ours are all there (RFC 8840 §4.1)
		}
	}
	if p := l.Previous; p != nil {
		d.Origin = p.Origin
		if !bytes.Equal(d.Bytes(), p.Bytes()) {
			d.Origin.Version++
		}
		return
	}
	d.Origin = Origin{
		User: "-", ID: l.Session.ID, Version: l.Session.Version,
		Addr: l.Addr.Unmap().String(), IP6: l.Addr.Unmap().Is6(),
	}
}
