package sbc

import (
	"slices"
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/sip"
)

// Forwardings read the same from Diversion and from History-Info in its newer
// and older form, the oldest first (RFC 5806, RFC 7044, RFC 4244, RFC 7544).
func TestForwardingsAreReadFromEitherHeader(t *testing.T) {
	busy := Diversion{Number: "+15550100111", Reason: "user-busy", Count: 1}
	away := Diversion{Number: "+15550100112", Reason: "no-answer", Count: 1}
	for _, tc := range []struct {
		why     string
		headers []string
		want    []Diversion
	}{
		{"none", nil, nil},
		{"Diversion, the newest first", []string{
			`Diversion: <sip:+15550100112@x>;reason=no-answer, <sip:+15550100111@x>;reason=user-busy;counter=1;privacy=off`,
		}, []Diversion{busy, away}},
		{"Diversion on two lines", []string{
			`Diversion: <sip:+15550100112@x>;reason=no-answer`, `Diversion: <tel:+15550100111>;reason="user-busy"`,
		}, []Diversion{busy, away}},
		{"History-Info, cause at the target", []string{
			`History-Info: <sip:+15550100111@x>;index=1, <sip:+15550100112@x;cause=486>;index=1.1;mp=1`,
			`History-Info: <sip:+15550100199@x;cause=408>;index=1.1.1;mp=1.1`,
		}, []Diversion{busy, away}},
		{"History-Info, Reason in the URI", []string{
			`History-Info: <sip:+15550100111@x?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%22>;index=1`,
			`History-Info: <sip:+15550100112@x;user=phone?Reason=SIP%3Bcause%3D408>;index=1.1, <sip:+15550100199@x>;index=1.2`,
		}, []Diversion{busy, away}},
		{"History-Info without a forwarding", []string{
			`History-Info: <sip:+15550100111@x>;index=1, <sip:+15550100199@10.0.0.1>;index=1.1`,
		}, nil},
		{
			"private",
			[]string{`Diversion: "B" <sip:+15550100111@x>;reason=away;privacy=full;counter=700`},
			[]Diversion{{Number: "+15550100111", Display: "B", Reason: "away", Count: 99, Private: true}},
		},
		{"nonsense", []string{`Diversion: <`, `Diversion: ;reason=x`, `History-Info: sip:`}, nil},
	} {
		n := DefaultTrunk().Numbers
		if got := readDiversions(invite(tc.headers...).Headers, &n); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %+v, want %+v", tc.why, got, tc.want)
		}
	}
}

// Of more forwardings than are kept the newest are, whatever the header.
func TestForwardingsAreBounded(t *testing.T) {
	n := DefaultTrunk().Numbers
	many := strings.TrimSuffix(strings.Repeat("<sip:+15550100111@x>;reason=away, ", 500), ", ")
	if got := readDiversions([]sip.Header{{Name: "Diversion", Value: many}}, &n); len(got) != maxDiversions {
		t.Errorf("%d forwardings were kept, want %d", len(got), maxDiversions)
	}
	long := strings.TrimSuffix(strings.Repeat("<sip:+15550100111@x;cause=302>;index=1, ", 500), ", ")
	if got := readDiversions([]sip.Header{{Name: "History-Info", Value: long}}, &n); len(got) > maxDiversions {
		t.Errorf("%d forwardings were kept, want at most %d", len(got), maxDiversions)
	}
}

// Forwardings are written in the form the trunk wants, with our host, and those
// who hide only to a trusted peer.
func TestForwardingsAreWrittenAsTheTrunkWants(t *testing.T) {
	ds := []Diversion{
		{Number: "+15550100111", Reason: "user-busy", Count: 1},
		{Number: "+15550100112", Reason: "no-answer", Count: 2, Private: true},
	}
	for _, tc := range []struct {
		why     string
		form    Diverting
		trusted bool
		want    []string
	}{
		{"off", DivertingOff, true, nil},
		{"Diversion", DivertingDiversion, true, []string{
			"Diversion: <sip:+15550100112@gw>;reason=no-answer;counter=2;privacy=full",
			"Diversion: <sip:+15550100111@gw>;reason=user-busy;counter=1;privacy=off",
		}},
		{"Diversion to a stranger", DivertingDiversion, false, []string{
			"Diversion: <sip:+15550100111@gw>;reason=user-busy;counter=1;privacy=off",
		}},
		{"History-Info", DivertingHistory, true, []string{
			"History-Info: <sip:+15550100111@gw>;index=1",
			"History-Info: <sip:+15550100112@gw;cause=486?Privacy=history>;index=1.1;mp=1",
			"History-Info: <sip:+15550100199@gw;cause=408>;index=1.1.1;mp=1.1",
		}},
	} {
		trunk := one(t, namedTrunk("east", "192.0.2.2", func(c *TrunkConfig) {
			c.Identity.Diversion, c.Identity.Trusted = tc.form, tc.trusted
		}))
		got := lines(trunk.diverted(ds, "+15550100199", "gw"))
		if strings.Join(got, "\n") != strings.Join(tc.want, "\n") {
			t.Errorf("%s:\n%s\nwant\n%s", tc.why, strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
	}
}

// What was written as either header reads back as it was.
func TestForwardingsSurviveConversion(t *testing.T) {
	ds := []Diversion{
		{Number: "+15550100111", Display: `A "B"`, Reason: "user-busy", Count: 1, Private: true},
		{Number: "+15550100112", Reason: "unconditional", Count: 1},
	}
	for _, form := range []Diverting{DivertingDiversion, DivertingHistory} {
		trunk := one(t, namedTrunk("east", "192.0.2.2", func(c *TrunkConfig) {
			c.Identity.Diversion, c.Identity.Trusted = form, true
		}))
		n := trunk.cfg.Numbers
		if got := readDiversions(trunk.diverted(ds, "+15550100199", "gw"), &n); !slices.Equal(got, ds) {
			t.Errorf("%s: %+v, want %+v", form, got, ds)
		}
	}
}

// Whatever stands in Diversion or History-Info, what we write of it has no line
// break, is bounded and reads back.
func FuzzDiversion(f *testing.F) {
	for _, s := range []string{
		`<sip:+15550100112@x>;reason=no-answer, <sip:+15550100111@x>;reason=user-busy;counter=1`,
		`<sip:+15550100111@x?Reason=SIP%3Bcause%3D486&Privacy=history>;index=1, <sip:b@x;cause=302>;index=1.1`,
		`"a\"b,<" <sip:c@d>;reason="x;y"`, `<sip:%0d%0a@x>;reason=away`, `<`, `"`, `,`, `;`,
	} {
		f.Add(s)
	}
	cfg := DefaultConfig()
	for _, form := range []Diverting{DivertingDiversion, DivertingHistory} {
		cfg.Trunks = append(cfg.Trunks, namedTrunk(string(form), "", trusting, func(c *TrunkConfig) {
			c.Identity.Diversion = form
			c.Peer.Names = []string{string(form)}
		}))
	}
	d, err := NewDialplan(cfg, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, value string) {
		for _, name := range []string{"Diversion", "History-Info"} {
			for _, trunk := range d.Trunks.All() {
				n := trunk.cfg.Numbers
				ds := readDiversions([]sip.Header{{Name: name, Value: value}}, &n)
				if len(ds) > maxDiversions {
					t.Fatalf("%d forwardings of %q", len(ds), value)
				}
				written := trunk.diverted(ds, "+15550100199", "gw")
				for _, h := range written {
					if !isHeaderText(h.Value) {
						t.Fatalf("%q of %q has a control character", h.Value, value)
					}
				}
				if again := readDiversions(written, &n); len(again) != len(ds) {
					t.Fatalf("%+v was written as %q and reads as %+v", ds, lines(written), again)
				}
			}
		}
	})
}

// A Request-URI that says who forwarded and why is read where no header does,
// and written where the trunk wants it. RFC 4458 §2.
func TestForwardingInTheRequestURIIsReadAndWritten(t *testing.T) {
	west := one(t, namedTrunk("west", "192.0.2.1", trusting))
	for uri, want := range map[string]Diversion{
		"sip:vm@gw;target=sip:+15550100122%40x;cause=486":   {Number: "+15550100122", Reason: "user-busy", Count: 1},
		"sip:vm@gw;cause=408;target=tel:+1-555-010-0122":    {Number: "+15550100122", Reason: "no-answer", Count: 1},
		"sip:vm@gw;target=sip:+15550100122%40x":             {Number: "+15550100122", Reason: "unknown", Count: 1},
		"sip:vm@gw;cause=486":                               {},
		"sip:vm@gw;target=sip:%250d%250aX@x;cause=486":      {},
		"sip:vm@gw;target=sip:anonymous%40x;cause=486":      {},
		"sip:vm@gw;target=sip:+15550100122%40x;cause=486;d": {Number: "+15550100111", Reason: "away", Count: 1},
	} {
		in := invite()
		if in.RequestURI = uri; strings.HasSuffix(uri, ";d") {
			in = invite("Diversion: <sip:+15550100111@x>;reason=away")
			in.RequestURI = uri
		}
		a, err := Arrive(west, in)
		if err != nil {
			t.Fatal(err)
		}
		if want != (Diversion{}) && !slices.Equal(a.Diversions, []Diversion{want}) || want == (Diversion{}) && len(a.Diversions) > 0 {
			t.Errorf("%s: %+v, want %+v", uri, a.Diversions, want)
		}
	}
	vm := one(t, namedTrunk("vm", "192.0.2.200", func(c *TrunkConfig) { c.Identity.Diversion = DivertingURI }))
	got := vm.divertedURI("sip:vm@h", []Diversion{{Number: "+1555", Reason: "away"}, {Number: "+1556", Reason: "user-busy"}}, "gw.example")
	if want := "sip:vm@h;target=sip%3A%2B1556%40gw.example;cause=486"; got != want {
		t.Errorf("written %s, want %s", got, want)
	}
}
