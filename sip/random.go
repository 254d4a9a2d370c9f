package sip

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
)

// token returns 80 random bits as 20 characters: for tags. Unguessable, so that
// a dialog cannot be taken over by who has not seen it (RFC 3261 §19.3 asks for
// 32 bits).
func token() string {
	var b [20]byte
	return string(randomHex(b[:]))
}

// newCallID returns a Call-ID of 160 random bits. RFC 3261 §8.1.1.4.
func newCallID() string {
	var b [40]byte
	return string(randomHex(b[:]))
}

// newBranch returns a branch parameter with 80 random bits. RFC 3261 §8.1.1.7.
func newBranch() string {
	var b [len(magicCookie) + 20]byte
	randomHex(b[copy(b[:], magicCookie):])
	return string(b[:])
}

// randomHex fills b, of even length, with hexadecimal digits.
func randomHex(b []byte) []byte {
	half := b[len(b)/2:]
	_, _ = rand.Read(half) // never fails
	hex.Encode(b, half)
	return b
}

// magicCookie begins every branch of RFC 3261.
const magicCookie = "z9hG4bK"

// below returns a random number in [0, n), n > 0, well spread for a small n.
func below(n uint64) uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:])
	return binary.BigEndian.Uint64(b[:]) % n
}
