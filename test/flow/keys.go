package flow

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/pion/srtp/v3"
)

// usualSuite is the SDES suite every peer has (RFC 4568 §6.2.1).
const usualSuite = "AES_CM_128_HMAC_SHA1_80"

// keys is the protection of one session; zero for plain RTP.
type keys struct {
	suite string
	own   string // key material as SDP has it, base64
	out   *srtp.Context
	in    *srtp.Context
	from  string // the far end's material that in was made from
}

// profile gives the SRTP profile of an SDES suite.
func profile(suite string) (p srtp.ProtectionProfile, keyLen int, err error) {
	switch suite {
	case usualSuite:
		return srtp.ProtectionProfileAes128CmHmacSha1_80, 16, nil
	case "AES_CM_128_HMAC_SHA1_32":
		return srtp.ProtectionProfileAes128CmHmacSha1_32, 16, nil
	case "AES_256_CM_HMAC_SHA1_80":
		return srtp.ProtectionProfileAes256CmHmacSha1_80, 32, nil
	}
	return p, 0, fmt.Errorf("peers have no suite %q", suite)
}

// srtpContext makes an SRTP context of base64 key material.
func srtpContext(suite, material string, o ...srtp.ContextOption) (*srtp.Context, error) {
	p, n, err := profile(suite)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(material)
	if err != nil || len(b) <= n {
		return nil, fmt.Errorf("key material of %d bytes for %s", len(b), suite)
	}
	return srtp.CreateContext(b[:n], b[n:], p, o...)
}

// fresh makes key material of our own for a suite.
func fresh(suite string) (string, error) {
	_, n, err := profile(suite)
	if err != nil {
		return "", err
	}
	b := make([]byte, n+14)
	if _, err := rand.Read(b); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// protect encrypts an RTP packet, if there are keys.
func (m *media) protect(b []byte) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := &m.keys
	if k.own == "" && k.out == nil {
		return b, nil
	}
	if k.out == nil {
		c, err := srtpContext(k.suite, k.own)
		if err != nil {
			return nil, err
		}
		k.out = c
	}
	return k.out.EncryptRTP(nil, b, nil)
}

// unprotect decrypts an RTP packet, if there are keys. The caller holds mu.
func (m *media) unprotect(b []byte) ([]byte, error) {
	k := &m.keys
	if k.own == "" && k.in == nil {
		return b, nil
	}
	if err := m.incoming(); err != nil {
		return nil, err
	}
	return k.in.DecryptRTP(nil, b, nil)
}

// incoming makes the context of the far end's SDES key, if it is another than
// before; DTLS has brought its own. The caller holds mu.
func (m *media) incoming() error {
	k := &m.keys
	if k.own == "" {
		return nil
	}
	if m.remote == nil || len(m.remote.crypto) == 0 {
		return errors.New("no key of the far end")
	}
	for _, line := range m.remote.crypto {
		f := strings.Fields(line)
		if len(f) < 3 || f[1] != k.suite {
			continue
		}
		material, _, _ := strings.Cut(strings.TrimPrefix(f[2], "inline:"), "|")
		if material == k.from {
			return nil
		}
		c, err := srtpContext(k.suite, material)
		if err == nil {
			k.in, k.from = c, material
		}
		return err
	}
	return fmt.Errorf("the far end has no key for %s", k.suite)
}
