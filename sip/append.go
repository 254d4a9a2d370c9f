package sip

import (
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// usualURI is the room for a URI with what stands around it, in bytes, that most
// need not exceed: so much is taken from the stack.
const usualURI = 128

// appendURI appends a URI as it was read. RFC 3261 §19.1.1.
func appendURI(b []byte, u *sipmsg.Uri) []byte {
	if u.Scheme == "" {
		b = append(b, "sip"...)
	}
	b = append(append(b, u.Scheme...), ':')
	if raw := u.Raw(); raw != "" {
		return append(b, raw...)
	}
	if u.User != "" {
		b = append(b, u.User...)
		if u.Password != "" {
			b = append(append(b, ':'), u.Password...)
		}
		b = append(b, '@')
	}
	b = appendParams(appendHostPort(b, u.Host, u.Port), u.UriParams)
	sep := byte('?')
	for _, p := range u.Headers {
		b = append(append(b, sep), p.K...)
		if p.V != "" {
			b = append(append(b, '='), p.V...)
		}
		sep = '&'
	}
	return b
}

// appendHostPort appends a host, an IPv6 address in brackets, and a port that is
// not 0. RFC 3261 §25.1.
func appendHostPort(b []byte, host string, port int) []byte {
	if host != "" && host[0] != '[' && strings.IndexByte(host, ':') >= 0 {
		b = append(append(append(b, '['), host...), ']')
	} else {
		b = append(b, host...)
	}
	if port > 0 {
		b = strconv.AppendInt(append(b, ':'), int64(port), 10)
	}
	return b
}

// appendParams appends the parameters of a header or a URI. A value with white
// space was a quoted string and is kept without its quotes.
func appendParams(b []byte, ps sipmsg.HeaderParams) []byte {
	for _, p := range ps {
		b = append(append(b, ';'), p.K...)
		switch {
		case p.V == "":
		case strings.ContainsAny(p.V, " \t"):
			b = append(append(append(b, `="`...), p.V...), '"')
		default:
			b = append(append(b, '='), p.V...)
		}
	}
	return b
}

// appendNameAddr appends a name-addr whose display name is as it was read:
// without its quotes but with its escapes.
func appendNameAddr(b []byte, display string, u *sipmsg.Uri) []byte {
	if display != "" {
		b = append(append(append(b, '"'), display...), `" `...)
	}
	return append(appendURI(append(b, '<'), u), '>')
}

// uriString is a URI as it was read.
func uriString(u *sipmsg.Uri) string {
	return string(appendURI(make([]byte, 0, usualURI), u))
}

// nameAddr is a name-addr as it was read, without a display name that cannot be
// written.
func nameAddr(display string, u *sipmsg.Uri) string {
	if !validValue(display) {
		display = ""
	}
	return string(appendNameAddr(make([]byte, 0, usualURI), display, u))
}
