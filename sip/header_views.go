package sip

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Replaces names a dialog by Call-ID and tags. ToTag is the tag of the one who
// receives the INVITE, hence ours in one that came in. RFC 3891 §6.1.
type Replaces struct {
	CallID, ToTag, FromTag string
	// EarlyOnly refuses a dialog that is already confirmed.
	EarlyOnly bool
}

// ParseReplaces reads the value of a Replaces header.
func ParseReplaces(s string) (Replaces, error) {
	id, params := cutParams(s)
	r := Replaces{CallID: strings.TrimSpace(id)}
	var to, from bool
	r.ToTag, to = param(params, "to-tag")
	r.FromTag, from = param(params, "from-tag")
	_, r.EarlyOnly = param(params, "early-only")
	if r.CallID == "" || !to || !from || !validValue(s) || strings.ContainsAny(r.CallID, " ,<>") {
		return Replaces{}, fmt.Errorf("parse replaces: %.60q needs a call-id, to-tag and from-tag", s)
	}
	return r, nil
}

// String returns the value of the header.
func (r Replaces) String() string {
	s := r.CallID + ";to-tag=" + r.ToTag + ";from-tag=" + r.FromTag
	if r.EarlyOnly {
		s += ";early-only"
	}
	return s
}

// A sessionExpires is the view of Session-Expires. RFC 4028 §4.
type sessionExpires struct {
	interval  time.Duration
	refresher string // "uac", "uas" or ""
}

// maxSession bounds a session interval, so that times stay sane.
const maxSession = 7 * 24 * time.Hour

func parseSessionExpires(s string) (sessionExpires, error) {
	d, ok := seconds(s)
	if !ok || d == 0 {
		return sessionExpires{}, fmt.Errorf("parse session-expires: %.40q has no seconds", s)
	}
	_, params := cutParams(s)
	r, _ := param(params, "refresher")
	switch r = strings.ToLower(r); r {
	case "", "uac", "uas":
	default:
		return sessionExpires{}, fmt.Errorf("parse session-expires: refresher %.10q is neither uac nor uas", r)
	}
	return sessionExpires{interval: min(d, maxSession), refresher: r}, nil
}

// A rack is the view of RAck: which response a PRACK is for. RFC 3262 §7.2.
type rack struct {
	rseq, cseq uint32
	method     string
}

func parseRAck(s string) (rack, error) {
	f := strings.Fields(s)
	if len(f) != 3 {
		return rack{}, fmt.Errorf("parse rack: %.40q is not two numbers and a method", s)
	}
	rseq, err1 := strconv.ParseUint(f[0], 10, 32)
	cseq, err2 := strconv.ParseUint(f[1], 10, 31)
	if err := errors.Join(err1, err2); err != nil {
		return rack{}, fmt.Errorf("parse rack: %.40q: bad number", s)
	}
	return rack{rseq: uint32(rseq), cseq: uint32(cseq), method: f[2]}, nil
}

// parseRSeq reads RSeq. RFC 3262 §7.1.
func parseRSeq(s string) (uint32, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	return uint32(n), err == nil && n > 0
}

// A referTo is the view of Refer-To. RFC 3515 §2.1.
type referTo struct {
	target   Address
	replaces *Replaces
	embedded []Header
}

// maxEmbedded bounds the headers read from a Refer-To URI.
const maxEmbedded = 16

func parseReferTo(s string) (referTo, error) {
	a, err := parseAddress(s)
	if err != nil {
		return referTo{}, fmt.Errorf("parse refer-to: %w", err)
	}
	u, err := ParseURI(a.URI)
	if err != nil {
		return referTo{}, fmt.Errorf("parse refer-to: %w", err)
	}
	if m, ok := u.Param("method"); ok && !strings.EqualFold(m, "INVITE") {
		return referTo{}, fmt.Errorf("parse refer-to: method %.10q is not INVITE", m)
	}
	var r referTo
	if u.Headers != "" {
		for n, h := range strings.Split(u.Headers, "&") {
			k, v, _ := strings.Cut(h, "=")
			v, err := url.PathUnescape(v)
			if err != nil || n >= maxEmbedded || !isToken(k) || !validValue(v) {
				return referTo{}, fmt.Errorf("parse refer-to: bad header %.20q in the URI", k)
			}
			if !strings.EqualFold(k, "replaces") {
				r.embedded = append(r.embedded, Header{k, v})
				continue
			}
			rep, err := ParseReplaces(v)
			if err != nil {
				return referTo{}, fmt.Errorf("parse refer-to: %w", err)
			}
			r.replaces = &rep
		}
	}
	u.Headers = ""
	r.target = Address{Display: a.Display, URI: u.String()}
	return r, nil
}

// parseAddress reads one name-addr or addr-spec; header parameters are left out.
// RFC 3261 §20.10.
func parseAddress(s string) (Address, error) {
	s = strings.TrimSpace(s)
	var a Address
	if strings.HasPrefix(s, `"`) {
		end := endOfQuoted(s)
		if end < 0 {
			return a, fmt.Errorf("quote is not closed in %.40q", s)
		}
		a.Display, s = unquote(s[:end+1]), strings.TrimSpace(s[end+1:])
	}
	if i := strings.IndexByte(s, '<'); i >= 0 {
		if a.Display == "" {
			a.Display = strings.TrimSpace(s[:i])
		}
		uri, _, ok := strings.Cut(s[i+1:], ">")
		if !ok {
			return a, fmt.Errorf("bracket is not closed in %.40q", s)
		}
		a.URI = uri
	} else {
		a.URI, _ = cutParams(s) // what follows are header parameters
	}
	if a.URI = strings.TrimSpace(a.URI); !validURI(a.URI) {
		return a, fmt.Errorf("no uri in %.40q", s)
	}
	return a, nil
}

// ParseAddress reads the value of a header like P-Asserted-Identity: one
// name-addr or addr-spec, with parameters after it left out.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, fmt.Errorf("parse address: %w", err)
	}
	return a, nil
}

// String returns the name-addr; "" where the URI cannot stand in one.
func (a Address) String() string {
	var w wire
	if !w.address(a) {
		return ""
	}
	return string(w.b)
}

// endOfQuoted returns the index of the quote that ends the quoted-string s
// begins with, -1 without.
func endOfQuoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

// unquote takes quotes and escapes off a quoted-string; any other s it returns.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	return unescape(s[1 : len(s)-1])
}

// unescape resolves the quoted-pairs of a quoted-string.
func unescape(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b = append(b, s[i])
	}
	return string(b)
}
