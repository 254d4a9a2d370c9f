package transport

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// parseURI reads a Request-URI: one of a scheme we route, else faultScheme.
// RFC 3261 §8.2.2.1; RFC 3966.
func parseURI(s string, u *sipmsg.Uri) fault {
	scheme, _, ok := cutScheme(s)
	if !ok {
		return faultURI
	}
	switch scheme {
	case "sip", "sips", "tel":
		return parseAnyURI(s, u)
	}
	return faultScheme
}

// parseAnyURI reads a URI of any scheme into u. Other than sip and sips it is
// kept as written; see Uri.Raw.
func parseAnyURI(s string, u *sipmsg.Uri) fault {
	scheme, rest, ok := cutScheme(s)
	if !ok || rest == "" {
		return faultURI
	}
	for i := range len(rest) {
		if c := rest[i]; c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f {
			return faultURI
		}
	}
	if scheme != "sip" && scheme != "sips" {
		if sipmsg.ParseUri(s, u) != nil {
			return faultURI
		}
		return 0
	}
	u.Scheme = scheme
	if !parseSIPURI(rest, u) {
		return faultURI
	}
	return 0
}

// cutScheme splits a URI at its scheme, which comes in lower case. RFC 3986 §3.1.
func cutScheme(s string) (scheme, rest string, ok bool) {
	i := strings.IndexByte(s, ':')
	if i <= 0 {
		return "", "", false
	}
	for j := range i {
		c := s[j] | 0x20
		if ('a' > c || c > 'z') && (j == 0 || !isTokenByte(s[j])) {
			return "", "", false
		}
	}
	return strings.ToLower(s[:i]), s[i+1:], true
}

// parseSIPURI reads [user[:password]@]host[:port][;params][?headers]. An @ can
// only end the user part, which may itself hold ; and ? (RFC 4475 §3.1.1.13).
// RFC 3261 §19.1.1.
func parseSIPURI(s string, u *sipmsg.Uri) bool {
	if user, rest, ok := strings.Cut(s, "@"); ok {
		u.User, u.Password, _ = strings.Cut(user, ":")
		if u.User == "" || strings.IndexByte(rest, '@') >= 0 {
			return false
		}
		s = rest
	}
	end := strings.IndexAny(s, ";?")
	if end < 0 {
		end = len(s)
	}
	if !parseHostPort(s[:end], u) {
		return false
	}
	s = s[end:]
	if s != "" && s[0] == ';' {
		var params string
		if end = strings.IndexByte(s, '?'); end < 0 {
			end = len(s)
		}
		params, s = s[1:end], s[end:]
		if !splitParams(params, ';', &u.UriParams) {
			return false
		}
	}
	return s == "" || splitParams(s[1:], '&', &u.Headers)
}

func parseHostPort(s string, u *sipmsg.Uri) bool {
	var host, port string
	var hasPort bool
	if s != "" && s[0] == '[' { // the host keeps its brackets, as sipgo has it
		end := strings.IndexByte(s, ']')
		if end < 0 || !isIPv6(s[1:end]) {
			return false
		}
		host = s[:end+1]
		port, hasPort = strings.CutPrefix(s[end+1:], ":")
		if !hasPort && port != "" {
			return false
		}
	} else if host, port, hasPort = strings.Cut(s, ":"); !isHost(host) {
		return false
	}
	u.Host = host
	if hasPort {
		n, err := parsePort(port)
		if err != nil {
			return false
		}
		u.Port = int(n)
	}
	return true
}

// splitParams reads name[=value] pairs. Empty ones are passed over: a trailing
// semicolon in a URI is a common slip, and harmless.
func splitParams(s string, sep byte, dst *sipmsg.HeaderParams) bool {
	for s != "" {
		var pair string
		if i := strings.IndexByte(s, sep); i >= 0 {
			pair, s = s[:i], s[i+1:]
		} else {
			pair, s = s, ""
		}
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		if name == "" || len(*dst) == maxParams {
			return false
		}
		if sep == ';' {
			name = strings.ToLower(name)
		}
		*dst = append(*dst, sipmsg.HeaderKV{K: name, V: value})
	}
	return true
}
