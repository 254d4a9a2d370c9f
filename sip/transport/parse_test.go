package transport

import (
	"errors"
	"strings"
	"testing"

	sipmsg "github.com/emiago/sipgo/sip"
)

// invite is a plain request; each edit is a pair of what is replaced and by what.
func invite(edits ...string) []byte {
	s := "INVITE sip:+15550100@example.com;user=phone SIP/2.0\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776;rport\r\n" +
		"Max-Forwards: 70\r\n" +
		"From: \"Alice\" <sip:alice@192.0.2.10>;tag=a1\r\n" +
		"To: <sip:+15550100@example.com>\r\n" +
		"Call-ID: 1@192.0.2.10\r\n" +
		"CSeq: 1 INVITE\r\n" +
		"Contact: <sip:alice@192.0.2.10:5060>\r\n" +
		"Content-Type: application/sdp\r\n" +
		"Content-Length: 5\r\n" +
		"\r\n" +
		"v=0\r\n"
	return []byte(strings.NewReplacer(edits...).Replace(s))
}

func TestParseAfterAppendIsTheSame(t *testing.T) {
	first, err := Parse(invite())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Append(nil, first)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Parse(raw)
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	again, err := Append(nil, second)
	if err != nil || string(again) != string(raw) {
		t.Errorf("second writing differs: %v\n%s\n%s", err, raw, again)
	}
	if got := second.From().Params.GetOr("tag", ""); got != "a1" {
		t.Errorf("tag = %q", got)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		edits []string
		want  fault
	}{
		"no To":                     {[]string{"To: <sip:+15550100@example.com>\r\n", ""}, faultMissing},
		"no From":                   {[]string{"From: \"Alice\" <sip:alice@192.0.2.10>;tag=a1\r\n", ""}, faultMissing},
		"no Call-ID":                {[]string{"Call-ID: 1@192.0.2.10\r\n", ""}, faultMissing},
		"no CSeq":                   {[]string{"CSeq: 1 INVITE\r\n", ""}, faultMissing},
		"no Via":                    {[]string{"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776;rport\r\n", ""}, faultMissing},
		"CSeq of another method":    {[]string{"1 INVITE", "1 BYE"}, faultCSeqMethod},
		"CSeq too large":            {[]string{"CSeq: 1 ", "CSeq: 2147483648 "}, faultCSeq},
		"another version":           {[]string{" SIP/2.0\r\nVia", " SIP/7.0\r\nVia"}, faultVersion},
		"unknown scheme":            {[]string{"INVITE sip:", "INVITE soap.beep:"}, faultScheme},
		"second From":               {[]string{"Max-Forwards: 70", "f: <sip:bob@example.com>;tag=2"}, faultTwice},
		"two Content-Lengths":       {[]string{"Max-Forwards: 70", "l: 4"}, faultLengthTwice},
		"negative Content-Length":   {[]string{"Length: 5", "Length: -5"}, faultLength},
		"signed Content-Length":     {[]string{"Length: 5", "Length: +5"}, faultLength},
		"body too short":            {[]string{"Length: 5", "Length: 6"}, faultBodyShort},
		"LF alone":                  {[]string{"Max-Forwards: 70\r\n", "Max-Forwards: 70\nX: y\r\n"}, faultLineEnd},
		"CR alone":                  {[]string{"Max-Forwards: 70\r\n", "Max-Forwards: 70\rX: y\r\n"}, faultLineEnd},
		"NUL in a header":           {[]string{"Max-Forwards: 70", "Subject: a\x00b"}, faultControl},
		"space in a header name":    {[]string{"Max-Forwards: 70", "Max Forwards: 70"}, faultName},
		"line without colon":        {[]string{"Max-Forwards: 70", "Max-Forwards 70"}, faultName},
		"Max-Forwards too large":    {[]string{"Forwards: 70", "Forwards: 256"}, faultMaxForwards},
		"URI in brackets":           {[]string{"sip:+15550100@example.com;user=phone", "<sip:bob@example.com>"}, faultURI},
		"port too large":            {[]string{"@example.com;user=phone", "@example.com:70000"}, faultURI},
		"IPv6 without brackets":     {[]string{"sip:+15550100@example.com;user=phone", "sip:2001:db8::1"}, faultURI},
		"open quote in To":          {[]string{"To: <", "To: \"bob <"}, faultTo},
		"two addresses in From":     {[]string{";tag=a1", ";tag=a1, <sip:b@example.com>"}, faultFrom},
		"bad port in Via":           {[]string{"192.0.2.10:5060;branch", "192.0.2.10:x;branch"}, faultVia},
		"empty parameter":           {[]string{";branch", ";;branch"}, faultVia},
		"comma at the end of a Via": {[]string{";rport", ";rport,"}, faultVia},
		"question mark outside brackets": {
			[]string{"<sip:alice@192.0.2.10:5060>", "sip:alice@192.0.2.10?Route=x"}, faultContact,
		},
		"too large a header":  {[]string{"Max-Forwards: 70", "X: " + strings.Repeat("y", maxHeader)}, faultTooLarge},
		"too many headers":    {[]string{"Max-Forwards: 70\r\n", strings.Repeat("X: y\r\n", maxFields)}, faultFields},
		"too many Vias":       {[]string{"Max-Forwards: 70", "v: " + strings.Repeat("SIP/2.0/UDP a,", maxFields) + "SIP/2.0/UDP a"}, faultVia},
		"too many parameters": {[]string{";rport", strings.Repeat(";a=b", maxParams)}, faultVia},
		"not SIP":             {[]string{"SIP/2.0\r\nVia", "HTTP/1.1\r\nVia"}, faultNotSIP},
		"no end":              {[]string{"\r\n\r\n", "\r\n"}, faultNoEnd},
	} {
		_, err := Parse(invite(c.edits...))
		if !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestParseAccepts(t *testing.T) {
	for name, edits := range map[string][]string{
		"white space everywhere in a Via": {"SIP/2.0/UDP 192.0.2.10:5060;branch", "SIP  / 2.0\r\n /UDP\t192.0.2.10 : 5060 ; branch"},
		"tag in capitals":                 {";tag=a1", " ; TAG = a1"},
		"white space before the colon":    {"To:", "To  :"},
		"folded header":                   {"Call-ID: ", "Call-ID:\r\n\t"},
		"same Content-Length twice":       {"Max-Forwards: 70", "l: 5"},
		"display name without quotes":     {"\"Alice\"", "+1 (555) 0100"},
		"telephone URI":                   {"sip:+15550100@example.com;user=phone", "tel:+15550100"},
		"IPv6":                            {"192.0.2.10", "[2001:db8::10]"},
		"no Content-Length":               {"Content-Length: 5\r\n", ""},
		"no Max-Forwards":                 {"Max-Forwards: 70\r\n", ""},
	} {
		msg, err := Parse(invite(edits...))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if tag := msg.From().Params.GetOr("tag", ""); tag != "a1" {
			t.Errorf("%s: tag = %q", name, tag)
		}
		if b := msg.Via().Params.GetOr("branch", ""); b != "z9hG4bK776" || msg.Via().Port != 5060 {
			t.Errorf("%s: via = %v", name, msg.Via())
		}
		if id := msg.CallID().Value(); !strings.HasPrefix(id, "1@") {
			t.Errorf("%s: call-id = %q", name, id)
		}
		if string(msg.Body()) != "v=0\r\n" {
			t.Errorf("%s: body = %q", name, msg.Body())
		}
	}
}

func TestParseKeepsTheFirstContactFirst(t *testing.T) {
	msg, err := Parse(invite("Contact: ", "Contact: \"a, b\" <sip:first@192.0.2.1;x=y>;q=1 , <sip:second@192.0.2.2>\r\nm: "))
	if err != nil {
		t.Fatal(err)
	}
	req := msg.(*sipmsg.Request)
	if got := req.Contact().Address.User; got != "first" {
		t.Errorf("contact = %q", got)
	}
	if got := len(req.GetHeaders("Contact")); got != 3 {
		t.Errorf("%d contacts, want 3", got)
	}
}

func TestParseWritesCompactNamesOut(t *testing.T) {
	msg, err := Parse(invite("Max-Forwards: 70", "k: timer\r\nx: 1800;refresher=uas\r\nr: <sip:c@example.com>"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Supported", "Session-Expires", "Refer-To"} {
		if len(msg.GetHeaders(name)) != 1 {
			t.Errorf("no %s", name)
		}
	}
}

// What sipgo's headers write of a parsed value is what was read.
func TestQuotedParameterIsWrittenAsItWas(t *testing.T) {
	for _, value := range []string{`"a b"`, `"a \" b"`, `"<urn:x>"`, `token`, `"a;b,c"`} {
		msg, err := Parse(invite(";tag=a1", ";tag=a1;x="+value))
		if err != nil {
			t.Errorf("%s: %v", value, err)
			continue
		}
		want := `From: "Alice" <sip:alice@192.0.2.10>;tag=a1;x=` + value
		if got := msg.From().String(); got != want {
			t.Errorf("sipgo writes %s", got)
		}
		if raw, err := Append(nil, msg); err != nil || !strings.Contains(string(raw), want+"\r\n") {
			t.Errorf("%s: %v, wrote\n%s", value, err, raw)
		}
	}
}

func TestRefusalCarriesWhatBringsItBack(t *testing.T) {
	msg, f := parse(invite("1 INVITE", "1 BYE"))
	res := refusal(msg.(*sipmsg.Request), f, "t")
	raw, err := Append(nil, res)
	if err != nil {
		t.Fatal(err)
	}
	want := "SIP/2.0 400 CSeq Method Does Not Match\r\n" +
		"Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776;rport\r\n" +
		"From: \"Alice\" <sip:alice@192.0.2.10>;tag=a1\r\n" +
		"To: <sip:+15550100@example.com>;tag=t\r\n" +
		"Call-ID: 1@192.0.2.10\r\n" +
		"CSeq: 1 BYE\r\n" +
		"Content-Length: 0\r\n\r\n"
	if string(raw) != want {
		t.Errorf("got\n%s\nwant\n%s", raw, want)
	}
}

func TestAckIsNeverRefused(t *testing.T) {
	msg, f := parse(invite("INVITE sip", "ACK sip"))
	if f == 0 {
		t.Fatal("an ACK whose CSeq says INVITE passed")
	}
	if res := refusal(msg.(*sipmsg.Request), f, "t"); res != nil {
		t.Errorf("answered %v", res)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add(invite())
	for _, m := range corpus(f) {
		f.Add(m.raw)
	}
	f.Add([]byte("SIP/2.0 200 OK\r\nv: SIP/2.0/TCP [::1]:5060;received=\"x\"\r\nf: <sip:a>\r\nt: b <tel:1>\r\ni: 1\r\nCSeq: 1 BYE\r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		msg, bad := parse(data)
		if bad != 0 {
			if req, ok := msg.(*sipmsg.Request); ok {
				if res := refusal(req, bad, "t"); res != nil {
					if _, err := Append(nil, res); err != nil && !errors.Is(err, ErrUnsafe) {
						t.Error(err)
					}
				}
			}
			return
		}
		// What passes can be written, is read again, and then is the same.
		raw, err := Append(nil, msg)
		if err != nil {
			t.Fatalf("%v: %q", err, data)
		}
		again, bad := parse(raw)
		if bad != 0 {
			t.Fatalf("%v: %q from %q", bad, raw, data)
		}
		if twice, err := Append(nil, again); err != nil || string(twice) != string(raw) {
			t.Fatalf("%v\n%q\n%q", err, raw, twice)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	data := invite()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	msg, err := Parse(invite())
	if err != nil {
		b.Fatal(err)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		if buf, err = Append(buf[:0], msg); err != nil {
			b.Fatal(err)
		}
	}
}
