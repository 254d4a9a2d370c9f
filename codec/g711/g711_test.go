package g711

import (
	"testing"

	"github.com/zaf/g711"
)

// The tables say for every sample and every octet what the law says.
func TestTablesAreTheLaw(t *testing.T) {
	u, a := PCMU().(*law), PCMA().(*law)
	for s := -32768; s <= 32767; s++ {
		if got, want := u.enc[uint16(int16(s))>>u.shift], g711.EncodeUlawFrame(int16(s)); got != want {
			t.Fatalf("µ-law of %d is %#x, want %#x", s, got, want)
		}
		if got, want := a.enc[uint16(int16(s))>>a.shift], g711.EncodeAlawFrame(int16(s)); got != want {
			t.Fatalf("A-law of %d is %#x, want %#x", s, got, want)
		}
	}
	for o := range 256 {
		if got, want := u.dec[o], g711.DecodeUlawFrame(uint8(o)); got != want {
			t.Fatalf("µ-law octet %#x is %d, want %d", o, got, want)
		}
		if got, want := a.dec[o], g711.DecodeAlawFrame(uint8(o)); got != want {
			t.Fatalf("A-law octet %#x is %d, want %d", o, got, want)
		}
	}
}

// Decoding and encoding again gives the octet back (but for µ-law's two zeroes).
func TestOctetsSurviveTheRoundTrip(t *testing.T) {
	for _, l := range []*law{PCMU().(*law), PCMA().(*law)} {
		for o := range 256 {
			got := l.enc[uint16(l.dec[o])>>l.shift]
			if got != uint8(o) && l.dec[got] != l.dec[o] {
				t.Errorf("%s octet %#x came back as %#x", l.name, o, got)
			}
		}
	}
}
