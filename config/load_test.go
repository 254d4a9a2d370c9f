package config

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sbc"
)

// load reads source as if it were tandem.yaml, with the environment env.
func load(t *testing.T, source string, env map[string]string) (Config, Errors) {
	t.Helper()
	c, err := parseConfig("tandem.yaml", []byte(source), env)
	if err == nil {
		return c, nil
	}
	var all Errors
	if !errors.As(err, &all) {
		t.Fatalf("error is %T: %v", err, err)
	}
	return c, all
}

// wantFinding fails unless exactly one finding begins and ends as said.
func wantFinding(t *testing.T, all Errors, place, text string) {
	t.Helper()
	if len(all) != 1 {
		t.Fatalf("%d findings, want one: %v", len(all), all)
	}
	if got := all[0].Error(); !strings.HasPrefix(got, place) || !strings.Contains(got, text) {
		t.Errorf("finding is\n  %s\nwant it to begin with %q and to say %q", got, place, text)
	}
}

// An empty file, or one of comments, is the defaults.
func TestEmptyFileIsTheDefaults(t *testing.T) {
	for _, source := range []string{"", "# nothing\n", "---\n", "log:\n", "log:\n  level:\n"} {
		c, all := load(t, source, nil)
		if all != nil {
			t.Fatalf("%q: %v", source, all)
		}
		if !reflect.DeepEqual(c, DefaultConfig()) {
			t.Errorf("%q: %+v", source, c)
		}
	}
}

// The file wins over the default, the environment over the file.
func TestEnvironmentWinsOverFileOverDefault(t *testing.T) {
	source := "log:\n  level: debug\n  format: json\nsip:\n  streams:\n    idle_timeout: 90s\n"
	c, all := load(t, source, map[string]string{
		"TANDEM_LOG_FORMAT": "text", "TANDEM_SIP_GATE_BURST": "7", "TANDEM_SIP_DNS_SERVERS": "192.0.2.1, 192.0.2.2",
	})
	if all != nil {
		t.Fatal(all)
	}
	want := DefaultConfig()
	want.Log = Log{Level: slog.LevelDebug, Format: FormatText}
	want.SIP.Streams.IdleTimeout = 90 * time.Second
	want.SIP.Gate.Burst = 7
	want.SIP.DNS.Servers = []string{"192.0.2.1", "192.0.2.2"}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

// Lists of sections are read element by element, texts as they are written.
func TestListsAndTextsAreReadAsWritten(t *testing.T) {
	c, all := load(t, `
sip:
  listeners:
    - name: no
      transport: udp
      address: 127.0.0.1:5060
      origins: [+1555, 0x10, "quoted"]
    - {name: second, transport: tcp, address: "[::1]:5060"}
`, nil)
	if all != nil {
		t.Fatal(all)
	}
	l := c.SIP.Listeners
	if len(l) != 2 || l[0].Name != "no" || l[1].Address != "[::1]:5060" {
		t.Fatalf("listeners are %+v", l)
	}
	if got, want := strings.Join(l[0].Origins, " "), "+1555 0x10 quoted"; got != want {
		t.Errorf("origins are %q, want %q", got, want)
	}
}

// What is wrong is named with its place, its line and what was expected.
func TestFindingsNameTheirPlace(t *testing.T) {
	for name, tc := range map[string]struct{ source, place, text string }{
		"unknown key": {"log:\n  levell: info\n", "tandem.yaml:2:3: log.levell", `did you mean "level"?`},
		"key of another section": {
			"idle_timeout: 3s\n", "tandem.yaml:1:1: idle_timeout", `did you mean "sip.streams.idle_timeout"?`,
		},
		"unlike any key": {"log:\n  zzzzzzzz: 1\n", "tandem.yaml:2:3: log.zzzzzzzz", "expected one of format, level"},
		"key cut short":  {"trunks:\n  - name: a\n    login:\n      use: []\n", "tandem.yaml:4:7: trunks[0].login.use", `did you mean "users"?`},
		"key of others":  {"trunks:\n  - name: a\n    peer: {host: h}\n    auth: {user: u}\n", "tandem.yaml:4:12: trunks[0].auth.user", `did you mean "username"?`},
		"trunk nearly right": {
			"trunks:\n  - name: carrier\n    peer: {host: h}\nroutes:\n  - targets: [{trunk: carier}]\n",
			"tandem.yaml:5:23: routes[0].targets[0].trunk", `there is no trunk "carier", did you mean "carrier"?`,
		},
		"bad duration": {
			"sip:\n  streams:\n    idle_timeout: soon\n", "tandem.yaml:3:19: sip.streams.idle_timeout", `"soon" is not a duration`,
		},
		"bad number":  {"process:\n  gc_percent: a\n", "tandem.yaml:2:15: process.gc_percent", `"a" is not a whole number`},
		"room's rule": {"process:\n  gc_percent: 1\n", "tandem.yaml:2:15: process.gc_percent", "not within 10 and 10000"},
		"rule in a list": {
			"sip:\n  listeners:\n    - name: a\n      transport: udp\n      address: nonsense\n",
			"tandem.yaml:5:16: sip.listeners[0].address", `"nonsense" is not address:port`,
		},
		"twice":           {"log:\n  level: info\n  level: warn\n", "tandem.yaml:3:3: log.level", "first on line 2"},
		"section wanted":  {"log: info\n", "tandem.yaml:1:6: log", "expected a section of keys"},
		"list wanted":     {"sip:\n  listeners: 7\n", "tandem.yaml:2:14: sip.listeners", "expected a list"},
		"not YAML":        {"log:\n  level: [info\n", "tandem.yaml:", "not YAML"},
		"anchors":         {"log: &a\n  level: info\n", "tandem.yaml:1:6: log", "anchors, aliases and tags are not read"},
		"second document": {"log:\n  level: info\n---\nlog:\n", "tandem.yaml:4:", "second document"},
	} {
		t.Run(name, func(t *testing.T) {
			_, all := load(t, tc.source, nil)
			wantFinding(t, all, tc.place, tc.text)
		})
	}
}

// A trunk begins with the values of its profile, whatever the order of its keys.
func TestTrunkBeginsWithItsProfile(t *testing.T) {
	c, all := load(t, `
trunks:
  - name: carrier
    peer: {host: sip.example.com, addresses: [192.0.2.10, 198.51.100.0/24]}
    auth: {username: u, password: p}
    media: {ptime: 30}
    profile: vonage
routes:
  - match: {prefixes: [+1555, 0044]}
    targets:
      - trunk: carrier
`, nil)
	if all != nil {
		t.Fatal(all)
	}
	want := sbc.ProfileTrunk(sbc.ProfileVonage)
	want.Name = "carrier"
	want.Peer.Host, want.Peer.Addresses = "sip.example.com", []string{"192.0.2.10", "198.51.100.0/24"}
	want.Auth = sbc.AuthConfig{Username: "u", Password: secret.New("p")}
	want.Media.Ptime = 30
	if !reflect.DeepEqual(c.Trunks, []sbc.TrunkConfig{want}) {
		t.Errorf("got  %+v\nwant %+v", c.Trunks, want)
	}
	if got := c.Routes[0].Match.Prefixes; !reflect.DeepEqual(got, []string{"+1555", "0044"}) {
		t.Errorf("prefixes are %q", got)
	}
}

// A secret may be in a file of its own; given twice, or unreadable, it is a
// finding. No excerpt shows one.
func TestSecretComesFromItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(path, []byte("hunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	trunk := "trunks:\n  - name: a\n    peer: {host: h}\n    auth:\n      username: u\n"
	c, all := load(t, trunk+"      password_file: "+path+"\n", nil)
	if all != nil || c.Trunks[0].Auth.Password.Reveal() != "hunter2" {
		t.Errorf("password %q, %v", c.Trunks[0].Auth.Password.Reveal(), all)
	}
	_, all = load(t, trunk+"      password: hunter3\n      password_file: "+path+"\n", nil)
	wantFinding(t, all, "tandem.yaml:7:7: trunks[0].auth.password_file", "given here and by password")
	if strings.Contains(all.Error(), "hunter3") {
		t.Errorf("the excerpt shows the secret:\n%s", all.Error())
	}
	_, all = load(t, trunk+"      password_file: "+path+".none\n", nil)
	wantFinding(t, all, "tandem.yaml:6:22: trunks[0].auth.password_file", "no such file")
}

// Elements of a list must differ in name.
func TestNamesAreUnique(t *testing.T) {
	_, all := load(t, `
sip:
  listeners:
    - {name: a, transport: udp, address: "127.0.0.1:0"}
    - {name: a, transport: udp, address: "127.0.0.1:0"}
`, nil)
	wantFinding(t, all, "tandem.yaml:5:14: sip.listeners[1].name", "is the name of sip.listeners[0] already")
}

// One run reports everything, in the order of the file.
func TestAllFindingsAtOnce(t *testing.T) {
	_, all := load(t, "log:\n  levell: info\nprocess:\n  gc_percent: x\nnonsense: 1\n", nil)
	if len(all) != 3 || all[0].Line != 2 || all[1].Line != 4 || all[2].Line != 5 {
		t.Errorf("findings: %v", all)
	}
}

// The excerpt shows the line, the one before, and a mark under the column.
func TestExcerptMarksTheColumn(t *testing.T) {
	_, all := load(t, "log:\n  level: loud\n", nil)
	want := `tandem.yaml:2:10: log.level: "loud" is not "debug", "info", "warn" or "error"
     1 | log:
>    2 |   level: loud
       |          ^`
	if got := all.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A variable of the environment that cannot be read is named.
func TestEnvironmentIsChecked(t *testing.T) {
	_, all := load(t, "", map[string]string{"TANDEM_PROCESS_GC_PERCENT": "much"})
	wantFinding(t, all, "TANDEM_PROCESS_GC_PERCENT: ", `"much" is not a whole number`)
}

// Load reads a file, and says so when there is none, or nobody could call.
func TestLoadReadsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tandem.yaml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a file: %v", err)
	}
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log: {level: warn}\n")
	_, err := Load(path)
	if all, ok := errors.AsType[Errors](err); !ok || len(all) != 1 || all[0].Key != "sip.listeners" {
		t.Errorf("without a listener: %v", err)
	}
	write("log: {level: warn}\nsip:\n  listeners:\n    - {name: udp, transport: udp, address: \"127.0.0.1:0\"}\n")
	c, err := Load(path)
	if err != nil || c.Log.Level != slog.LevelWarn {
		t.Errorf("level %v, error %v", c.Log.Level, err)
	}
}
