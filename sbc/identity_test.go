package sbc

import (
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/sip"
)

// invite is an INVITE from +15550100 to +15550199 with the headers given as
// "Name: value".
func invite(headers ...string) *sip.Invite {
	in := &sip.Invite{
		RequestURI:  "sip:+15550100199@gw.example.com",
		From:        sip.Address{Display: "Alice", URI: "sip:+15550100100@192.0.2.1"},
		To:          sip.Address{URI: "sip:+15550100199@gw.example.com"},
		CallID:      "secret-call-id@192.0.2.1",
		MaxForwards: 70,
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		in.Headers = append(in.Headers, sip.Header{Name: name, Value: value})
	}
	return in
}

// anonymousInvite is the same from a caller who hides.
func anonymousInvite(headers ...string) *sip.Invite {
	in := invite(headers...)
	in.From = sip.Address{Display: "Anonymous", URI: "sip:anonymous@anonymous.invalid"}
	return in
}

// lines are the headers as "Name: value".
func lines(headers []sip.Header) []string {
	out := make([]string, 0, len(headers))
	for _, h := range headers {
		out = append(out, h.Name+": "+h.Value)
	}
	return out
}

func trusting(c *TrunkConfig) { c.Identity.Trusted = true }

// A network's word for a caller is taken from a trusted trunk alone (RFC 3325
// §5, §8).
func TestCallerIsReadAsFarAsTheTrunkIsTrusted(t *testing.T) {
	const pai = `P-Asserted-Identity: "Main" <sip:+15550100000@carrier.example>, <tel:+15550100001>`
	for _, tc := range []struct {
		why     string
		in      *sip.Invite
		trusted bool
		want    Caller
	}{
		{"From alone", invite(), true, Caller{Number: "+15550100100", Display: "Alice"}},
		{
			"asserted by a trusted peer", invite(pai), true,
			Caller{Number: "+15550100100", Display: "Alice", Asserted: "+15550100000", AssertedDisplay: "Main"},
		},
		{"asserted by a stranger", invite(pai), false, Caller{Number: "+15550100100", Display: "Alice"}},
		{
			"anonymous and asserted", anonymousInvite(pai, "Privacy: id"), true,
			Caller{Number: "+15550100000", Display: "Main", Asserted: "+15550100000", AssertedDisplay: "Main", Private: true},
		},
		{"anonymous from a stranger", anonymousInvite(pai), false, Caller{Private: true}},
		{
			"asks for privacy", invite("Privacy: critical;id"), false,
			Caller{Number: "+15550100100", Display: "Alice", Private: true},
		},
		{
			"wants no privacy", invite("Privacy: none", "Remote-Party-ID: <sip:+15550100002@x>;privacy=full"), true,
			Caller{Number: "+15550100100", Display: "Alice", Asserted: "+15550100002"},
		},
		{
			"Remote-Party-ID", invite(`Remote-Party-ID: "M" <sip:+15550100002@x>;party=calling;privacy=full`), true,
			Caller{Number: "+15550100100", Display: "Alice", Asserted: "+15550100002", AssertedDisplay: "M", Private: true},
		},
		{
			"Remote-Party-ID of the called", invite("Remote-Party-ID: <sip:+15550100002@x>;party=called"), true,
			Caller{Number: "+15550100100", Display: "Alice"},
		},
		{
			"charged to another", invite("P-Charge-Info: <sip:+15550100009@x>"), true,
			Caller{Number: "+15550100100", Display: "Alice", Charge: "+15550100009"},
		},
		{
			"nonsense", invite("P-Asserted-Identity: <<>", "P-Asserted-Identity: ", "Remote-Party-ID: ;;;"), true,
			Caller{Number: "+15550100100", Display: "Alice"},
		},
	} {
		trunk := one(t, namedTrunk("west", "192.0.2.1", func(c *TrunkConfig) { c.Identity.Trusted = tc.trusted }))
		if got := readCaller(tc.in, trunk); got != tc.want {
			t.Errorf("%s: %+v, want %+v", tc.why, got, tc.want)
		}
	}
}

// The caller is written as the trunk wants him, and not at all where he asked
// not to be and the trunk is not trusted (RFC 3323 §4.1.1.3, RFC 3325 §7).
func TestCallerIsWrittenAsTheTrunkWants(t *testing.T) {
	all := []IdentityHeader{IdentityPAI, IdentityPPI, IdentityRPID, IdentityCharge}
	open := Caller{Number: "+15550100100", Display: "Alice"}
	hidden := Caller{Number: "+15550100100", Display: "Alice", Private: true}
	for _, tc := range []struct {
		why    string
		id     IdentityConfig
		caller Caller
		from   string
		want   []string
	}{
		{"From alone", IdentityConfig{Display: true}, open, `"Alice" <sip:+15550100100@gw>`, nil},
		{"without the name", IdentityConfig{}, open, `<sip:+15550100100@gw>`, nil},
		{"all headers", IdentityConfig{Display: true, Write: all}, open, `"Alice" <sip:+15550100100@gw>`, []string{
			`P-Asserted-Identity: "Alice" <sip:+15550100100@gw>`,
			`P-Preferred-Identity: "Alice" <sip:+15550100100@gw>`,
			`Remote-Party-ID: "Alice" <sip:+15550100100@gw>;party=calling;screen=yes;privacy=off`,
			`P-Charge-Info: <sip:+15550100100@gw>`,
		}},
		{
			"hidden from a stranger",
			IdentityConfig{Display: true, Write: all, Privacy: PrivacyHonour},
			hidden,
			`"Anonymous" <sip:anonymous@anonymous.invalid>`, nil,
		},
		{
			"hidden, and told to a trusted peer",
			IdentityConfig{
				Display: true, Trusted: true, Privacy: PrivacyHonour,
				Write: []IdentityHeader{IdentityPAI, IdentityRPID},
			},
			hidden,
			`"Anonymous" <sip:anonymous@anonymous.invalid>`,
			[]string{
				`P-Asserted-Identity: "Alice" <sip:+15550100100@gw>`,
				`Remote-Party-ID: "Alice" <sip:+15550100100@gw>;party=calling;screen=yes;privacy=full`,
				`Privacy: id`,
			},
		},
		{"privacy ignored", IdentityConfig{Privacy: PrivacyIgnore}, hidden, `<sip:+15550100100@gw>`, nil},
		{
			"one number for all",
			IdentityConfig{Caller: "+15550100555", Write: all[:1]},
			open,
			`<sip:+15550100555@gw>`,
			[]string{`P-Asserted-Identity: <sip:+15550100555@gw>`},
		},
		{
			"the network's number is kept",
			IdentityConfig{Write: all[:1]},
			Caller{Number: "+15550100100", Asserted: "+15550100000"},
			`<sip:+15550100100@gw>`,
			[]string{`P-Asserted-Identity: <sip:+15550100000@gw>`},
		},
		{
			"nobody",
			IdentityConfig{Write: all},
			Caller{Private: true},
			`"Anonymous" <sip:anonymous@anonymous.invalid>`, nil,
		},
	} {
		c := DefaultTrunk()
		c.Name, c.Peer.Host = "east", "192.0.2.2"
		if tc.id.Privacy == "" {
			tc.id.Privacy = PrivacyHonour
		}
		tc.id.Diversion = DivertingOff
		c.Identity = tc.id
		from, headers := one(t, c).named(tc.caller, tc.caller.Number, "gw")
		if from.String() != tc.from {
			t.Errorf("%s: From %s, want %s", tc.why, from, tc.from)
		}
		if got := lines(headers); strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
			t.Errorf("%s: headers\n%s\nwant\n%s", tc.why, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
	}
}

// A rewritten number takes the place of the network's word, which was for
// another.
func TestRewrittenCallerReplacesTheAsserted(t *testing.T) {
	trunk := one(t, namedTrunk("east", "192.0.2.2", func(c *TrunkConfig) { c.Identity.Write = []IdentityHeader{IdentityPAI} }))
	_, headers := trunk.named(Caller{Number: "+15550100100", Asserted: "+15550100000"}, "+15550100777", "gw")
	if got := lines(headers); len(got) != 1 || !strings.Contains(got[0], "+15550100777") {
		t.Errorf("headers %q", got)
	}
}

// Whatever a trusted peer writes into the headers that name people, reading it
// ends, and what we write of it has no line break and reads back.
func FuzzIdentity(f *testing.F) {
	for _, s := range []string{
		`"Main" <sip:+15550100000@x>`, `<tel:+1-555-0100>;party=calling;privacy=full`, `sip:a@b;x=y`, `"a\"b" <sip:a@b>`,
		`"`, `<`, `"x" <sip:%0d%0aVia:@b>`, "a\r\nVia: x", `<sip:a@[::1]:5060;p=";">`, `,,,;;;`,
	} {
		f.Add(s, "id;none")
	}
	c := namedTrunk("west", "192.0.2.1", trusting)
	c.Identity.Write = []IdentityHeader{IdentityPAI, IdentityRPID, IdentityCharge}
	cfg := DefaultConfig()
	cfg.Trunks = []TrunkConfig{c}
	d, err := NewDialplan(cfg, nil)
	if err != nil {
		f.Fatal(err)
	}
	trunk := d.Trunks.Named("west")
	f.Fuzz(func(t *testing.T, value, privacy string) {
		in := invite()
		for _, name := range []string{"P-Asserted-Identity", "Remote-Party-ID", "P-Charge-Info"} {
			in.Headers = append(in.Headers, sip.Header{Name: name, Value: value})
		}
		in.Headers = append(in.Headers, sip.Header{Name: "Privacy", Value: privacy})
		in.From.Display = value
		caller := readCaller(in, trunk)
		from, headers := trunk.named(caller, caller.Number, "gw")
		if from.String() == "" {
			t.Fatalf("From %+v cannot be written", from)
		}
		for _, h := range append(headers, sip.Header{Name: "From", Value: from.String()}) {
			if !isHeaderText(h.Value) {
				t.Fatalf("%s: %q has a control character", h.Name, h.Value)
			}
			if _, err := sip.ParseAddress(h.Value); err != nil && h.Name != "Privacy" {
				t.Fatalf("%s: %q does not read back: %v", h.Name, h.Value, err)
			}
		}
	})
}
