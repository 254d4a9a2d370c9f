package sip

import (
	"strconv"
	"strings"
)

// Replaces names a dialog by Call-ID and tags. ToTag is the tag of the one who
// receives the INVITE, hence ours in one that came in. RFC 3891 §6.1.
type Replaces struct {
	CallID, ToTag, FromTag string
	// EarlyOnly refuses a dialog that is already confirmed.
	EarlyOnly bool
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

// findHeader returns the first value called name, compared without case.
func findHeader(hs []Header, name string) (string, bool) {
	for _, h := range hs {
		if strings.EqualFold(h.Name, name) {
			return h.Value, true
		}
	}
	return "", false
}

func itoa(n int) string { return strconv.Itoa(n) }
