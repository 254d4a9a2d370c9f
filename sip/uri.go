package sip

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A URI is a sip, sips or tel URI in parts (RFC 3261 §19.1, RFC 3966). The
// escapes in User and the parameters are left as they are.
type URI struct {
	// Scheme is "sip", "sips" or "tel".
	Scheme string
	// User is the user part, for tel the number with its separators.
	User, Password string
	// Host is a name or an address without brackets; "" for tel.
	Host string
	Port uint16 // 0 when there is none
	// Params are the parameters with their leading semicolon: ";user=phone".
	Params string
	// Headers is what follows "?", for Refer-To and Contact.
	Headers string
}

// maxURI bounds a URI in bytes; what is longer is refused.
const maxURI = 2048

// ParseURI reads a sip, sips or tel URI. The error says what is wrong with it;
// a Cause of 416 is in it for any other scheme.
func ParseURI(s string) (URI, error) {
	if !validURI(s) || len(s) > maxURI {
		return URI{}, fmt.Errorf("parse uri: %.40q is empty, too long or has characters a URI cannot have", s)
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok || rest == "" {
		return URI{}, fmt.Errorf("parse uri: %.40q has no scheme", s)
	}
	u := URI{Scheme: strings.ToLower(scheme)}
	switch u.Scheme {
	case "tel":
		u.User, u.Params = cutParams(rest)
		if u.User == "" {
			return URI{}, fmt.Errorf("parse uri: %.40q has no number", s)
		}
		return u, nil
	case "sip", "sips":
		return u, u.parseSIP(rest)
	}
	return URI{}, fmt.Errorf("parse uri: scheme %.20q: %w", scheme, Refusal(416))
}

func (u *URI) parseSIP(s string) error {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		u.User, u.Password, _ = strings.Cut(s[:i], ":")
		if u.User == "" {
			return fmt.Errorf("parse uri: no user before @ in %.40q", s)
		}
		s = s[i+1:]
	}
	s, u.Headers, _ = strings.Cut(s, "?")
	s, u.Params = cutParams(s)
	host, port := s, ""
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return fmt.Errorf("parse uri: %.40q: bracket is not closed", s)
		}
		host, port = s[1:end], s[end+1:]
		if a, err := netip.ParseAddr(host); err != nil || !a.Is6() {
			return fmt.Errorf("parse uri: %.40q is not an IPv6 address", host)
		}
	} else if i := strings.IndexByte(s, ':'); i >= 0 {
		host, port = s[:i], s[i:]
	}
	if host == "" {
		return fmt.Errorf("parse uri: no host in %.40q", s)
	}
	u.Host = host
	if port != "" {
		n, err := strconv.ParseUint(strings.TrimPrefix(port, ":"), 10, 16)
		if err != nil || n == 0 || port[0] != ':' {
			return fmt.Errorf("parse uri: bad port %.10q", port)
		}
		u.Port = uint16(n)
	}
	return nil
}

// cutParams splits at the first semicolon, which stays with the parameters.
func cutParams(s string) (before, params string) {
	if i := strings.IndexByte(s, ';'); i >= 0 {
		return s[:i], s[i:]
	}
	return s, ""
}

// String returns the URI as it is written.
func (u URI) String() string {
	if u.Scheme == "tel" {
		return "tel:" + u.User + u.Params
	}
	b := make([]byte, 0, 64)
	b = append(append(b, u.Scheme...), ':')
	if u.User != "" {
		b = append(b, u.User...)
		if u.Password != "" {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = append(b, bracket(u.Host)...)
	if u.Port != 0 {
		b = strconv.AppendUint(append(b, ':'), uint64(u.Port), 10)
	}
	b = append(b, u.Params...)
	if u.Headers != "" {
		b = append(append(b, '?'), u.Headers...)
	}
	return string(b)
}

// Param returns the value of a parameter, compared without case, and whether it
// is there at all.
func (u URI) Param(name string) (string, bool) { return param(u.Params, name) }

// Phone reports whether the user part is a telephone number: a tel URI, or
// user=phone. RFC 3261 §19.1.1.
func (u URI) Phone() bool {
	v, _ := u.Param("user")
	return u.Scheme == "tel" || strings.EqualFold(v, "phone")
}

// Number returns the telephone number without visual separators and parameters
// in the user part: "+15550100" of "+1-555-0100;ext=7". RFC 3966 §3.
func (u URI) Number() string {
	user, _ := cutParams(u.User)
	if !strings.ContainsAny(user, "-.()") {
		return user
	}
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.()", r) {
			return -1
		}
		return r
	}, user)
}

// Destination is where a request with this URI goes. RFC 3263 §4.
func (u URI) Destination() transport.Destination {
	d := transport.Destination{Host: u.Host, Port: u.Port, Secure: u.Scheme == "sips"}
	if v, ok := u.Param("transport"); ok {
		d.Kind, _ = transport.ParseKind(v)
	}
	if v, ok := u.Param("maddr"); ok && v != "" {
		d.Host = strings.Trim(v, "[]")
	}
	return d
}

// param finds a parameter in ";a=b;c"; a value may be a quoted-string.
func param(params, name string) (string, bool) {
	for params != "" {
		params = strings.TrimPrefix(params, ";")
		end := endOfParam(params)
		k, v, _ := strings.Cut(params[:end], "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.TrimSpace(v), true
		}
		params = params[end:]
	}
	return "", false
}

// endOfParam is the index of the semicolon outside quotes that ends the first
// parameter of s, or its length.
func endOfParam(s string) int {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ';':
			return i
		case '"':
			end := endOfQuoted(s[i:])
			if end < 0 {
				return len(s)
			}
			i += end
		}
	}
	return len(s)
}

// validURI reports whether s may stand between angle brackets.
func validURI(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f {
			return false
		}
	}
	return s != ""
}

// bracket puts brackets round an IPv6 address. RFC 3261 §25.1.
func bracket(host string) string {
	if host != "" && host[0] != '[' && strings.IndexByte(host, ':') >= 0 {
		return "[" + host + "]"
	}
	return host
}
