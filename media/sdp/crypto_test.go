package sdp

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// key80 is a master key and salt of 30 bytes.
const key80 = "oaWY6ALSBrnHQV1IwNJHw7VGZomsIwVkjPUEPxp9"

// Each form of a crypto line is read, or passed over when we could not honour it.
func TestCryptoLines(t *testing.T) {
	key := func(n int) string { return base64.StdEncoding.EncodeToString(make([]byte, n)) }
	tests := []struct {
		line string
		want Key // Suite SuiteNone: passed over
	}{
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80, Key{Suite: SuiteAES128SHA80, Tag: 1}},
		{"2 AES_CM_128_HMAC_SHA1_32 inline:" + key80 + "|2^20", Key{Suite: SuiteAES128SHA32, Tag: 2, Lifetime: 1 << 20}},
		{"3 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|1048577|1:4", Key{Suite: SuiteAES128SHA80, Tag: 3, Lifetime: 1048577, MKI: 1, MKILen: 4}},
		{"4 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|66051:4", Key{Suite: SuiteAES128SHA80, Tag: 4, MKI: 66051, MKILen: 4}},
		{"5 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + " WSH=128 KDR=0 -X=1", Key{Suite: SuiteAES128SHA80, Tag: 5}},
		{"6 AES_256_CM_HMAC_SHA1_80 inline:" + key(46), Key{Suite: SuiteAES256SHA80, Tag: 6}},
		{"7 AES_256_CM_HMAC_SHA1_32 inline:" + strings.TrimRight(key(46), "="), Key{Suite: SuiteAES256SHA32, Tag: 7}},
		{"8 AEAD_AES_128_GCM inline:" + key(28), Key{Suite: SuiteGCM128, Tag: 8}},
		{"9 AEAD_AES_256_GCM inline:" + key(44) + "|2^48", Key{Suite: SuiteGCM256, Tag: 9, Lifetime: 1 << 48}},
		{"1 NULL_HMAC_SHA1_80 inline:" + key80, Key{}},
		{"1 F8_128_HMAC_SHA1_80 inline:" + key80, Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + " UNENCRYPTED_SRTP", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + " UNAUTHENTICATED_SRTP", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + " UNENCRYPTED_SRTCP", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + " KDR=1", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + ";inline:" + key80, Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|2^49", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|0", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|1:200", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|256:1", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|1:1|2:1", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key80 + "|2^31|2^31", Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + key(16), Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("!", 40), Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80 uri:https://example.com/key", Key{}},
		{"1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + key80, Key{}},
		{"x AES_CM_128_HMAC_SHA1_80 inline:" + key80, Key{}},
		{"1 AES_CM_128_HMAC_SHA1_80", Key{}},
		{"", Key{}},
	}
	for _, tt := range tests {
		k, ok := parseCrypto(tt.line)
		if ok != (tt.want.Suite != SuiteNone) {
			t.Errorf("%q: ok = %v", tt.line, ok)
			continue
		}
		tt.want.material = k.material
		if ok && k != tt.want {
			t.Errorf("%q: read %+v tag %d lifetime %d mki %d:%d", tt.line, k, k.Tag, k.Lifetime, k.MKI, k.MKILen)
		}
		if again, ok := parseCrypto(string(k.appendCrypto(nil))); k.Suite != SuiteNone && (!ok || again != k) {
			t.Errorf("%q does not survive printing", tt.line)
		}
	}
}

// No verb and no log prints a key.
func TestKeysDoNotPrint(t *testing.T) {
	l := keyed(t, local(pcmu()), SecurityRequired, SuiteAES128SHA80)
	_, a := answered(t, parse(t, readFile(t, "bypass")), l)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("agreed", "keys", a.Keys, "send", a.Keys.Send)
	for _, s := range []string{
		fmt.Sprint(a), fmt.Sprintf("%+v", a), fmt.Sprintf("%#v", a.Keys), fmt.Sprintf("%x", a.Keys.Send),
		fmt.Sprintf("%d", a.Keys), log.String(),
	} {
		for _, secret := range []string{"QEBA", "4040", "40 40", "0x40, 0x40", "64 64", "64, 64"} {
			if strings.Contains(s, secret) {
				t.Errorf("%q is in %s", secret, s)
			}
		}
	}
}

// A key takes what its suite needs of the random bytes, and no less.
func TestNewKey(t *testing.T) {
	random := make([]byte, MaxKeyLen)
	for i := range random {
		random[i] = byte(i)
	}
	for s := SuiteAES128SHA80; s <= SuiteGCM256; s++ {
		k, err := NewKey(s, random)
		if err != nil {
			t.Fatal(err)
		}
		if got := append(k.Master(), k.Salt()...); !bytes.Equal(got, random[:s.KeyLen()+s.SaltLen()]) {
			t.Errorf("%v: key and salt are %x", s, got)
		}
		if _, err := NewKey(s, random[:s.KeyLen()]); err == nil {
			t.Errorf("%v: too few random bytes made a key", s)
		}
		if ParseSuite(s.String()) != s {
			t.Errorf("%v is not read", s)
		}
	}
	if _, err := NewKey(SuiteNone, random); err == nil {
		t.Error("no suite made a key")
	}
}
