package flow

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
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
	own   string     // key material as SDP has it, base64
	more  string     // what follows it in our lines: lifetime and MKI
	lines []sdesLine // ours; several of an offer are alternatives
	out   *srtp.Context
	in    *srtp.Context
	from  string // the far end's line that in was made from
}

// An sdesLine is what one a=crypto line of ours says.
type sdesLine struct{ tag, suite, material string }

// profile gives the SRTP profile of an SDES suite.
func profile(suite string) (p srtp.ProtectionProfile, keyLen, saltLen int, err error) {
	switch suite {
	case usualSuite:
		return srtp.ProtectionProfileAes128CmHmacSha1_80, 16, 14, nil
	case "AES_CM_128_HMAC_SHA1_32":
		return srtp.ProtectionProfileAes128CmHmacSha1_32, 16, 14, nil
	case "AES_256_CM_HMAC_SHA1_80":
		return srtp.ProtectionProfileAes256CmHmacSha1_80, 32, 14, nil
	case "AEAD_AES_128_GCM":
		return srtp.ProtectionProfileAeadAes128Gcm, 16, 12, nil
	case "AEAD_AES_256_GCM":
		return srtp.ProtectionProfileAeadAes256Gcm, 32, 12, nil
	}
	return p, 16, 14, fmt.Errorf("peers have no suite %q", suite)
}

// srtpContext makes an SRTP context of base64 key material and what follows it.
func srtpContext(suite, material, more string) (*srtp.Context, error) {
	p, n, salt, err := profile(suite)
	if err != nil {
		return nil, err
	}
	b, err := base64.StdEncoding.DecodeString(material)
	if err != nil || len(b) != n+salt {
		return nil, fmt.Errorf("key material of %d bytes for %s", len(b), suite)
	}
	var o []srtp.ContextOption
	for part := range strings.SplitSeq(more, "|") {
		if id, length, ok := strings.Cut(part, ":"); ok { // RFC 4568 §6.1
			var v uint64
			var size int
			if _, err := fmt.Sscan(id, &v); err != nil {
				return nil, err
			}
			if _, err := fmt.Sscan(length, &size); err != nil {
				return nil, err
			}
			mki := make([]byte, 8)
			binary.BigEndian.PutUint64(mki, v)
			o = append(o, srtp.MasterKeyIndicator(mki[8-size:]))
		}
	}
	return srtp.CreateContext(b[:n], b[n:], p, o...)
}

// fresh makes key material of our own for a suite. One that peers do not speak can
// be offered all the same.
func fresh(suite string) string {
	_, n, salt, _ := profile(suite)
	b := make([]byte, n+salt)
	_, _ = rand.Read(b) // it does not fail (crypto/rand)
	return base64.StdEncoding.EncodeToString(b)
}

// writeKeys offers or answers SDES. The key stays unless the flow asks anew. The
// caller holds mu.
func (m *media) writeKeys(line func(string, ...any), w *sdpWords) {
	if !w.sdes {
		return
	}
	k := &m.keys
	if w.rekey {
		k.own = ""
	}
	if w.more != "" {
		k.more = w.more
	}
	suites := strings.Split(cmp.Or(w.suite, k.suite, usualSuite), ",")
	k.lines = nil
	for i, suite := range suites {
		l := sdesLine{fmt.Sprint(i + 1), suite, fresh(suite)}
		if suite == k.suite && k.own != "" {
			l.material = k.own
		}
		if len(suites) == 1 && m.remote != nil { // the tag of the offered line
			for _, c := range m.remote.crypto {
				if f := strings.Fields(c); len(f) > 2 && f[1] == suite {
					l.tag = f[0]
					break
				}
			}
		}
		k.lines = append(k.lines, l)
		line("a=crypto:%s %s inline:%s%s", l.tag, l.suite, l.material, k.more)
	}
	if len(k.lines) == 1 {
		k.choose(k.lines[0])
	}
}

// choose takes one of our lines into use.
func (k *keys) choose(l sdesLine) {
	if k.own != l.material || k.suite != l.suite {
		k.suite, k.own, k.out = l.suite, l.material, nil
	}
}

// answered takes the line of several that an answer has chosen (RFC 4568 §5.1.3).
func (k *keys) answered(s *session) {
	if len(k.lines) < 2 || len(s.crypto) != 1 {
		return
	}
	f := strings.Fields(s.crypto[0])
	for _, l := range k.lines {
		if len(f) > 2 && l.tag == f[0] && l.suite == f[1] {
			k.choose(l)
		}
	}
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
		c, err := srtpContext(k.suite, k.own, k.more)
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
		if line == k.from {
			return nil
		}
		material, more, _ := strings.Cut(strings.TrimPrefix(f[2], "inline:"), "|")
		c, err := srtpContext(k.suite, material, more)
		if err == nil {
			k.in, k.from = c, line
		}
		return err
	}
	return fmt.Errorf("the far end has no key for %s", k.suite)
}
