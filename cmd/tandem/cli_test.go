package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc/admin"
)

// A gateway is a process that answers on an admin socket and notes what it was
// asked.
type gateway struct {
	socket string
	asked  []string
}

// newGateway answers each request with the text of answers under its path.
func newGateway(t *testing.T, answers map[string]string) *gateway {
	t.Helper()
	g := &gateway{socket: filepath.Join(t.TempDir(), "admin.sock")}
	l, err := net.Listen("unix", g.socket)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked = append(g.asked, r.Method+" "+r.URL.String())
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			answer = `{"title":"Not Found","status":404,"detail":"there is none"}`
		}
		_, _ = w.Write([]byte(answer))
	}))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return g
}

// tandem runs the command line and returns what it wrote.
func tandem(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var b strings.Builder
	cmd := root()
	cmd.SetOut(&b)
	cmd.SetErr(&b)
	cmd.SetArgs(args)
	err := cmd.ExecuteContext(t.Context())
	return b.String(), err
}

// write puts a file into a directory of the test.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tandem.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// The calls of the running process are a table, or JSON.
func TestCallsAreListed(t *testing.T) {
	g := newGateway(t, map[string]string{
		"/v1/calls": `{"calls":[{"id":"abc","state":"answered","seconds":65,"caller":"+1555","called":"+1666",
			"a":{"trunk":"west","codec":"PCMU/8000"},"b":{"trunk":"east","codec":"opus/48000"}}]}`,
	})
	got, err := tandem(t, "calls", "--socket", g.socket, "--trunk", "west")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"abc", "answered", "1:05", "west", "PCMU/8000 > opus/48000", "1 in progress"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if g.asked[0] != "GET /v1/calls?trunk=west" {
		t.Errorf("asked %q", g.asked)
	}
	got, err = tandem(t, "calls", "--socket", g.socket, "-o", "json")
	var list []admin.Call
	if err != nil || json.Unmarshal([]byte(got), &list) != nil || len(list) != 1 {
		t.Errorf("%v\n%s", err, got)
	}
	if _, err = tandem(t, "calls", "--socket", g.socket, "-o", "xml"); err == nil {
		t.Error("-o xml was taken")
	}
}

// Commands reach their operation; what the API refuses is said.
func TestCommandsReachTheAPI(t *testing.T) {
	g := newGateway(t, map[string]string{
		"/v1/calls/a@b": `{"id":"x","invited":"2026-01-02T03:04:05Z"}`, "/v1/calls/a@b/transfer": "", "/v1/calls/a@b/digits": "",
		"/v1/reload": `{"applied":["trunks"],"restart":["media.port_min"]}`,
		"/v1/trunks": `{"trunks":[]}`, "/v1/records": `{"records":[]}`, "/healthz": `{"status":"ok"}`,
	})
	for _, args := range [][]string{
		{"call", "a@b"},
		{"hangup", "a@b"},
		{"transfer", "a@b", "+1777"},
		{"digits", "a@b", "123#", "--side", "caller"},
		{"reload"},
		{"trunks"},
		{"cdr", "--trunk", "west", "--failed", "--since", "2026-01-02T00:00:00Z"},
		{"health"},
	} {
		if got, err := tandem(t, append(args, "--socket", g.socket)...); err != nil {
			t.Errorf("%v: %v %s", args, err, got)
		}
	}
	want := []string{
		"GET /v1/calls/a@b", "DELETE /v1/calls/a@b", "POST /v1/calls/a@b/transfer", "POST /v1/calls/a@b/digits", "POST /v1/reload", "GET /v1/trunks",
		"GET /v1/records?failed=true&since=2026-01-02T00%3A00%3A00Z&trunk=west", "GET /healthz",
	}
	if strings.Join(g.asked, "\n") != strings.Join(want, "\n") {
		t.Errorf("asked\n%s\nwant\n%s", strings.Join(g.asked, "\n"), strings.Join(want, "\n"))
	}
	if _, err := tandem(t, "hangup", "none", "--socket", g.socket); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("hangup of nothing: %v", err)
	}
}

// What steers a call says what was done, in words or as JSON.
func TestSteeringSaysWhatWasDone(t *testing.T) {
	g := newGateway(t, map[string]string{"/v1/calls/x": "", "/v1/calls/x/transfer": "", "/v1/calls/x/digits": ""})
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"hangup", "x"}, "call x is being ended\n"},
		{[]string{"hangup", "x", "-o", "json"}, `"done": "hangup"`},
		{[]string{"transfer", "x", "+1777"}, "the caller side of call x is being handed to +1777: tandem call x says how it goes\n"},
		{[]string{"transfer", "x", "+1777", "--side", "called", "-o", "json"}, `"side": "called"`},
		{[]string{"digits", "x", "12#"}, "the called side of call x is being sent 3 digits\n"},
	} {
		got, err := tandem(t, append(tc.args, "--socket", g.socket)...)
		if err != nil || !strings.Contains(got, tc.want) {
			t.Errorf("%v: %v, said %s", tc.args, err, got)
		}
	}
}

// What is mistyped or missing is named, with what may be meant.
func TestMistakesAreNamed(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"cals"}, `there is no command "cals", did you mean "calls"?`},
		{[]string{"zzzzzz"}, `there is no command "zzzzzz"`},
		{[]string{"call", ""}, "the ID of a call is missing"},
		{[]string{"call"}, "the ID of a call is missing"},
		{[]string{"hangup", " "}, "the ID of a call is missing"},
		{[]string{"transfer", "x"}, "a number is missing"},
		{[]string{"call", "x", "y"}, `"y" is one argument too many`},
	} {
		if _, err := tandem(t, tc.args...); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v: %v, want %q", tc.args, err, tc.want)
		}
	}
	if got, err := tandem(t, "--version"); err != nil || got != "tandem dev\n" {
		t.Errorf("version: %v %q", err, got)
	}
}

// Completion offers the calls and the trunks of the running process, and nothing
// where none runs.
func TestCompletionKnowsTheRunningProcess(t *testing.T) {
	g := newGateway(t, map[string]string{
		"/v1/calls":  `{"calls":[{"id":"abc","caller":"+1555","called":"+1666"}]}`,
		"/v1/trunks": `{"trunks":[{"name":"west"},{"name":"east"}]}`,
	})
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"call", ""}, "abc\t+1555 to +1666\n"},
		{[]string{"hangup", ""}, "abc\t"},
		{[]string{"transfer", ""}, "abc\t"},
		{[]string{"calls", "--trunk", ""}, "west\neast\n"},
		{[]string{"cdr", "--trunk", ""}, "west\neast\n"},
	} {
		got, err := tandem(t, append([]string{"__complete", "--socket", g.socket}, tc.args...)...)
		if err != nil || !strings.HasPrefix(got, tc.want) {
			t.Errorf("%v: %v, offered\n%s", tc.args, err, got)
		}
	}
	none := filepath.Join(t.TempDir(), "none.sock")
	if got, err := tandem(t, "__complete", "--socket", none, "call", ""); err != nil || !strings.HasPrefix(got, ":4\n") {
		t.Errorf("without a process: %v, offered\n%s", err, got)
	}
}

// The JSON of a check has no Go in it: keys in snake case, and a list where there
// is nothing.
func TestCheckIsWrittenAsJSON(t *testing.T) {
	file := write(t, "log: {levell: info}\n")
	got, err := tandem(t, "check", "-o", "json", file)
	var out struct {
		Good     bool
		Findings []map[string]any
	}
	if err == nil || json.Unmarshal([]byte(got), &out) != nil || len(out.Findings) != 1 {
		t.Fatalf("%v\n%s", err, got)
	}
	for _, key := range []string{"file", "line", "column", "key", "text", "excerpt"} {
		if out.Findings[0][key] == nil {
			t.Errorf("no %q in %v", key, out.Findings[0])
		}
	}
	file = write(t, "sip: {listeners: [{name: udp, transport: udp, address: \"127.0.0.1:5060\"}]}\n")
	if got, err = tandem(t, "check", "-o", "json", file); err != nil || !strings.Contains(got, `"findings": []`) {
		t.Errorf("%v\n%s", err, got)
	}
}

// A reload says what it applied and what waits for a restart.
func TestReloadSaysWhatCameOfIt(t *testing.T) {
	g := newGateway(t, map[string]string{"/v1/reload": `{"applied":["trunks","routes"],"restart":["media.port_min"]}`})
	got, err := tandem(t, "reload", "--socket", g.socket)
	if want := "applied to new calls: trunks, routes\nafter a restart only: media.port_min\n"; err != nil || got != want {
		t.Errorf("%v, said\n%s", err, got)
	}
	g = newGateway(t, map[string]string{"/v1/reload": `{"applied":[],"restart":[]}`})
	if got, err = tandem(t, "reload", "--socket", g.socket); err != nil || got != "read again: nothing to apply has changed\n" {
		t.Errorf("%v, said\n%s", err, got)
	}
	if got, err = tandem(t, "reload", "-o", "json", "--socket", g.socket); err != nil || !strings.Contains(got, `"applied": []`) {
		t.Errorf("%v, said\n%s", err, got)
	}
}

// Where nobody answers, the error says what to do.
func TestNobodyThereIsExplained(t *testing.T) {
	_, err := tandem(t, "calls", "--socket", filepath.Join(t.TempDir(), "none.sock"))
	if err == nil || !strings.Contains(err.Error(), "start one with") {
		t.Errorf("error is %v", err)
	}
}

// A good file is said to be good, a bad one shown with place and exit code.
func TestCheckSaysWhatIsWrong(t *testing.T) {
	listener := "sip: {listeners: [{name: udp, transport: udp, address: \"127.0.0.1:5060\"}]}\n"
	good := write(t, listener+"trunks:\n  - name: carrier\n    profile: vonage\n    peer: {host: sip.example.com}\n")
	got, err := tandem(t, "check", good)
	if err != nil || !strings.Contains(got, "is good: 1 listeners, 1 trunks, 0 routes") {
		t.Errorf("%v\n%s", err, got)
	}
	got, err = tandem(t, "check", good, "--trunk", "carrier")
	if err != nil || !strings.Contains(got, "form: plain") || !strings.Contains(got, "codecs: [PCMA, PCMU, G722]") {
		t.Errorf("%v\n%s", err, got)
	}
	bad := write(t, "trunks:\n  - name: carrier\n    peer: {hots: sip.example.com}\n")
	got, err = tandem(t, "check", bad)
	if err == nil || !strings.Contains(got, bad+":3:12: trunks[0].peer.hots: unknown key, did you mean \"host\"?") {
		t.Errorf("%v\n%s", err, got)
	}
	got, err = tandem(t, "check", bad, "-o", "json")
	var out checked
	if err == nil || json.Unmarshal([]byte(got), &out) != nil || out.Good || out.Findings[0].Line != 3 {
		t.Errorf("%v\n%s", err, got)
	}
}

// Ports are listed with their purpose.
func TestPortsAreListed(t *testing.T) {
	got, err := tandem(t, "ports")
	if err != nil || !strings.Contains(got, "127.0.0.1:5060") || !strings.Contains(got, "127.0.0.1:16384-16983") {
		t.Errorf("%v\n%s", err, got)
	}
}

// The doctor says what is wrong with the machine and what to do.
func TestDoctorNamesTheCure(t *testing.T) {
	cfg, err := config.Demo()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Limits.Calls = 1000
	for _, s := range (patient{cfg: cfg, rmemMax: 4 << 20, files: 1 << 20}).symptoms() {
		if !s.Good {
			t.Errorf("healthy: %+v", s)
		}
	}
	cfg.Media.Address = netip.IPv4Unspecified()
	ill := map[string]string{"udp buffers": "sysctl", "open files": "ulimit -n 4256", "clock": "chrony", "media": "media.advertise"}
	for _, s := range (patient{cfg: cfg, rmemMax: 212992, files: 1024, unsynced: true}).symptoms() {
		if want := ill[s.Name]; want != "" && (s.Good || !strings.Contains(s.Text, want)) {
			t.Errorf("ill: %+v", s)
		}
	}
}

// Every command explains itself, in the man pages too.
func TestManPagesAreWritten(t *testing.T) {
	dir := t.TempDir()
	if _, err := tandem(t, "man", dir); err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{"tandem.1", "tandem-run.1", "tandem-check.1", "tandem-calls.1", "tandem-cdr.1"} {
		if b, err := os.ReadFile(filepath.Join(dir, page)); err != nil || len(b) < 300 {
			t.Errorf("%s: %d bytes, %v", page, len(b), err)
		}
	}
	if got, err := tandem(t, "completion", "bash"); err != nil || !strings.Contains(got, "tandem") {
		t.Errorf("completion: %v", err)
	}
}

// Times are read as people write them.
func TestTimesAreReadAsWritten(t *testing.T) {
	now := t0()
	for s, want := range map[string]time.Time{
		"2h": now.Add(-2 * time.Hour), "-30m": now.Add(-30 * time.Minute),
		"2026-01-31T12:00:00Z": time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
		"2026-01-31":           time.Date(2026, 1, 31, 0, 0, 0, 0, time.Local),
	} {
		if got, err := when(s, now); err != nil || !got.Equal(want) {
			t.Errorf("when(%q) = %v, %v", s, got, err)
		}
	}
	if _, err := when("yesterday", now); err == nil {
		t.Error("yesterday was taken")
	}
}
