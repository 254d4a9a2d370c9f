package transport

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"testing"
)

// The answer shows the client where we see it. RFC 5626 §4.4.2, RFC 8489 §14.2.
func TestBindingRequestIsAnswered(t *testing.T) {
	request, _ := hex.DecodeString("00010000" + "2112a442" + "000102030405060708090a0b")
	for src, want := range map[string]string{
		"192.0.2.1:32853":     "0101000c2112a442000102030405060708090a0b" + "00200008" + "0001a147" + "e112a643",
		"[2001:db8::1]:32853": "010100182112a442000102030405060708090a0b" + "00200014" + "0002a147" + "0113a9fa" + "00010203" + "04050607" + "08090a0a",
	} {
		got := stunReply(nil, request, netip.MustParseAddrPort(src))
		if w, _ := hex.DecodeString(want); !bytes.Equal(got, w) {
			t.Errorf("%s: got %x, want %s", src, got, want)
		}
	}
}

func TestOtherSTUNIsNotAnswered(t *testing.T) {
	for name, text := range map[string]string{
		"response":     "010100002112a442000102030405060708090a0b",
		"wrong length": "000100042112a442000102030405060708090a0b",
		"no cookie":    "000100002112a443000102030405060708090a0b",
		"too short":    "000100002112a442",
	} {
		b, _ := hex.DecodeString(text)
		if got := stunReply(nil, b, netip.MustParseAddrPort("192.0.2.1:1")); got != nil {
			t.Errorf("%s: answered %x", name, got)
		}
	}
}
