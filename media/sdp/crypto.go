package sdp

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// A Suite is an SRTP transform as a=crypto names it.
type Suite uint8

// The suites we speak. RFC 4568 §6.2, RFC 6188 §4, RFC 7714 §14.
const (
	SuiteNone Suite = iota
	SuiteAES128SHA80
	SuiteAES128SHA32
	SuiteAES256SHA80
	SuiteAES256SHA32
	SuiteGCM128
	SuiteGCM256
)

// String is the suite's name in a=crypto, empty for SuiteNone.
func (s Suite) String() string {
	switch s {
	case SuiteAES128SHA80:
		return "AES_CM_128_HMAC_SHA1_80"
	case SuiteAES128SHA32:
		return "AES_CM_128_HMAC_SHA1_32"
	case SuiteAES256SHA80:
		return "AES_256_CM_HMAC_SHA1_80"
	case SuiteAES256SHA32:
		return "AES_256_CM_HMAC_SHA1_32"
	case SuiteGCM128:
		return "AEAD_AES_128_GCM"
	case SuiteGCM256:
		return "AEAD_AES_256_GCM"
	case SuiteNone:
	}
	return ""
}

// ParseSuite reads a suite's name; SuiteNone when it is none we speak.
func ParseSuite(name string) Suite {
	for s := SuiteAES128SHA80; s <= SuiteGCM256; s++ {
		if s.String() == name {
			return s
		}
	}
	return SuiteNone
}

// KeyLen is the bytes of the master key.
func (s Suite) KeyLen() int {
	switch s {
	case SuiteAES256SHA80, SuiteAES256SHA32, SuiteGCM256:
		return 32
	case SuiteAES128SHA80, SuiteAES128SHA32, SuiteGCM128:
		return 16
	case SuiteNone:
	}
	return 0
}

// SaltLen is the bytes of the master salt, which follows the key.
func (s Suite) SaltLen() int {
	switch s {
	case SuiteGCM128, SuiteGCM256:
		return 12
	case SuiteAES128SHA80, SuiteAES128SHA32, SuiteAES256SHA80, SuiteAES256SHA32:
		return 14
	case SuiteNone:
	}
	return 0
}

// MaxKeyLen is the bytes of the longest master key and salt.
const MaxKeyLen = 46

// A Key is one SDES key: what one a=crypto line says. It is a value and a
// secret: it prints as its suite only. RFC 4568 §4.
type Key struct {
	Suite    Suite
	Tag      uint32 // of the a=crypto line; in Local.Security.Keys 0 means by position
	Lifetime uint64 // packets; 0: not stated
	// MKI and MKILen are the master key identifier and its bytes in each
	// packet; MKILen 0: none. RFC 3711 §8.1.
	MKI    uint64
	MKILen uint8

	material [MaxKeyLen]byte
}

// Keys are the SDES keys of a stream, one for each way.
type Keys struct{ Send, Receive Key }

// NewKey makes a key from random, of which it takes the first
// s.KeyLen()+s.SaltLen() bytes; too few, or SuiteNone, are an error.
func NewKey(s Suite, random []byte) (Key, error) {
	n := s.KeyLen() + s.SaltLen()
	if n == 0 || len(random) < n {
		return Key{}, errors.New("make srtp key: unknown suite or too few random bytes")
	}
	k := Key{Suite: s}
	copy(k.material[:], random[:n])
	return k, nil
}

// Master is the master key, as a copy of its own.
func (k Key) Master() []byte { return k.material[:k.Suite.KeyLen()] }

// Salt is the master salt, as a copy of its own.
func (k Key) Salt() []byte {
	return k.material[k.Suite.KeyLen() : k.Suite.KeyLen()+k.Suite.SaltLen()]
}

// String is the suite's name; the key is not told.
func (k Key) String() string { return k.Suite.String() }

// Format is String for every verb, so that none prints the key.
func (k Key) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, k.String()) }

// LogValue is String, so that no log has the key.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
