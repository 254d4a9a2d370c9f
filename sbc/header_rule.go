package sbc

import (
	"slices"
	"strings"
)

// maxRules bounds the header names of a list of a trunk.
const maxRules = 64

// maxHeaderValue bounds the value of a header that passes by rule, in bytes;
// a longer one is left out and
// counted.
const maxHeaderValue = 1024

// isToken reports whether s is a token (RFC 3261 §25.1).
func isToken(s string) bool {
	return s != "" && strings.Trim(s, letters+"0123456789-.!%*_+`'~") == ""
}

// ours reports whether a header is written by us alone: it belongs to a
// transaction, a dialog or the way, or says who calls. Such a header passes by
// no rule and is set by none; the name is in lower case.
func ours(name string) bool {
	switch name {
	case "via", "v", "from", "f", "to", "t", "contact", "m", "call-id", "i", "cseq",
		"max-forwards", "max-breadth", "route", "record-route", "path", "service-route",
		"content-length", "l", "content-type", "c", "content-encoding", "e", "content-disposition",
		"mime-version", "allow", "supported", "k", "require", "proxy-require", "unsupported",
		"session-expires", "x", "min-se", "rseq", "rack", "expires", "min-expires",
		"authorization", "proxy-authorization", "www-authenticate", "proxy-authenticate",
		"authentication-info", "refer-to", "r", "referred-by", "b", "replaces", "join",
		"target-dialog", "event", "o", "allow-events", "u", "subscription-state",
		"p-asserted-identity", "p-preferred-identity", "remote-party-id", "privacy",
		"p-charge-info", "diversion", "history-info", "user-to-user", "recv-info", "info-package",
		"user-agent", "server", "timestamp", "retry-after", "warning", "error-info":
		return true
	}
	return false
}

// badHeaderName says why a header of that name cannot be set; "" if it can.
func badHeaderName(name string) string {
	switch {
	case !isToken(name) || len(name) > 64:
		return "is not a header name; use up to 64 letters, digits and \"-\""
	case ours(strings.ToLower(name)):
		return "is written by the gateway itself; no rule applies to it"
	}
	return ""
}

// badRule says why a name cannot stand in allow or strip; "" if it can.
func badRule(rule string) string {
	name := strings.TrimSuffix(rule, "*")
	if name == "" {
		return "fits every header; name them, or their beginning before \"*\""
	}
	return badHeaderName(name)
}

// badTemplate says why a value cannot be written; "" if it can.
func badTemplate(value string) string {
	if _, err := parseRewrite(value, 0); err != nil {
		return err.Error()
	}
	return ""
}

// A headerRules is a list of header names and beginnings, in lower case.
type headerRules struct {
	names  []string
	starts []string
}

// newHeaderRules takes the rules as configured.
func newHeaderRules(list []string) headerRules {
	var r headerRules
	for _, n := range list {
		n = strings.ToLower(n)
		if start, cut := strings.CutSuffix(n, "*"); cut {
			r.starts = append(r.starts, start)
		} else {
			r.names = append(r.names, n)
		}
	}
	return r
}

// fits reports whether a rule is for the header; the name is in lower case.
func (r headerRules) fits(name string) bool {
	return slices.Contains(r.names, name) ||
		slices.ContainsFunc(r.starts, func(s string) bool { return strings.HasPrefix(name, s) })
}
