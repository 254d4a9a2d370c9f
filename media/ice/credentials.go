package ice

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // MESSAGE-INTEGRITY is HMAC-SHA1 (RFC 8489 §14.5)
	"encoding/binary"
	"hash"

	"github.com/pion/stun/v4"
)

// attributeLen is the bytes of an attribute's type and length.
const attributeLen = 4

// credentials are what vouches for a check. The keyed hash is kept, so that a
// check costs two passes over the message and no more.
type credentials struct {
	ufrag string
	mac   hash.Hash
	sum   [sha1.Size]byte // scratch
}

func makeCredentials(ufrag, pwd string) credentials {
	return credentials{ufrag: ufrag, mac: hmac.New(sha1.New, []byte(pwd))}
}

// vouch reports whether the MESSAGE-INTEGRITY of m is that of our password. The
// length in the header is left as the hash has it. RFC 8489 §14.5.
func (c *credentials) vouch(m *stun.Message) bool {
	end := headerLen
	for _, at := range m.Attributes {
		if at.Type != stun.AttrMessageIntegrity {
			end += attributeLen + (len(at.Value)+3)&^3
			continue
		}
		return end <= len(m.Raw) && hmac.Equal(c.hash(m.Raw[:end]), at.Value)
	}
	return false
}

// sign adds the MESSAGE-INTEGRITY of our password to m.
func (c *credentials) sign(m *stun.Message) {
	m.Add(stun.AttrMessageIntegrity, c.hash(m.Raw))
}

// hash is the hash of a message up to its MESSAGE-INTEGRITY, which the length in
// the header must count in. It is valid until the next.
func (c *credentials) hash(raw []byte) []byte {
	binary.BigEndian.PutUint16(raw[2:], uint16(len(raw)-headerLen+attributeLen+len(c.sum)))
	c.mac.Reset()
	_, _ = c.mac.Write(raw) // a hash does not fail
	return c.mac.Sum(c.sum[:0])
}
