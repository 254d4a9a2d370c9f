package sbc

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxText bounds a name, number or header value that we write, in bytes.
const maxText = 256

// isPlain reports whether s may stand in a message as it is: text without
// control characters, not longer than maxText.
func isPlain(s string) bool {
	return len(s) <= maxText && utf8.ValidString(s) && strings.IndexFunc(s, isControl) < 0
}

// isControl reports whether r moves a line instead of writing on it.
func isControl(r rune) bool { return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 }

// isDigits reports whether s is digits alone, or empty.
func isDigits(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}

// isDialable reports whether s is what one can dial, after an optional plus, or
// empty.
func isDialable(s string) bool {
	return strings.Trim(strings.TrimPrefix(s, "+"), "0123456789*#") == ""
}

// isUser reports whether s can be the user part of a call's number: something
// we could write into a URI.
func isUser(s string) bool { return s != "" && len(s) <= maxUser && isPlain(s) }

// maxUser bounds the user part of a URI, in bytes. E.164 has 15 digits; names
// and tech prefixes need more.
const maxUser = 128

// isHost reports whether s is a host name or an address, without port and
// brackets.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	if s == "" || len(s) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(s, "."), ".") {
		if label == "" || len(label) > 63 || strings.Trim(label, letters+"0123456789-_") != "" {
			return false
		}
	}
	return true
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// isHostPort reports whether s is a host with or without a port.
func isHostPort(s string) bool {
	_, _, ok := splitHostPort(s)
	return ok
}

// splitHostPort takes a host and, if there is one, its port apart; an IPv6
// address beside a port stands in brackets. The port is 0 if there is none.
func splitHostPort(s string) (host string, port uint16, ok bool) {
	if isHost(s) {
		return s, 0, true
	}
	if inner, found := strings.CutPrefix(s, "["); found && strings.HasSuffix(inner, "]") {
		host = strings.TrimSuffix(inner, "]")
		return host, 0, isHost(host)
	}
	host, digits, err := net.SplitHostPort(s)
	if err != nil || !isHost(host) {
		return "", 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil || n == 0 {
		return "", 0, false
	}
	return host, uint16(n), true
}

// joinHostPort writes a host and a port as a URI has them; 0 leaves the port
// out.
func joinHostPort(host string, port uint16) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == 0 {
		return host
	}
	return host + ":" + strconv.Itoa(int(port))
}

// parsePrefix reads an address or a range; an address is a range of one.
func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), nil
}
