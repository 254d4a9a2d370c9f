package sip

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
)

// token returns 80 random bits as 20 characters: for tags, branches and
// Call-IDs. Unguessable, so that a dialog cannot be taken over by who has not
// seen it (RFC 3261 §19.3 asks for 32 bits).
func token() string {
	var b [10]byte
	_, _ = rand.Read(b[:]) // never fails
	var s [20]byte
	hex.Encode(s[:], b[:])
	return string(s[:])
}

// newBranch returns a branch parameter. RFC 3261 §8.1.1.7.
func newBranch() string {
	var b [10]byte
	_, _ = rand.Read(b[:])
	var s [27]byte
	copy(s[:], magicCookie)
	hex.Encode(s[len(magicCookie):], b[:])
	return string(s[:])
}

// magicCookie begins every branch of RFC 3261.
const magicCookie = "z9hG4bK"

// below returns a random number in [0, n), n > 0, well spread for a small n.
func below(n uint64) uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) % n
}
