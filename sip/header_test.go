package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

func TestURIsAreReadAndWritten(t *testing.T) {
	for s, want := range map[string]URI{
		"sip:192.0.2.1":                    {Scheme: "sip", Host: "192.0.2.1"},
		"SIP:a@example.com":                {Scheme: "sip", User: "a", Host: "example.com"},
		"sips:a:b@example.com:5061":        {Scheme: "sips", User: "a", Password: "b", Host: "example.com", Port: 5061},
		"sip:[2001:db8::1]:5060;lr":        {Scheme: "sip", Host: "2001:db8::1", Port: 5060, Params: ";lr"},
		"sip:+1555@h;user=phone?X=1":       {Scheme: "sip", User: "+1555", Host: "h", Params: ";user=phone", Headers: "X=1"},
		"tel:+1-555-0100;ext=7":            {Scheme: "tel", User: "+1-555-0100", Params: ";ext=7"},
		"sip:+1555;cpc=ordinary@h":         {Scheme: "sip", User: "+1555;cpc=ordinary", Host: "h"},
		"sip:a@h;transport=tcp;maddr=10.1": {Scheme: "sip", User: "a", Host: "h", Params: ";transport=tcp;maddr=10.1"},
	} {
		u, err := ParseURI(s)
		if err != nil || u != want {
			t.Errorf("%s: %+v, %v", s, u, err)
		}
		if back, err := ParseURI(u.String()); err != nil || back != u {
			t.Errorf("%s written as %s", s, u)
		}
	}
	for _, s := range []string{
		"", "sip:", "sip:@", "192.0.2.1", "sip:a@b:0", "sip:a@b:70000", "sip:a@b:x", "sip:[::1", "sip:[x]", "sip:a b@c", "sip:a@b\r\n",
		"tel:", "tel:;x", "http://a", "sip:" + strings.Repeat("a", 3000), "sip:a@[::1]x",
	} {
		if u, err := ParseURI(s); err == nil {
			t.Errorf("%.30q is read as %+v", s, u)
		}
	}
}

func TestURITellsNumberAndDestination(t *testing.T) {
	u, _ := ParseURI("tel:+1-(555)-010.0")
	if u.Number() != "+15550100" || !u.Phone() {
		t.Errorf("number %q", u.Number())
	}
	u, _ = ParseURI("sip:+1555;ext=1@h;user=phone")
	if u.Number() != "+1555" || !u.Phone() {
		t.Errorf("number %q", u.Number())
	}
	u, _ = ParseURI("sips:h:99;transport=WS")
	if d := u.Destination(); d != (transport.Destination{Host: "h", Port: 99, Kind: transport.WS, Secure: true}) {
		t.Errorf("destination %+v", d)
	}
}

func TestAddressesAreReadAndWritten(t *testing.T) {
	for s, want := range map[string]Address{
		`"A \"B\" C" <sip:a@b;x=y>;tag=1`: {`A "B" C`, "sip:a@b;x=y"},
		`Anne <sip:a@b>`:                  {"Anne", "sip:a@b"},
		`<tel:+1>`:                        {"", "tel:+1"},
		`sip:a@b;tag=1`:                   {"", "sip:a@b"},
	} {
		a, err := ParseAddress(s)
		if err != nil || a != want {
			t.Errorf("%s: %+v, %v", s, a, err)
		}
		if back, err := ParseAddress(a.String()); err != nil || back != a {
			t.Errorf("%s written as %s", s, a)
		}
	}
	for _, s := range []string{"", `"a`, "<sip:a", "< >", "a b"} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("%q is read as %+v", s, a)
		}
	}
}

func TestHeaderViewsRefuseNonsense(t *testing.T) {
	if v, err := parseSessionExpires("1800 ; refresher=UAS"); err != nil || v != (sessionExpires{30 * time.Minute, "uas"}) {
		t.Errorf("%+v, %v", v, err)
	}
	for _, s := range []string{"", "0", "x", "90;refresher=me", "-1", "99999999999"} {
		if _, err := parseSessionExpires(s); err == nil {
			t.Errorf("Session-Expires %q is read", s)
		}
	}
	if v, err := parseRAck("776656 1 INVITE"); err != nil || v != (rack{776656, 1, "INVITE"}) {
		t.Errorf("%+v, %v", v, err)
	}
	for _, s := range []string{"", "1 2", "1 2 3 4", "x 1 INVITE", "1 99999999999 INVITE"} {
		if _, err := parseRAck(s); err == nil {
			t.Errorf("RAck %q is read", s)
		}
	}
	for _, s := range []string{"", "a", "a;to-tag=1", ";to-tag=1;from-tag=2", "a b;to-tag=1;from-tag=2"} {
		if _, err := ParseReplaces(s); err == nil {
			t.Errorf("Replaces %q is read", s)
		}
	}
}

func TestReasonIsReadAndWritten(t *testing.T) {
	for s, want := range map[string]Cause{
		`Q.850;cause=17;text="User busy"`:                      {486, 17, "User busy"},
		`SIP;cause=200;text="Call completed elsewhere"`:        {200, 0, "Call completed elsewhere"},
		`SIP ;cause=600 ;text="a; b, \"c\"", Q.850;cause=21`:   {600, 21, `a; b, "c"`},
		`Q.850 ; cause = 16`:                                   {200, 16, "OK"},
		`foo;cause=1, Q.850;cause=999, q.850;cause=34;x="y,z"`: {503, 34, "Service Unavailable"},
	} {
		if got, ok := ParseReason(s); !ok || got != want {
			t.Errorf("%s: %+v, %v", s, got, ok)
		}
	}
	for _, s := range []string{"", ";", "Q.850", "Q.850;cause=", "SIP;cause=1", `"`, strings.Repeat(",", 1000)} {
		if c, ok := ParseReason(s); ok {
			t.Errorf("%.20q is read as %+v", s, c)
		}
	}
	for _, c := range []Cause{Normal(), Refusal(486), {500, 41, "say \"no\"\\"}, {500, 41, "a\r\nb"}} {
		got, ok := ParseReason(c.Reason())
		if !ok || got.Q850 != c.Q850 || !validValue(c.Reason()) {
			t.Errorf("%+v written as %q", c, c.Reason())
		}
	}
	if s := (Cause{Status: 302}).Reason(); s != "" {
		t.Errorf("Reason %q without a Q.850 cause", s)
	}
}

// The table goes both ways without surprises.
func TestEveryCauseHasStatusAndText(t *testing.T) {
	for q := 1; q < 128; q++ {
		c := FromQ850(q)
		if c.Status != 200 && (c.Status < 400 || c.Status > 699) || c.Text == "" || c.Q850 != q {
			t.Errorf("Q.850 %d: %+v", q, c)
		}
	}
	for status := 400; status < 700; status++ {
		c := Refusal(status)
		if c.Q850 < 1 || c.Q850 > 127 || c.Text == "" || c.Status != status {
			t.Errorf("status %d: %+v", status, c)
		}
	}
	for status, q := range map[int]int{486: 17, 404: 1, 480: 18, 503: 41, 487: 16, 408: 102, 603: 21, 484: 28, 488: 65} {
		if got := Refusal(status).Q850; got != q {
			t.Errorf("status %d: Q.850 %d, want %d", status, got, q)
		}
	}
	if got := Refusal(486).Error(); got != "486 Busy Here" {
		t.Errorf("error %q", got)
	}
}

func TestCredentialsDoNotPrintThePassword(t *testing.T) {
	c := LegConfig{Credentials: Credentials{Username: "u", Password: "hunter2"}}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c)} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("printed: %s", s)
		}
	}
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	bad := Config{Software: "a\r\nb", Strangers: "hello"}
	err := bad.Validate()
	for _, key := range []string{"t1:", "max_legs:", "max_forks:", "max_linger:", "strangers:", "software:"} {
		if err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%v does not name %s", err, key)
		}
	}
}

func TestAllowAndSupportedFollowTheConfiguration(t *testing.T) {
	for _, c := range []struct {
		cfg            LegConfig
		allow, support []string
	}{
		{LegConfig{}, nil, []string{""}},
		{LegConfig{Reliable: ReliableSupported, Update: true, Refer: true}, []string{"PRACK", "UPDATE", "REFER"}, []string{"100rel"}},
		{LegConfig{Reliable: ReliableSilent, Session: SessionTimer{Mode: SessionAccept}}, []string{"PRACK"}, []string{"timer"}},
		{LegConfig{Update: true, Replaces: true}, []string{"UPDATE"}, []string{"replaces"}},
		{LegConfig{Refer: true, Update: true}, []string{"UPDATE", "REFER"}, []string{""}},
		{LegConfig{Reliable: ReliableRequired, Refer: true, Replaces: true}, []string{"PRACK", "REFER"}, []string{"100rel", "replaces"}},
	} {
		got := strings.Split(allow(&c.cfg), ", ")[7:]
		if !slices.Equal(got, c.allow) && len(got)+len(c.allow) > 0 {
			t.Errorf("%+v allows %v", c.cfg, got)
		}
		if got := strings.Split(supported(&c.cfg), ", "); !slices.Equal(got, c.support) {
			t.Errorf("%+v supports %v", c.cfg, got)
		}
	}
}
