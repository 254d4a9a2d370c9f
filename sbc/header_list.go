package sbc

import (
	"slices"
	"strings"

	"github.com/tandem-voip/tandem/sip"
)

// listed returns the values of a header in order, those of one line taken apart
// at its commas (RFC 3261 §7.3.1), at most limit of them.
func listed(headers []sip.Header, name string, limit int) []string {
	var out []string
	for _, h := range headers {
		if !strings.EqualFold(h.Name, name) {
			continue
		}
		for rest := h.Value; rest != "" && len(out) < limit; {
			var v string
			v, rest = cutOutside(rest, ',')
			if v = strings.TrimSpace(v); v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// cutOutside splits at the first sep that stands outside quotes and angle
// brackets.
func cutOutside(s string, sep byte) (before, after string) {
	quoted, bracketed := false, false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quoted && c == '\\':
			i++
		case c == '"' && !bracketed:
			quoted = !quoted
		case quoted:
		case c == '<':
			bracketed = true
		case c == '>':
			bracketed = false
		case c == sep && !bracketed:
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// paramsAfter returns the parameters behind a name-addr or an addr-spec without
// brackets (RFC 3261 §20.10), without the first semicolon.
func paramsAfter(v string) string {
	_, params := cutOutside(v, ';')
	return params
}

// paramOf returns the value of a parameter in "a=b;c", unquoted, and whether it
// is there at all.
func paramOf(params, name string) (string, bool) {
	for params != "" {
		var p string
		p, params = cutOutside(params, ';')
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(k), name) {
			return strings.Trim(strings.TrimSpace(v), `"`), true
		}
	}
	return "", false
}

// overlaid returns headers with those of over in place of the ones that have the
// same names.
func overlaid(headers, over []sip.Header) []sip.Header {
	if len(over) == 0 {
		return headers
	}
	out := slices.Clone(over)
	for _, h := range headers {
		if !slices.ContainsFunc(over, func(o sip.Header) bool { return strings.EqualFold(o.Name, h.Name) }) {
			out = append(out, h)
		}
	}
	return out
}
