package sdp

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/codec"
)

// The codecs the tests have.
func pcmu() codec.Params { return codec.Params{Name: "PCMU", ClockRate: 8000, Channels: 1} }
func pcma() codec.Params { return codec.Params{Name: "PCMA", ClockRate: 8000, Channels: 1} }
func g722() codec.Params { return codec.Params{Name: "G722", ClockRate: 8000, Channels: 1} }

func opus() codec.Params {
	return codec.Params{Name: "opus", ClockRate: 48000, Channels: 2, Format: "useinbandfec=1;maxplaybackrate=8000"}
}

func formats(codecs ...codec.Params) []Format {
	var f []Format
	for _, c := range codecs {
		f = append(f, Format{Codec: c})
	}
	return f
}

// local is a plain leg at 203.0.113.10:40100 with these codecs.
func local(codecs ...codec.Params) Local {
	return Local{
		Addr: netip.MustParseAddr("203.0.113.10"), Port: 40100, RTCPPort: 40101,
		Formats: formats(codecs...), Events: true,
		Session: Session{ID: 8812, Version: 1},
	}
}

// keyed is local with SDES keys of these suites.
func keyed(t testing.TB, l Local, p Policy, suites ...Suite) Local {
	t.Helper()
	l.Security.Policy = p
	for i, s := range suites {
		k, err := NewKey(s, bytes.Repeat([]byte{byte(0x40 + i)}, MaxKeyLen))
		if err != nil {
			t.Fatal(err)
		}
		l.Security.Keys = append(l.Security.Keys, k)
	}
	return l
}

// certified is l with a certificate.
func certified(l Local, p Policy) Local {
	l.Security.Policy = p
	l.Security.Fingerprint = Fingerprint{Hash: "sha-256", Value: strings.Repeat("AB:", 31) + "AB"}
	return l
}

// readFile reads a description of testdata.
func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".sdp"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parse(t testing.TB, b []byte) *Description {
	t.Helper()
	d, err := Parse(b)
	if err != nil {
		t.Fatalf("%v in\n%s", err, b)
	}
	return d
}

// offerOf is an offer from 192.0.2.1:4000 with these lines after the m-line's
// formats, the first being the formats.
func offerOf(t testing.TB, lines ...string) *Description {
	t.Helper()
	return parse(t, []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\nc=IN IP4 192.0.2.1\nt=0 0\nm=audio 4000 RTP/AVP "+
		strings.Join(lines, "\n")+"\n"))
}

// answered is the answer and what was agreed, both checked for sense.
func answered(t testing.TB, offer *Description, l Local) (*Description, Agreed) {
	t.Helper()
	d, a, err := Answer(offer, l)
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, offer, d)
	return d, *a
}

// checkAnswer fails unless answer is a valid one to offer. RFC 3264 §6.
func checkAnswer(t testing.TB, offer, answer *Description) {
	t.Helper()
	if len(answer.Media) != len(offer.Media) {
		t.Fatalf("%d m-lines answer %d", len(answer.Media), len(offer.Media))
	}
	live := 0
	for i := range answer.Media {
		m, o := &answer.Media[i], &offer.Media[i]
		if m.Kind != o.Kind || m.Proto != o.Proto || m.Mid != o.Mid || m.Tokens == "" {
			t.Errorf("m-line %d %s %s is answered with %s %s", i, o.Kind, o.Proto, m.Kind, m.Proto)
		}
		if o.Port == 0 && m.Port != 0 {
			t.Errorf("m-line %d was refused by its offerer and came back", i)
		}
		if !m.Live() {
			continue
		}
		live++
		for _, f := range m.Formats {
			of := o.format(f.Type)
			if of == nil || !same(of.Codec, f.Codec) {
				t.Errorf("payload type %d means something else in the answer", f.Type)
			}
		}
		if m.Direction.Within(o.Direction.Reverse()) != m.Direction {
			t.Errorf("%v is answered with %v", o.Direction, m.Direction)
		}
		if m.Mux && !o.Mux {
			t.Error("rtcp-mux is answered and was not offered")
		}
	}
	if live > 1 {
		t.Errorf("%d audio lines are alive", live)
	}
	again := parse(t, answer.Bytes())
	if !bytes.Equal(again.Bytes(), answer.Bytes()) {
		t.Errorf("the answer does not survive parsing:\n%s\n%s", answer.Bytes(), again.Bytes())
	}
}

// wantLines fails unless each line is in the description.
func wantLines(t *testing.T, d *Description, lines ...string) {
	t.Helper()
	text := "\r\n" + string(d.Bytes())
	for _, l := range lines {
		if !strings.Contains(text, "\r\n"+l+"\r\n") {
			t.Errorf("no line %q in\n%s", l, text)
		}
	}
}

// wantNone fails if any of the words is in the description.
func wantNone(t *testing.T, d *Description, words ...string) {
	t.Helper()
	text := string(d.Bytes())
	for _, w := range words {
		if strings.Contains(text, w) {
			t.Errorf("%q is in\n%s", w, text)
		}
	}
}

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }
