package sip

import (
	"slices"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

const (
	typeSDP     = "application/sdp"
	typeSIPFrag = "message/sipfrag"
)

// longName returns the long form of a header name in lower case. RFC 3261
// §7.3.3, and the compact forms registered since.
func longName(name string) string {
	if len(name) != 1 {
		return strings.ToLower(name)
	}
	switch name[0] | 0x20 {
	case 'a':
		return "accept-contact"
	case 'b':
		return "referred-by"
	case 'c':
		return "content-type"
	case 'd':
		return "request-disposition"
	case 'e':
		return "content-encoding"
	case 'f':
		return "from"
	case 'i':
		return "call-id"
	case 'j':
		return "reject-contact"
	case 'k':
		return "supported"
	case 'l':
		return "content-length"
	case 'm':
		return "contact"
	case 'n':
		return "identity-info"
	case 'o':
		return "event"
	case 'r':
		return "refer-to"
	case 's':
		return "subject"
	case 't':
		return "to"
	case 'u':
		return "allow-events"
	case 'v':
		return "via"
	case 'x':
		return "session-expires"
	case 'y':
		return "identity"
	}
	return strings.ToLower(name)
}

// named reports whether a header is called name, given in lower case.
func named(h sipmsg.Header, name string) bool {
	n := h.Name()
	return len(n) == len(name) && strings.EqualFold(n, name) || len(n) == 1 && longName(n) == name
}

// withHeaders is what requests and responses have in common.
type withHeaders interface{ Headers() []sipmsg.Header }

// value returns the first header called name, in lower case.
func value(m withHeaders, name string) (string, bool) {
	for _, h := range m.Headers() {
		if named(h, name) {
			return h.Value(), true
		}
	}
	return "", false
}

// values returns every header called name, in lower case.
func values(m withHeaders, name string) []string {
	var vs []string
	for _, h := range m.Headers() {
		if named(h, name) {
			vs = append(vs, h.Value())
		}
	}
	return vs
}

// tags returns the tokens of a comma-separated header, at most maxTags.
func tags(m withHeaders, name string) []string {
	var ts []string
	for _, h := range m.Headers() {
		if !named(h, name) {
			continue
		}
		for t := range strings.SplitSeq(h.Value(), ",") {
			if t = strings.TrimSpace(t); t != "" && len(ts) < maxTags {
				ts = append(ts, t)
			}
		}
	}
	return ts
}

// maxTags bounds the option tags and methods read from one message.
const maxTags = 64

// lists reports whether a comma-separated header has a token, compared without
// case (option tags are, as are all tokens: RFC 3261 §7.3.1).
func lists(m withHeaders, name, token string) bool {
	for _, h := range m.Headers() {
		if !named(h, name) {
			continue
		}
		for t := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// kept returns the headers that the leg does not read itself, for the call.
func kept(m withHeaders) []Header {
	hs := m.Headers()
	out := make([]Header, 0, max(0, len(hs)-8))
	for _, h := range hs {
		switch h.(type) {
		case *sipmsg.ViaHeader, *sipmsg.FromHeader, *sipmsg.ToHeader, *sipmsg.CallIDHeader,
			*sipmsg.CSeqHeader, *sipmsg.MaxForwardsHeader, *sipmsg.ContactHeader, *sipmsg.RouteHeader,
			*sipmsg.RecordRouteHeader, *sipmsg.ContentLengthHeader, *sipmsg.ContentTypeHeader:
			continue
		}
		n := h.Name()
		if reserved(n) || strings.EqualFold(n, "replaces") || strings.EqualFold(n, "refer-to") || named(h, "referred-by") {
			continue
		}
		if len(n) == 1 {
			n = longName(n)
		}
		out = append(out, Header{Name: n, Value: h.Value()})
	}
	return out
}

// findHeader returns the first value called name, compared without case.
func findHeader(hs []Header, name string) (string, bool) {
	i := slices.IndexFunc(hs, func(h Header) bool { return strings.EqualFold(h.Name, name) })
	if i < 0 {
		return "", false
	}
	return hs[i].Value, true
}

// validValue reports whether s may stand in a header without making two of one.
func validValue(s string) bool {
	for i := range len(s) {
		if c := s[i]; c == '\r' || c == '\n' || c == 0 {
			return false
		}
	}
	return true
}

// isToken reports whether s is a token. RFC 3261 §25.1.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("-.!%*_+`'~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// seconds reads delta-seconds with whatever follows it: "1800;refresher=uac".
// RFC 3261 §25.1.
func seconds(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	v, err := strconv.ParseUint(s[:n], 10, 32)
	if err != nil {
		return 0, false
	}
	return time.Duration(v) * time.Second, true
}

// retryAfter reads Retry-After; 0 without. RFC 3261 §20.33.
func retryAfter(m withHeaders) time.Duration {
	v, ok := value(m, "retry-after")
	if !ok {
		return 0
	}
	d, _ := seconds(v)
	return min(d, 24*time.Hour)
}

// secs writes a duration as whole seconds, at least one.
func secs(d time.Duration) string {
	return strconv.FormatInt(max(1, int64((d+time.Second-1)/time.Second)), 10)
}

func itoa(n int) string { return strconv.Itoa(n) }
