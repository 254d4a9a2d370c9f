package sdp

import (
	"encoding/base64"
	"math/bits"
	"strconv"
	"strings"
)

// maxMKILen is the longest master key identifier we follow, in bytes. RFC 4568
// §6.1 has 128; none longer than four has been seen.
const maxMKILen = 8

// readCrypto adds an a=crypto line, if it is one we can use.
func (m *Media) readCrypto(value string) error {
	k, ok := parseCrypto(value)
	if !ok {
		return nil
	}
	if len(m.Crypto) == maxCrypto {
		return ErrTooLarge
	}
	m.Crypto = append(m.Crypto, k)
	return nil
}

// parseCrypto reads "1 AES_CM_128_HMAC_SHA1_80 inline:KEY|2^31|1:1 WSH=64". A
// line is of no use, and not ok, if its suite is none of ours (the NULL ciphers
// of RFC 3711 have no name there), if it has several keys, or a session
// parameter that we would have to honour. RFC 4568 §9.1.
func parseCrypto(value string) (Key, bool) {
	tag, rest := field(value)
	suite, rest := field(rest)
	params, session := field(rest)
	n, err := strconv.ParseUint(tag, 10, 32)
	k := Key{Tag: uint32(n), Suite: ParseSuite(suite)}
	inline, found := strings.CutPrefix(params, "inline:")
	if err != nil || len(tag) > 9 || k.Suite == SuiteNone || !found || strings.IndexByte(inline, ';') >= 0 {
		return Key{}, false
	}
	material, more, _ := strings.Cut(inline, "|")
	if !k.decode(material) || !k.readParams(more) || !harmless(session) {
		return Key{}, false
	}
	return k, true
}

// decode reads key and salt; padding may be missing, the length must not differ.
func (k *Key) decode(s string) bool {
	s = strings.TrimRight(s, "=")
	var in, out [64]byte
	n := k.Suite.KeyLen() + k.Suite.SaltLen()
	if len(s) != base64.RawStdEncoding.EncodedLen(n) {
		return false
	}
	copy(in[:], s)
	got, err := base64.RawStdEncoding.Decode(out[:], in[:len(s)])
	if err != nil || got != n {
		return false
	}
	copy(k.material[:], out[:n])
	return true
}

// readParams reads lifetime and MKI: "2^31", "1048576", "1:4", "2^20|1:1". RFC
// 4568 §6.1.
func (k *Key) readParams(s string) bool {
	for first := true; s != ""; first = false {
		var p string
		p, s, _ = strings.Cut(s, "|")
		id, length, isMKI := strings.Cut(p, ":")
		if !isMKI {
			if !first || !k.readLifetime(p) {
				return false
			}
			continue
		}
		mki, err1 := strconv.ParseUint(id, 10, 64)
		n, err2 := strconv.ParseUint(length, 10, 8)
		if err1 != nil || err2 != nil || n == 0 || n > maxMKILen || k.MKILen != 0 ||
			bits.Len64(mki) > 8*int(n) {
			return false
		}
		k.MKI, k.MKILen = mki, uint8(n)
	}
	return true
}

func (k *Key) readLifetime(s string) bool {
	exp, power := strings.CutPrefix(s, "2^")
	n, err := strconv.ParseUint(exp, 10, 49)
	switch {
	case err != nil || n == 0 || power && n > 48: // SRTP has no more (RFC 3711 §9.2)
		return false
	case power:
		k.Lifetime = 1 << n
	default:
		k.Lifetime = n
	}
	return true
}

// harmless reports whether session parameters leave the stream as we would key
// it: WSH is a hint, and those with a dash may be ignored (RFC 4568 §6.3.7). The
// others switch ciphers or authentication off, or derive other keys.
func harmless(session string) bool {
	for session != "" {
		var p string
		p, session = field(session)
		if !strings.HasPrefix(p, "WSH=") && !strings.HasPrefix(p, "-") && p != "KDR=0" {
			return false
		}
	}
	return true
}

// appendCrypto writes what follows "a=crypto:".
func (k *Key) appendCrypto(b []byte) []byte {
	b = strconv.AppendUint(b, uint64(k.Tag), 10)
	b = append(b, ' ')
	b = append(b, k.Suite.String()...)
	b = append(b, " inline:"...)
	b = base64.StdEncoding.AppendEncode(b, k.material[:k.Suite.KeyLen()+k.Suite.SaltLen()])
	switch {
	case k.Lifetime == 0:
	case bits.OnesCount64(k.Lifetime) == 1 && k.Lifetime > 1:
		b = append(b, "|2^"...)
		b = strconv.AppendInt(b, int64(bits.TrailingZeros64(k.Lifetime)), 10)
	default:
		b = append(b, '|')
		b = strconv.AppendUint(b, k.Lifetime, 10)
	}
	if k.MKILen != 0 {
		b = append(b, '|')
		b = strconv.AppendUint(b, k.MKI, 10)
		b = append(b, ':')
		b = strconv.AppendUint(b, uint64(k.MKILen), 10)
	}
	return b
}
