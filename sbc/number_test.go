package sbc

import (
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/sip"
)

// What a trunk writes becomes E.164 where that can be told, and stays as it is
// where it cannot.
func TestNumbersAreReadByTheTrunksRules(t *testing.T) {
	german := NumbersConfig{Country: "49", National: "0", International: "00", Prefix: "7#"}
	american := NumbersConfig{Country: "1", National: "1", International: "011"}
	bare := NumbersConfig{Bare: true}
	plain := NumbersConfig{}
	for _, tc := range []struct {
		n        NumbersConfig
		in, want string
	}{
		{german, "+4930123456", "+4930123456"},
		{german, "004930123456", "+4930123456"},
		{german, "030123456", "+4930123456"},
		{german, "30123456", "+4930123456"},
		{german, "7#030123456", "+4930123456"},
		{german, "112", "112"},
		{german, "+49-30-123 456", "+4930123456"},
		{german, "+4930123456;ext=12", "+4930123456"},
		{german, "alice", "alice"},
		{german, "alice.smith", "alice.smith"},
		{american, "5550100123", "+15550100123"},
		{american, "15550100123", "+15550100123"},
		{american, "01144207946000", "+44207946000"},
		{bare, "4930123456", "+4930123456"},
		{bare, "0301234567", "0301234567"},
		{plain, "4930123456", "4930123456"},
		{plain, "(555)010-0123", "5550100123"},
		{plain, "*67#", "*67#"},
		{plain, "1234567890123456", "1234567890123456"},
	} {
		if got := tc.n.read(tc.in); got != tc.want {
			t.Errorf("read(%q) with country %q = %q, want %q", tc.in, tc.n.Country, got, tc.want)
		}
	}
}

// Each header has the number in the form the trunk wants there.
func TestNumbersAreWrittenInTheFormWanted(t *testing.T) {
	n := NumbersConfig{Country: "49", National: "0", International: "00"}
	for _, tc := range []struct {
		number string
		f      NumberFormat
		want   string
	}{
		{"+4930123456", NumberFormat{Form: FormE164}, "sip:+4930123456@h"},
		{"+4930123456", NumberFormat{Form: FormPlain}, "sip:4930123456@h"},
		{"+4930123456", NumberFormat{Form: FormNational}, "sip:030123456@h"},
		{"+15550100123", NumberFormat{Form: FormNational}, "sip:0015550100123@h"},
		{"+4930123456", NumberFormat{Form: FormPlain, Prefix: "99#"}, "sip:99%234930123456@h"},
		{"+4930123456", NumberFormat{Form: FormE164, UserPhone: true}, "sip:+4930123456@h;user=phone"},
		{"alice", NumberFormat{Form: FormE164, UserPhone: true}, "sip:alice@h"},
		{"+4930123456", NumberFormat{Form: FormE164, Tel: true}, "tel:+4930123456"},
		{"112", NumberFormat{Form: FormE164, Tel: true}, "tel:112;phone-context=+49"},
		{"alice", NumberFormat{Form: FormE164, Tel: true}, "sip:alice@h"},
		{"a b@c;d", NumberFormat{}, "sip:a%20b%40c%3Bd@h"},
		{"", NumberFormat{}, "sip:h"},
	} {
		if got := n.uri(tc.number, tc.f, "h", 0); got != tc.want {
			t.Errorf("uri(%q, %+v) = %q, want %q", tc.number, tc.f, got, tc.want)
		}
	}
}

// Whatever user part a stranger sends, what we write of it is one URI that reads
// back as the same user.
func FuzzNumber(f *testing.F) {
	for _, s := range []string{"+15550100", "112", "a b", "x\r\nVia: y", "%", "ü", "+", "*67", "a;b=c?d&e", strings.Repeat("9", 200)} {
		f.Add(s)
	}
	n := NumbersConfig{Country: "49", National: "0", International: "00", Prefix: "8"}
	f.Fuzz(func(t *testing.T, user string) {
		number := n.read(user)
		if !isUser(number) {
			return // Arrive refuses it
		}
		uri := n.uri(number, NumberFormat{Form: FormE164}, "h.example", 0)
		u, err := sip.ParseURI(uri)
		if err != nil {
			t.Fatalf("uri(%q) = %q: %v", number, uri, err)
		}
		if back, host, ok := userOf(uri); !ok || back != number || host != "h.example" {
			t.Fatalf("uri(%q) = %q reads as %q at %q (%+v)", number, uri, back, host, u)
		}
	})
}

// A local number in the context of a country is that country's; a short code, a
// number with a prefix, and one in the context of a domain stay as they are.
// RFC 3966 §5.1.5.
func TestLocalNumberIsReadInItsContext(t *testing.T) {
	for uri, want := range map[string]string{
		"tel:5550100199;phone-context=+1":                       "+15550100199",
		"tel:555-010-0199;ext=7;phone-context=+1":               "+15550100199",
		"tel:0100-199;phone-context=+1-555":                     "0100-199",
		"tel:9100199;phone-context=+1-555":                      "+15559100199",
		"tel:911;phone-context=+1":                              "911",
		"tel:030123456;phone-context=+49":                       "030123456",
		"tel:5550100199;phone-context=example.com":              "5550100199",
		"tel:5550100199":                                        "5550100199",
		"tel:+15550100199;phone-context=+44":                    "+15550100199",
		"tel:555010019912345;phone-context=+1":                  "555010019912345",
		"tel:5550100199;phone-context=+":                        "5550100199",
		"sip:5550100199;phone-context=+1@gw.example;user=phone": "+15550100199",
	} {
		user, _, ok := userOf(uri)
		if user, _, _ = strings.Cut(user, ";"); !ok || user != want {
			t.Errorf("userOf(%q) = %q, want %q", uri, user, want)
		}
	}
}

// A tel URI is written with a country or a domain as its context, never with an
// address: without either the number is a sip: URI. RFC 3966 §3.
func TestLocalNumberIsWrittenWithAContext(t *testing.T) {
	tel := NumberFormat{Form: FormE164, Tel: true}
	for _, tc := range []struct{ country, host, want string }{
		{"", "gw.example", "tel:112;phone-context=gw.example"},
		{"49", "192.0.2.1", "tel:112;phone-context=+49"},
		{"", "192.0.2.1", "sip:112@192.0.2.1"},
		{"", "2001:db8::1", "sip:112@[2001:db8::1]"},
	} {
		n := NumbersConfig{Country: tc.country}
		if got := n.uri("112", tel, tc.host, 0); got != tc.want {
			t.Errorf("country %q, host %s: %s, want %s", tc.country, tc.host, got, tc.want)
		}
	}
}
