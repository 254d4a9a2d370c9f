package transport

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// parsePort reads a port number, 1 to 65535.
func parsePort(s string) (uint16, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("bad port %q", s)
	}
	return uint16(n), nil
}

// isHost reports whether s is a host as SIP writes it: a name, an IPv4 address,
// or an IPv6 address with or without brackets. RFC 3261 §25.1, hostport.
func isHost(s string) bool {
	if s == "" || len(s) > 255 {
		return false
	}
	if strings.IndexByte(s, ':') >= 0 {
		a, err := netip.ParseAddr(unbracket(s))
		return err == nil && a.Zone() == ""
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return true
}

// unbracket takes the brackets off an IPv6 reference.
func unbracket(s string) string {
	if len(s) > 2 && s[0] == '[' && s[len(s)-1] == ']' {
		return s[1 : len(s)-1]
	}
	return s
}
