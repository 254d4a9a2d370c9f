package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sbc"
)

// t0 is when the call of these tests began.
func t0() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// exchange is one call in progress, "one", which notes what is done to it.
type exchange struct {
	hungUp, transferred, dialled string
}

func (e *exchange) Calls() []sbc.CallView { return []sbc.CallView{view()} }
func (e *exchange) Call(id string) (sbc.CallView, bool) {
	return view(), id == "one"
}

func (e *exchange) Hangup(id string) bool {
	e.hungUp = id
	return id == "one"
}

func (e *exchange) Transfer(id, side, target string) bool {
	e.transferred = side + " " + target
	return id == "one"
}

func (e *exchange) Digits(id, side, digits string) bool {
	e.dialled = side + " " + digits
	return id == "one"
}

func view() sbc.CallView {
	return sbc.CallView{
		ID: "one", State: sbc.StateAnswered, Media: "forward",
		Record: sbc.CDR{
			ID: "one", Caller: "+1555", Called: "+1666", Invited: t0(), Answered: t0().Add(2 * time.Second),
			A: sbc.LegRecord{Trunk: "west", Codec: "PCMU/8000", Media: sbc.MediaRecord{Jitter: 1500 * time.Microsecond}},
			B: sbc.LegRecord{Trunk: "east"},
		},
		Events: []sbc.Event{{At: t0(), Kind: sbc.KindReceived, Leg: "A", Text: "INVITE", SDP: true}},
	}
}

// A request is sent to the API with these Deps, past the guard of a socket.
func send(t *testing.T, d Deps, method, path, body string) (int, string) {
	t.Helper()
	h := guard(newAPI(d, "test", func() time.Time { return t0().Add(12 * time.Second) }), false, secret.String{})
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// want sends a request and fails unless status and text are as said.
func want(t *testing.T, d Deps, method, path, body string, status int, text string) {
	t.Helper()
	code, got := send(t, d, method, path, body)
	if code != status || !strings.Contains(got, text) {
		t.Errorf("%s %s: %d %s\nwant %d and %s", method, path, code, got, status, text)
	}
}

// The list shows each call shortly, a single call has its timeline.
func TestCallsAreShown(t *testing.T) {
	d := Deps{Calls: &exchange{}, Verdict: func(sbc.CDR) string { return "fine" }}
	want(t, d, "GET", "/v1/calls", "", 200, `"seconds":10,`)
	want(t, d, "GET", "/v1/calls", "", 200, `"jitter_ms":1.5`)
	want(t, d, "GET", "/v1/calls?trunk=north", "", 200, `{"calls":[]}`)
	want(t, d, "GET", "/v1/calls/one", "", 200, `"events":[{"at":"2026-01-02T03:04:05Z","kind":"received","leg":"A","text":"INVITE","sdp":true}]`)
	want(t, d, "GET", "/v1/calls/one", "", 200, `"verdict":"fine"`)
	want(t, d, "GET", "/v1/calls/two", "", 404, "there is no call two")
	if _, got := send(t, d, "GET", "/v1/calls", ""); strings.Contains(got, "events") {
		t.Errorf("the list has timelines: %s", got)
	}
}

// A call that is over is found among the records.
func TestCallIsFoundInTheRecords(t *testing.T) {
	var asked RecordFilter
	d := Deps{Records: func(_ context.Context, f RecordFilter) ([]sbc.CDR, error) {
		asked = f
		if f.CallID == "gone" {
			return nil, nil
		}
		r := view().Record
		r.Ended, r.Status = t0().Add(time.Minute), 200
		return []sbc.CDR{r}, nil
	}}
	want(t, d, "GET", "/v1/calls/x@host", "", 200, `"state":"ended"`)
	d.Timeline = func(_ context.Context, id string) (sbc.Timeline, error) {
		return sbc.Timeline{ID: id, Events: []sbc.Event{{Kind: sbc.KindNote, Text: "of " + id}}}, nil
	}
	want(t, d, "GET", "/v1/calls/x@host", "", 200, `"text":"of `+view().Record.ID+`"`)
	want(t, d, "GET", "/v1/calls/gone", "", 404, "no record of it")
	want(t, d, "GET", "/v1/records?trunk=west&failed=true&status=486&limit=5&since=2026-01-02T00:00:00Z", "", 200, `"seconds":58`)
	if asked.Trunk != "west" || !asked.Failed || asked.Status != 486 || asked.Limit != 5 || asked.Since.Day() != 2 {
		t.Errorf("asked for %+v", asked)
	}
	want(t, Deps{}, "GET", "/v1/records", "", 404, "set records.path")
}

// Hanging up, transferring and digits reach the call and nothing else.
func TestCallsAreSteered(t *testing.T) {
	e := &exchange{}
	d := Deps{Calls: e}
	want(t, d, "DELETE", "/v1/calls/one", "", 204, "")
	want(t, d, "DELETE", "/v1/calls/two", "", 404, "no call")
	want(t, d, "POST", "/v1/calls/one/transfer", `{"target":"+1777","side":"called"}`, 204, "")
	if e.transferred != "called +1777" {
		t.Errorf("transferred %q", e.transferred)
	}
	want(t, d, "POST", "/v1/calls/one/transfer", `{"target":"+1777"}`, 204, "")
	if e.transferred != "caller +1777" {
		t.Errorf("transferred %q", e.transferred)
	}
	want(t, d, "POST", "/v1/calls/one/digits", `{"digits":"12#"}`, 204, "")
	if e.dialled != "called 12#" {
		t.Errorf("dialled %q", e.dialled)
	}
	want(t, d, "POST", "/v1/calls/two/digits", `{"digits":"1","side":"caller"}`, 404, "no call")
}

// What is not as the document says is refused before it reaches a call.
func TestBadRequestsAreRefused(t *testing.T) {
	e := &exchange{}
	d := Deps{Calls: e}
	for _, body := range []string{
		`{"target":""}`, `{"target":"+1777\r\nX: y"}`, `{"target":"a b"}`, `{}`, `{"target":"1","side":"both"}`,
		`{"target":"1","more":1}`, `not JSON`, `{"target":"` + strings.Repeat("1", 300) + `"}`,
	} {
		if code, got := send(t, d, "POST", "/v1/calls/one/transfer", body); code != 422 && code != 400 {
			t.Errorf("%s: %d %s", body, code, got)
		}
	}
	for _, body := range []string{
		`{"digits":""}`, `{"digits":"12E"}`, `{}`, `{"digits":"1","side":"both"}`, `{"digits":"` + strings.Repeat("1", 33) + `"}`,
	} {
		if code, got := send(t, d, "POST", "/v1/calls/one/digits", body); code != 422 {
			t.Errorf("%s: %d %s", body, code, got)
		}
	}
	if code, _ := send(t, d, "POST", "/v1/calls/one/transfer", strings.Repeat(" ", maxBody+1)); code != 413 {
		t.Errorf("a body above the bound: %d", code)
	}
	want(t, d, "GET", "/v1/calls?trank=west", "", 422, "trank")
	want(t, d, "GET", "/v1/records?limit=-1", "", 422, "limit")
	if e.transferred != "" || e.dialled != "" {
		t.Errorf("transferred %q, dialled %q", e.transferred, e.dialled)
	}
}

// A reload says what is wrong with the file.
func TestReloadSaysWhatIsWrong(t *testing.T) {
	d := Deps{Reload: func() (Reloaded, error) { return Reloaded{}, errors.New("tandem.yaml:3:1: nonsense") }}
	want(t, d, "POST", "/v1/reload", "", 422, "tandem.yaml:3:1: nonsense")
	d.Reload = func() (Reloaded, error) {
		return Reloaded{Applied: []string{"trunks"}, Restart: []string{}}, nil
	}
	want(t, d, "POST", "/v1/reload", "", 200, `{"applied":["trunks"],"restart":[]}`)
	want(t, Deps{}, "POST", "/v1/reload", "", 404, "no file")
}

// Health is 503 when something fails, and alarms alone are not failing.
func TestHealthMeansIt(t *testing.T) {
	state := Health{Status: "ok", Alarms: []Alarm{{Name: "trunk_down"}}}
	d := Deps{Health: func(time.Time) Health { return state }}
	want(t, d, "GET", "/healthz", "", 200, "trunk_down")
	state.Failing = []string{"no port is free"}
	want(t, d, "GET", "/healthz", "", 503, "no port is free")
}

// Views and the document of the API are served; pages for browsers are not.
func TestViewsAndDocumentAreServed(t *testing.T) {
	d := Deps{Metrics: http.NotFoundHandler(), Views: map[string]func() any{"ports": func() any { return map[string]int{"used": 3} }}}
	want(t, d, "GET", "/v1/views", "", 200, `["ports"]`)
	want(t, d, "GET", "/v1/views/ports", "", 200, `{"used":3}`)
	want(t, d, "GET", "/v1/views/none", "", 404, "none of that name")
	_, doc := send(t, d, "GET", "/openapi.json", "")
	var api struct{ Paths map[string]any }
	if err := json.Unmarshal([]byte(doc), &api); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/v1/calls", "/v1/calls/{id}", "/v1/calls/{id}/transfer", "/v1/calls/{id}/digits", "/v1/trunks", "/v1/records", "/v1/reload", "/healthz", "/metrics"} {
		if api.Paths[path] == nil {
			t.Errorf("%s is not in the document", path)
		}
	}
	want(t, d, "GET", "/docs", "", 404, "")
}

// The end of a self test is told with the address it began with.
func TestSelfTestIsEnded(t *testing.T) {
	ended := ""
	d := Deps{EndSelfTest: func(caller string) { ended = caller }}
	want(t, d, "DELETE", "/v1/selftest?caller=127.0.83.1:5060", "", 204, "")
	if ended != "127.0.83.1:5060" {
		t.Errorf("ended %q", ended)
	}
	want(t, d, "DELETE", "/v1/selftest", "", 422, "caller")
	want(t, Deps{}, "DELETE", "/v1/selftest?caller=x", "", 404, "no self test")
}

// Without the token a caller learns that the process is alive, and no more.
func TestLivenessNeedsNoToken(t *testing.T) {
	inner := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("details")) })
	token := secret.New("0123456789abcdef")
	for _, tc := range []struct {
		method, path, bearer string
		code                 int
		body                 string
	}{
		{"GET", "/healthz", "", 200, `{"status":"alive"}` + "\n"},
		{"GET", "/healthz", "wrong", 200, `{"status":"alive"}` + "\n"},
		{"GET", "/healthz", "0123456789abcdef", 200, "details"},
		{"GET", "/metrics", "", 401, "the token is missing or wrong\n"},
		{"GET", "/healthz/", "", 401, "the token is missing or wrong\n"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, nil)
		if tc.bearer != "" {
			r.Header.Set("Authorization", "Bearer "+tc.bearer)
		}
		w := httptest.NewRecorder()
		guard(inner, true, token).ServeHTTP(w, r)
		if w.Code != tc.code || w.Body.String() != tc.body {
			t.Errorf("%s with %q: %d %q, want %d %q", tc.path, tc.bearer, w.Code, w.Body, tc.code, tc.body)
		}
	}
}

// A browser gets nothing, whatever page it shows; nor does a rebound name, nor,
// where there is a token, a request without it.
func TestGuardKeepsBrowsersOut(t *testing.T) {
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	token := secret.New("0123456789abcdef")
	for _, tc := range []struct {
		name   string
		tcp    bool
		token  secret.String
		host   string
		header [2]string
		want   int
	}{
		{"socket", false, secret.String{}, "tandem", [2]string{}, 200},
		{"page over the socket", false, secret.String{}, "tandem", [2]string{"Origin", "https://evil.example"}, 403},
		{"loopback", true, secret.String{}, "127.0.0.1:8060", [2]string{}, 200},
		{"IPv6 loopback", true, secret.String{}, "[::1]:8060", [2]string{}, 200},
		{"localhost", true, secret.String{}, "localhost:8060", [2]string{}, 200},
		{"rebound name", true, secret.String{}, "evil.example:8060", [2]string{}, 403},
		{"page", true, secret.String{}, "127.0.0.1:8060", [2]string{"Origin", "http://127.0.0.1:8060"}, 403},
		{"form or image", true, secret.String{}, "127.0.0.1:8060", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"no token", true, token, "gw.example:8060", [2]string{}, 401},
		{"wrong token", true, token, "gw.example:8060", [2]string{"Authorization", "Bearer 0123456789abcdeg"}, 401},
		{"token of another scheme", true, token, "gw.example:8060", [2]string{"Authorization", "Basic 0123456789abcdef"}, 401},
		{"token", true, token, "gw.example:8060", [2]string{"Authorization", "Bearer 0123456789abcdef"}, 200},
		{"token from a page", true, token, "gw.example:8060", [2]string{"Origin", "null"}, 403},
	} {
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v1/reload", nil)
		r.Host = tc.host
		if tc.header[0] != "" {
			r.Header.Set(tc.header[0], tc.header[1])
		}
		if tc.name == "token from a page" {
			r.Header.Set("Authorization", "Bearer 0123456789abcdef")
		}
		w := httptest.NewRecorder()
		guard(ok, tc.tcp, tc.token).ServeHTTP(w, r)
		if w.Code != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, w.Code, tc.want)
		}
	}
}

// An address others can reach needs a token, and a token some length.
func TestConfigGuardsTheAddress(t *testing.T) {
	for _, tc := range []struct {
		address, token, want string
	}{
		{"127.0.0.1:8060", "", ""},
		{"[::1]:8060", "", ""},
		{"0.0.0.0:8060", "", "reachable from other machines"},
		{"0.0.0.0:8060", "0123456789abcdef", ""},
		{"127.0.0.1:8060", "short", "token: has 5 bytes"},
		{"localhost", "", "not address:port"},
	} {
		c := DefaultConfig()
		c.Address, c.Token = tc.address, secret.New(tc.token)
		err := c.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v", tc, err)
		}
	}
}

// Where the socket is depends on whose process it is.
func TestSocketHasItsPlace(t *testing.T) {
	for _, tc := range []struct {
		socket  string
		uid     int
		runtime string
		want    string
	}{
		{"auto", 0, "/run/user/0", "/run/tandem.sock"},
		{"auto", 7, "/run/user/7", "/run/user/7/tandem.sock"},
		{"auto", 7, "", "/tmp/tandem-7.sock"},
		{"off", 7, "", ""},
		{"/srv/t.sock", 7, "", "/srv/t.sock"},
	} {
		if got := SocketPath(tc.socket, tc.uid, tc.runtime); got != tc.want {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}

// A server answers on its socket until its context is done, then nothing is left.
func TestServerServesItsSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "admin.sock")
	s, err := New(DefaultConfig(), path, "test", Deps{
		Calls:      &exchange{},
		ListenUnix: func(path string) (net.Listener, error) { return net.Listen("unix", path) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://tandem/v1/calls", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != 200 || !strings.Contains(string(b), `"id":"one"`) {
		t.Errorf("%d %s %v", a.StatusCode, b, err)
	}
	_ = a.Body.Close() // read to its end
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("unix", path); err == nil {
		t.Error("the socket still answers")
	}
}
