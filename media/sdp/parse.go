package sdp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// Parse reads a description. Errors are ErrMalformed and ErrTooLarge, wrapped
// with the number of the line; they quote nothing of the body, which may hold
// keys. Lines may end in CRLF or LF, and their order within a section is not
// insisted on. RFC 8866 §5 and §9.
func Parse(b []byte) (*Description, error) {
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("parse sdp: %d bytes: %w", len(b), ErrTooLarge)
	}
	p := parser{d: &Description{}}
	rest := string(b)
	n := strings.Count(rest, "\nm=")
	if n > maxMedia {
		return nil, fmt.Errorf("parse sdp: %d m-lines: %w", n, ErrTooLarge)
	}
	p.d.Media = make([]Media, 0, n)
	for rest != "" {
		var line string
		line, rest, _ = strings.Cut(rest, "\n")
		p.line++
		if err := p.read(strings.TrimSuffix(line, "\r")); err != nil {
			return nil, fmt.Errorf("parse sdp: line %d: %w", p.line, err)
		}
	}
	if !p.version || !p.origin {
		return nil, fmt.Errorf("parse sdp: no v= or o= line: %w", ErrMalformed)
	}
	return p.d, nil
}

// A parser is where Parse is in a body.
type parser struct {
	d       *Description
	line    int
	version bool
	origin  bool

	session Media  // what session level says for every m-line
	media   *Media // the m-line being read; nil at session level
	dead    bool   // its attributes do not matter
	own     own    // what the m-line said itself
}

// own is what an m-line may say once more than the session did.
type own struct{ conn, fingerprint, group bool }

func (p *parser) read(line string) error {
	if p.line > maxLines {
		return ErrTooLarge
	}
	if line == "" {
		return nil // seen at the end of bodies, and harmless elsewhere
	}
	if len(line) < 2 || line[1] != '=' || controls(line) {
		return ErrMalformed
	}
	kind, value := line[0], line[2:]
	if !p.version {
		p.version = kind == 'v' && value == "0"
		if !p.version {
			return ErrMalformed
		}
		return nil
	}
	switch kind {
	case 'o':
		return p.readOrigin(value)
	case 'c':
		return p.readConnection(value)
	case 'm':
		return p.readMedia(value)
	case 'a':
		return p.readAttribute(value)
	}
	return nil // s=, t=, b=, k= and whatever else: nothing for us
}

// controls reports whether a line has bytes that could end it for another reader.
func controls(line string) bool {
	for i := range len(line) {
		if c := line[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

// readOrigin reads o=. The five fields after the user name are counted from the
// end, since user names with spaces in them are met.
func (p *parser) readOrigin(value string) error {
	if p.media != nil || p.origin {
		return nil
	}
	var f [5]string
	user := value
	for i := len(f) - 1; i >= 0; i-- {
		user = strings.TrimRight(user, " ")
		cut := strings.LastIndexByte(user, ' ')
		if cut < 0 {
			return ErrMalformed
		}
		user, f[i] = user[:cut], user[cut+1:]
	}
	o := &p.d.Origin
	o.User = strings.Trim(user, " ")
	if o.User == "" || f[4] == "" {
		return ErrMalformed
	}
	o.ID, _ = strconv.ParseUint(f[0], 10, 64)
	o.Version, _ = strconv.ParseUint(f[1], 10, 64)
	o.IP6 = f[3] == "IP6"
	o.Addr = f[4]
	p.origin = true
	return nil
}

// readConnection reads c=. Of several in one m-line (layered multicast) the
// first counts. RFC 8866 §5.7.
func (p *parser) readConnection(value string) error {
	network, rest := field(value)
	kind, rest := field(rest)
	addr, _ := field(rest)
	if network != "IN" || kind == "" || addr == "" {
		return ErrMalformed
	}
	switch {
	case p.media == nil:
		p.session.Addr = address(addr)
	case !p.dead && !p.own.conn:
		p.media.Addr = address(addr)
		p.own.conn = true
	}
	return nil
}

// readMedia reads m= and begins its section with what session level said.
func (p *parser) readMedia(value string) error {
	kind, rest := field(value)
	port, rest := field(rest)
	proto, tokens := field(rest)
	tokens = strings.Trim(tokens, " ")
	port, _, _ = strings.Cut(port, "/")
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || !token(kind) || proto == "" || tokens == "" {
		return ErrMalformed
	}
	if len(p.d.Media) == cap(p.d.Media) {
		return ErrMalformed // a first line cannot be m=, so it was counted
	}
	p.d.Media = append(p.d.Media, Media{
		Kind: kind, Port: uint16(n), Proto: proto, Tokens: tokens, Profile: parseProfile(proto),
	})
	p.media, p.own = &p.d.Media[len(p.d.Media)-1], own{}
	p.dead = !p.media.Live()
	if p.dead {
		return nil
	}
	p.inherit()
	return p.media.readFormats()
}

// inherit gives the m-line what session level said for all. RFC 8866 §5.13.
func (p *parser) inherit() {
	m, s := p.media, &p.session
	m.Addr, m.Direction = s.Addr, s.Direction
	m.Fingerprints, m.Setup, m.TLSID = s.Fingerprints, s.Setup, s.TLSID
	m.Ufrag, m.Pwd = s.Ufrag, s.Pwd
}

// readFormats reads the payload types of the m-line and names the static ones.
func (m *Media) readFormats() error {
	n := strings.Count(m.Tokens, " ") + 1
	if n > maxFormats {
		return ErrTooLarge
	}
	m.Formats = make([]Format, 0, n)
	for rest := m.Tokens; rest != ""; {
		var tok string
		tok, rest = field(rest)
		pt, err := strconv.ParseUint(tok, 10, 8)
		if err != nil || pt > 127 {
			return ErrMalformed
		}
		if m.format(uint8(pt)) == nil {
			m.Formats = append(m.Formats, Format{Type: uint8(pt), Codec: static(uint8(pt))})
		}
	}
	return nil
}

// format returns the format of payload type pt, or nil.
func (m *Media) format(pt uint8) *Format {
	for i := range m.Formats {
		if m.Formats[i].Type == pt {
			return &m.Formats[i]
		}
	}
	return nil
}

// parseProfile reads the m-line's transport.
func parseProfile(proto string) Profile {
	for p := ProfileAVP; p <= ProfileTLSF; p++ {
		if strings.EqualFold(proto, p.String()) {
			return p
		}
	}
	return ProfileNone
}

// field cuts the first word off s, and the spaces after it.
func field(s string) (word, rest string) {
	s = strings.TrimLeft(s, " ")
	word, rest, _ = strings.Cut(s, " ")
	return word, strings.TrimLeft(rest, " ")
}

// address reads an address of c=, a=rtcp or a candidate; zero when it is a name.
// A multicast TTL after a slash is dropped.
func address(s string) netip.Addr {
	s, _, _ = strings.Cut(s, "/")
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}
	}
	return a.Unmap()
}

// token reports whether s is a token. RFC 8866 §9.
func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return s != ""
}
