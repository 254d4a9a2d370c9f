package sdp

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	peer "github.com/pion/sdp/v3"
)

// What we write of a description reads as the same description.
func TestParseAfterPrintIsIdentity(t *testing.T) {
	for _, name := range []string{"chromium", "teams", "bypass", "twilio", "asterisk", "baresip", "sipp"} {
		t.Run(name, func(t *testing.T) {
			d := parse(t, readFile(t, name))
			wantIdentity(t, d)
		})
	}
}

// wantIdentity fails unless parse(print(d)) is d. That there were candidates we
// cannot use is not written.
func wantIdentity(t *testing.T, d *Description) {
	t.Helper()
	for i := range d.Media {
		d.Media[i].Unnamed = false
	}
	again, err := Parse(d.Bytes())
	if err != nil {
		t.Fatalf("%v in\n%s", err, d.Bytes())
	}
	if string(again.Bytes()) != string(d.Bytes()) {
		t.Fatalf("printed\n%s\nand then\n%s", d.Bytes(), again.Bytes())
	}
	a, b := fmt.Sprintf("%+v", again), fmt.Sprintf("%+v", d)
	if a != b && !reflect.DeepEqual(again, d) {
		t.Errorf("parsed\n%s\nand then\n%s", b, a)
	}
}

// What we write is read by a parser that is not ours, to the same effect.
func TestOthersReadWhatWeWrite(t *testing.T) {
	l := keyed(t, certified(local(opus(), pcmu()), SecurityRequired), SecurityRequired, SuiteGCM128)
	l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
	offer := Offer(l)
	answer, _ := answered(t, parse(t, readFile(t, "chromium")), l)
	for _, d := range []*Description{offer, answer} {
		var p peer.SessionDescription
		if err := p.Unmarshal(d.Bytes()); err != nil {
			t.Fatalf("%v in\n%s", err, d.Bytes())
		}
		m := p.MediaDescriptions[0]
		c, err := p.GetCodecForPayloadType(d.Media[0].Formats[0].Type)
		if err != nil || c.Name != "opus" || c.ClockRate != 48000 || c.EncodingParameters != "2" {
			t.Errorf("codec = %+v, %v", c, err)
		}
		if ufrag, _ := m.Attribute("ice-ufrag"); ufrag != "q3Zk" {
			t.Errorf("ufrag = %q", ufrag)
		}
		if m.MediaName.Port.Value != 40100 || p.ConnectionInformation.Address.Address != "203.0.113.10" {
			t.Errorf("at %v %v", p.ConnectionInformation, m.MediaName)
		}
	}
}

// What session level says holds for each m-line that says nothing else.
func TestSessionLevelIsInherited(t *testing.T) {
	d := parse(t, []byte(strings.Join([]string{
		"v=0", "o=- 1 2 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "a=inactive",
		"a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=setup:active",
		"a=fingerprint:sha-1 " + strings.Repeat("AA:", 19) + "AA",
		"m=audio 4000 RTP/AVP 0",
		"m=audio 4002 RTP/AVP 0", "c=IN IP6 2001:db8::1", "a=sendonly", "a=ice-ufrag:efgh", "a=setup:passive",
		"a=fingerprint:sha-256 " + strings.Repeat("BB:", 31) + "BB", "",
	}, "\r\n")))
	a, b := d.Media[0], d.Media[1]
	if a.Addr != addr("192.0.2.1:1").Addr() || a.Direction != Inactive || a.Ufrag != "abcd" ||
		a.Setup != SetupActive || a.Fingerprints[0].Hash != "sha-1" {
		t.Errorf("inherited %+v", a)
	}
	if b.Addr != addr("[2001:db8::1]:1").Addr() || b.Direction != SendOnly || b.Ufrag != "efgh" || b.Pwd != a.Pwd ||
		b.Setup != SetupPassive || len(b.Fingerprints) != 1 || b.Fingerprints[0].Hash != "sha-256" {
		t.Errorf("overridden %+v", b)
	}
	wantIdentity(t, d)
}

// The oddities of real bodies are read for what they mean.
func TestOdditiesAreRead(t *testing.T) {
	tests := []struct {
		name, lines string
		ok          func(*Media) bool
	}{
		{"a user name with spaces", "0", func(m *Media) bool { return m.Formats[0].Codec == pcmu() }},
		{"extra spaces", " 0   8 ", func(m *Media) bool { return len(m.Formats) == 2 }},
		{"a payload type twice", "0 0 8", func(m *Media) bool { return len(m.Formats) == 2 }},
		{"static types without rtpmap", "0 8 9 13 18", func(m *Media) bool {
			return m.Formats[2].Codec == g722() && m.Formats[3].Codec.Name == "CN" && m.Formats[4].Codec.Name == "G729"
		}},
		{"a dynamic type without rtpmap", "99", func(m *Media) bool { return m.Formats[0].Codec.Name == "" }},
		{"a fractional ptime", "0\na=ptime:20.5", func(m *Media) bool { return m.Ptime == 20*time.Millisecond }},
		{"a senseless ptime", "0\na=ptime:-3\na=maxptime:x", func(m *Media) bool { return m.Ptime == 0 && m.MaxPtime == 0 }},
		{"rtcp with an address", "0\na=rtcp:5000 IN IP4 192.0.2.9", func(m *Media) bool {
			return m.RTCP == addr("192.0.2.9:5000")
		}},
		{"a multicast address with ttl", "0\nc=IN IP4 224.2.1.1/127/3", func(m *Media) bool { return m.Addr.IsMulticast() }},
		{"a name for an address", "0\nc=IN IP4 pbx.example.com", func(m *Media) bool { return !m.Addr.IsValid() }},
		{"a mapped address", "0\nc=IN IP6 ::ffff:192.0.2.4", func(m *Media) bool { return m.Addr.Is4() }},
		{"lower case of the profile", "0", func(m *Media) bool { return m.Profile == ProfileAVP }},
		{"attributes nobody knows", "0\na=x-y:z\na=\na=rtpmap\na=fmtp:0\na=crypto\na=candidate:1\na=rtcp:x", func(m *Media) bool {
			return len(m.Crypto) == 0 && len(m.Candidates) == 0
		}},
		{"blank lines", "0\n\n\na=sendonly\n\n", func(m *Media) bool { return m.Direction == SendOnly }},
		{"candidates we cannot use", "0\na=candidate:1 1 TCP 9 192.0.2.1 9 typ host tcptype active\na=candidate:1 1 UDP 9 a.local 5 typ host", func(m *Media) bool {
			return m.Unnamed && len(m.Candidates) == 0
		}},
		{"an end of candidates", "0\na=end-of-candidates\na=ice-mismatch", func(m *Media) bool { return m.End && m.Mismatch }},
		{"remote candidates", "0\na=remote-candidates:2 192.0.2.1 41 1 192.0.2.1 40", func(m *Media) bool {
			return m.Chosen == addr("192.0.2.1:40")
		}},
		{"an md5 fingerprint", "0\na=fingerprint:md5 AA:BB", func(m *Media) bool { return len(m.Fingerprints) == 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := parse(t, []byte("v=0\no=My Phone 1.0 x y IN IP4 host\ns=-\nc=IN IP4 192.0.2.1\nm=audio 4000/2 rtp/avp "+tt.lines))
			if d.Origin.User != "My Phone 1.0" || !tt.ok(&d.Media[0]) {
				t.Errorf("read %+v", d)
			}
			wantIdentity(t, d)
		})
	}
}

// What is no description, or larger than any, is refused with the reason and the
// line, and with no word of the body.
func TestMalformedIsRefused(t *testing.T) {
	const head = "v=0\no=- 1 1 IN IP4 192.0.2.1\n"
	tests := []struct {
		name, body string
		want       error
	}{
		{"empty", "", ErrMalformed},
		{"not sdp", "<xml/>", ErrMalformed},
		{"another version", "v=1\no=- 1 1 IN IP4 a\n", ErrMalformed},
		{"no origin", "v=0\ns=secret\n", ErrMalformed},
		{"short origin", "v=0\no=- 1 1 IN IP4\n", ErrMalformed},
		{"no type", head + "secret\n", ErrMalformed},
		{"control characters", head + "s=a\x00secret\n", ErrMalformed},
		{"a lone carriage return", head + "s=a\rsecret\n", ErrMalformed},
		{"short connection", head + "c=IN IP4\n", ErrMalformed},
		{"another network", head + "c=ATM NSAP secret\n", ErrMalformed},
		{"short media", head + "m=audio 1 RTP/AVP\n", ErrMalformed},
		{"port beyond", head + "m=audio 65536 RTP/AVP 0\n", ErrMalformed},
		{"port secret", head + "m=audio secret RTP/AVP 0\n", ErrMalformed},
		{"payload type beyond", head + "m=audio 1 RTP/AVP 128\n", ErrMalformed},
		{"payload type of letters", head + "m=audio 1 RTP/AVP secret\n", ErrMalformed},
		{"too many bytes", head + "s=" + strings.Repeat("x", MaxBytes), ErrTooLarge},
		{"too many lines", head + strings.Repeat("s=-\n", maxLines), ErrTooLarge},
		{"too many m-lines", head + strings.Repeat("m=audio 1 RTP/AVP 0\n", maxMedia+1), ErrTooLarge},
		{"too many formats", head + "m=audio 1 RTP/AVP" + strings.Repeat(" 0", maxFormats+1), ErrTooLarge},
		{"too many candidates", head + "m=audio 1 RTP/AVP 0\n" +
			strings.Repeat("a=candidate:1 1 UDP 1 192.0.2.1 9 typ host\n", maxCandidates+1), ErrTooLarge},
		{"too many keys", head + "m=audio 1 RTP/AVP 0\n" +
			strings.Repeat("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+key80+"\n", maxCrypto+1), ErrTooLarge},
		{"too many fingerprints", head +
			strings.Repeat("a=fingerprint:sha-1 "+strings.Repeat("AA:", 19)+"AA\n", maxFingerprints+1), ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, err := Parse([]byte(tt.body))
			if d != nil || !errors.Is(err, tt.want) {
				t.Fatalf("got %v, %v", d, err)
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error quotes the body: %v", err)
			}
			if code, _ := Warning(err); code != 307 {
				t.Errorf("warning %d", code)
			}
		})
	}
}
