package sbc

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/sip"
)

// dressed is the INVITE of a call towards a trunk.
func dressed(t *testing.T, in *sip.Invite, from, to TrunkConfig, h Hop) sip.Invite {
	t.Helper()
	a, err := Arrive(one(t, from), in)
	if err != nil {
		t.Fatal(err)
	}
	h.Trunk = one(t, to)
	if h.Called == "" {
		h.Called, h.Caller = a.Called, a.Caller.Number
	}
	return a.Towards(h, "gw.example.com")
}

// text is all that an INVITE says, as one text.
func text(in sip.Invite) string {
	return strings.Join(append(lines(in.Headers), in.RequestURI, in.From.String(), in.To.String(), in.CallID), "\n")
}

// No address, name, Call-ID or header of one side reaches the other unless a
// rule says so (RFC 7092 §3.1.1).
func TestOutgoingInviteHidesTheOtherSide(t *testing.T) {
	in := invite(
		`P-Asserted-Identity: "Alice" <sip:+15550100100@pbx.inside.example;x=1>`,
		`Diversion: <sip:+15550100111@10.1.2.3>;reason=away`,
		`Via: SIP/2.0/UDP 10.1.2.3`, `Record-Route: <sip:10.1.2.3;lr>`, `Contact: <sip:10.1.2.3>`,
		`X-Inside: 10.1.2.3`, `User-Agent: PBX 1.0`, `Server: x`, `Authorization: Digest username="u"`,
	)
	to := namedTrunk("east", "192.0.2.200", func(c *TrunkConfig) {
		c.Identity.Write = []IdentityHeader{IdentityPAI, IdentityRPID, IdentityCharge}
		c.Identity.Diversion = DivertingHistory
	})
	got := text(dressed(t, in, namedTrunk("west", "192.0.2.1", trusting), to, Hop{}))
	for _, inside := range []string{"10.1.2.3", "192.0.2.1@", "@192.0.2.1", "inside.example", "secret-call-id", "PBX", "Digest"} {
		if strings.Contains(got, inside) {
			t.Errorf("%q got through:\n%s", inside, got)
		}
	}
	if !strings.Contains(got, "sip:+15550100111@gw.example.com") {
		t.Errorf("the forwarding is not written with our host:\n%s", got)
	}
}

// The Request-URI, From and To are written as the trunk wants its numbers.
func TestOutgoingInviteHasTheTrunksNumbers(t *testing.T) {
	for _, tc := range []struct {
		why    string
		change func(*TrunkConfig)
		hop    Hop
		want   string
	}{
		{"plain UDP", func(*TrunkConfig) {}, Hop{}, "sip:+15550100199@192.0.2.200"},
		{
			"port and TLS", func(c *TrunkConfig) { c.Peer.Port, c.Peer.Transport = 5071, TransportTLS },
			Hop{},
			"sip:+15550100199@192.0.2.200:5071;transport=tls",
		},
		{
			"secure WebSocket", func(c *TrunkConfig) { c.Peer.Transport = TransportWSS },
			Hop{},
			"sip:+15550100199@192.0.2.200;transport=ws",
		},
		{"tech prefix and user=phone", func(c *TrunkConfig) {
			c.Numbers.RequestURI = NumberFormat{Form: FormPlain, Prefix: "8899", UserPhone: true}
		}, Hop{}, "sip:889915550100199@192.0.2.200;user=phone"},
		{"tel", func(c *TrunkConfig) { c.Numbers.RequestURI.Tel = true }, Hop{}, "tel:+15550100199"},
		{"IPv6", func(c *TrunkConfig) { c.Peer.Host = "2001:db8::1" }, Hop{}, "sip:+15550100199@[2001:db8::1]"},
		{"rewritten", func(*TrunkConfig) {}, Hop{Called: "1000", Caller: "+1"}, "sip:1000@192.0.2.200"},
		{"redirected", func(*TrunkConfig) {}, Hop{Target: "sip:x@192.0.2.9"}, "sip:x@192.0.2.9"},
	} {
		in := dressed(t, invite(), namedTrunk("west", "192.0.2.1"), namedTrunk("east", "192.0.2.200", tc.change), tc.hop)
		if in.RequestURI != tc.want {
			t.Errorf("%s: Request-URI %s, want %s", tc.why, in.RequestURI, tc.want)
		}
		if in.MaxForwards != 69 {
			t.Errorf("%s: Max-Forwards %d, want one less than came", tc.why, in.MaxForwards)
		}
	}
}

// Headers pass by name or beginning of a name, less those stripped; set ones
// take their place; what the gateway writes itself passes by no rule.
func TestHeadersPassByRule(t *testing.T) {
	to := namedTrunk("east", "192.0.2.200", func(c *TrunkConfig) {
		c.Headers.Allow = []string{"X-MS-Custom-*", "Alert-Info", "Reason", "X-Replaced"}
		c.Headers.Strip = []string{"X-MS-Custom-Secret"}
		c.Headers.Set = []HeaderConfig{
			{Name: "X-Replaced", Value: "to ${called} from ${caller} by ${route} of ${trunk} for $$5"},
		}
	})
	in := invite("X-MS-Custom-A: 1", "x-ms-custom-secret: 2", "Alert-Info: <http://x>", "X-Other: 3", "X-Replaced: 4", "Reason: SIP;cause=480")
	got := dressed(t, in, namedTrunk("west", "192.0.2.1"), to, Hop{Called: "+15550100199", Caller: "+15550100100", Route: "r1"})
	want := []string{
		"X-MS-Custom-A: 1", "Alert-Info: <http://x>", "Reason: SIP;cause=480",
		"X-Replaced: to +15550100199 from +15550100100 by r1 of west for $5",
	}
	if strings.Join(lines(got.Headers), "\n") != strings.Join(want, "\n") {
		t.Errorf("headers\n%s\nwant\n%s", strings.Join(lines(got.Headers), "\n"), strings.Join(want, "\n"))
	}
}

// User-to-User passes where both the value and the trunk allow it (RFC 7433).
func TestUserToUserPassesWhereAllowed(t *testing.T) {
	for _, allowed := range []bool{true, false} {
		to := namedTrunk("east", "192.0.2.200", func(c *TrunkConfig) { c.Identity.UserToUser = allowed })
		in := invite("User-to-User: 56a390f3;encoding=hex;purpose=x, 00c8;encoding=hex", "User-to-User: "+strings.Repeat("a", 2000))
		got := lines(dressed(t, in, namedTrunk("west", "192.0.2.1"), to, Hop{}).Headers)
		want := "User-to-User: 56a390f3;encoding=hex;purpose=x|User-to-User: 00c8;encoding=hex"
		if !allowed {
			want = ""
		}
		if strings.Join(got, "|") != want {
			t.Errorf("allowed %t: %q, want %q", allowed, got, want)
		}
	}
}

// A call that asks for nobody, or badly, or went round too often, is refused
// with the status that says so.
func TestBadRequestURIIsRefused(t *testing.T) {
	trunk := one(t, namedTrunk("west", "192.0.2.1"))
	for uri, want := range map[string]int{
		"sip:gw.example.com":                      404,
		"http://gw.example.com":                   416,
		"sip:%0d%0aVia@gw":                        400,
		"sip:%zz@gw":                              400,
		"sip:+15550100199@gw":                     0,
		"tel:+1-555-010-0199":                     0,
		"sip:" + strings.Repeat("9", 200) + "@gw": 400,
	} {
		in := invite()
		in.RequestURI = uri
		_, err := Arrive(trunk, in)
		var cause sip.Cause
		if errors.As(err, &cause); cause.Status != want {
			t.Errorf("%s: %v, want %d", uri, err, want)
		}
	}
	in := invite()
	in.MaxForwards = 0
	if _, err := Arrive(trunk, in); !errors.Is(err, sip.Refusal(483)) {
		t.Errorf("Max-Forwards 0: %v, want 483", err)
	}
}

// S11: a call that goes round comes to an end (RFC 3261 §16.6 step 3).
func TestCallGoesOneStepLessFar(t *testing.T) {
	in := invite()
	in.MaxForwards = 70
	if got := dressed(t, in, namedTrunk("west", "192.0.2.1"), namedTrunk("east", "192.0.2.200"), Hop{}); got.MaxForwards != 69 {
		t.Errorf("Max-Forwards %d, want 69", got.MaxForwards)
	}
}

// S8: nothing a caller, a route or a configuration says makes two headers of
// one.
func TestNoHeaderIsSmuggled(t *testing.T) {
	const evil = "x\r\nP-Asserted-Identity: <sip:+19005550100@x>"
	to := namedTrunk("east", "192.0.2.200", func(c *TrunkConfig) {
		c.Headers.Allow = []string{"X-*", "Reason"}
		c.Identity.UserToUser = true
		c.Identity.Diversion = DivertingDiversion
		c.Identity.Write = []IdentityHeader{IdentityPAI}
		c.Headers.Set = []HeaderConfig{{Name: "X-Caller", Value: "${caller} ${called}"}}
	})
	for _, mark := range []string{"\r\n", "\n", "\r", "\x00", "\u0085"} {
		bad := strings.ReplaceAll(evil, "\r\n", mark)
		in := invite("X-A: "+bad, "Reason: "+bad, "User-to-User: "+bad, "User-to-User: 56a3"+mark+"X-B: 1",
			`Diversion: "`+bad+`" <sip:+15550100111@x>;reason=away`, `P-Asserted-Identity: "`+bad+`" <sip:+15550100112@x>`)
		in.From.Display = bad
		got := dressed(t, in, namedTrunk("west", "192.0.2.1", trusting), to, Hop{Called: bad, Caller: bad})
		if s := text(got); strings.Contains(s, "+19005550100@x") && strings.Contains(s, mark+"P-Asserted") {
			t.Errorf("%q got through:\n%q", mark, s)
		}
		for _, h := range got.Headers {
			if strings.ContainsAny(h.Value, "\r\n\x00\u0085") || strings.ContainsAny(h.Name, "\r\n: ") {
				t.Errorf("header %q: %q", h.Name, h.Value)
			}
		}
		if strings.ContainsAny(got.From.String()+got.RequestURI+got.To.String(), "\r\n\x00") {
			t.Errorf("From %q, Request-URI %q", got.From, got.RequestURI)
		}
	}
}

// S8: a rule that would let a header of ours be forged, or break a line, is not
// accepted from the configuration.
func TestHeaderRulesCannotForge(t *testing.T) {
	for _, h := range []HeaderConfig{
		{Name: "Via", Value: "x"},
		{Name: "P-Asserted-Identity", Value: "x"},
		{Name: "X A", Value: "x"},
		{Name: "X-A:", Value: "x"},
		{Name: "X-A", Value: "a\r\nVia: b"},
		{Name: "X-A", Value: "${secret}"},
		{Name: "X-A", Value: "$1"},
		{Name: "", Value: "x"},
		{Name: "X-A\r\nVia", Value: "x"},
	} {
		c := DefaultConfig()
		c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1", func(c *TrunkConfig) { c.Headers.Set = []HeaderConfig{h} })}
		if err := c.Validate(); err == nil {
			t.Errorf("set %q: %q was accepted", h.Name, h.Value)
		}
	}
	for _, rule := range []string{"*", "Via", "from", "f", "Privacy", "X A", "Content-Length", ""} {
		c := DefaultConfig()
		c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1", func(c *TrunkConfig) { c.Headers.Allow = []string{rule} })}
		if err := c.Validate(); err == nil {
			t.Errorf("allow %q was accepted", rule)
		}
	}
}

// Reading an INVITE and writing the one that goes out, with identity, forwarding
// and a header rule, is a small part of a call's set-up.
func BenchmarkArriveTowards(b *testing.B) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{
		namedTrunk("west", "192.0.2.1", trusting, func(c *TrunkConfig) { c.Numbers.Country = "1" }),
		namedTrunk("east", "192.0.2.200", func(c *TrunkConfig) {
			c.Numbers.all(NumberFormat{Form: FormE164, UserPhone: true})
			c.Identity.Write = []IdentityHeader{IdentityPAI}
			c.Identity.Diversion = DivertingHistory
			c.Headers.Allow = []string{"X-*"}
		}),
	}
	d, err := NewDialplan(c, nil)
	if err != nil {
		b.Fatal(err)
	}
	in := invite(`P-Asserted-Identity: "Main" <sip:+15550100000@x>`, `Diversion: <sip:+15550100111@x>;reason=away`,
		"X-Call: 7", "User-Agent: x", "Allow: INVITE, ACK")
	west, hop := d.Trunks.Named("west"), Hop{Trunk: d.Trunks.Named("east"), Called: "+15550100199", Caller: "+15550100100"}
	b.ReportAllocs()
	for b.Loop() {
		a, err := Arrive(west, in)
		if err != nil {
			b.Fatal(err)
		}
		if out := a.Towards(hop, "gw.example.com"); len(out.Headers) != 4 {
			b.Fatalf("%d headers", len(out.Headers))
		}
	}
}
