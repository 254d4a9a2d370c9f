//go:build interop

package interop

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A sipp is one run of sipp from a host of the test's network.
type sipp struct {
	cmd  *exec.Cmd
	out  *strings.Builder
	name string
	dir  string
	done chan error
}

// sipp starts a scenario on host n. With a target it calls number there,
// without one it waits for calls.
func (g *gateway) sipp(n int, scenario string, args ...string) *sipp {
	g.t.Helper()
	file, err := filepath.Abs("../sipp/" + scenario + ".xml")
	if err != nil {
		g.t.Fatal(err)
	}
	s := &sipp{out: &strings.Builder{}, name: scenario, dir: g.t.TempDir(), done: make(chan error, 1)}
	ctx, cancel := context.WithTimeout(g.t.Context(), 3*time.Minute)
	all := append([]string{
		"-sf", file, "-i", g.addr(n), "-p", "5060", "-mi", g.addr(n), "-nostdin",
		"-trace_err", "-error_file", filepath.Join(s.dir, "errors"), "-timeout_error",
	}, args...)
	s.cmd = exec.CommandContext(ctx, "sipp", all...)
	s.cmd.Dir = s.dir
	s.cmd.Env = append(os.Environ(), "TERM=dumb")
	s.cmd.Stdout, s.cmd.Stderr = s.out, s.out
	if err := s.cmd.Start(); err != nil {
		cancel()
		g.t.Fatalf("start sipp (apt-get install sip-tester): %v", err)
	}
	go func() { s.done <- s.cmd.Wait(); cancel() }()
	return s
}

// called waits for calls on host n.
func (g *gateway) called(n int, scenario string, args ...string) *sipp {
	g.t.Helper()
	s := g.sipp(n, scenario, args...)
	kind := "udp"
	if slices.Contains(args, "t1") {
		kind = "tcp"
	}
	g.eventually(10*time.Second, "socket of sipp "+scenario, func() bool { return bound(g.t, kind, g.addr(n)) })
	return s
}

// bound reports whether there is a socket at port 5060 of addr.
func bound(t *testing.T, kind, addr string) bool {
	t.Helper()
	table, err := os.ReadFile("/proc/net/" + kind)
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddr(addr).As4()
	return strings.Contains(string(table), fmt.Sprintf(": %08X:%04X ", binary.NativeEndian.Uint32(a[:]), 5060))
}

// caller calls number through the gateway from host n.
func (g *gateway) caller(n int, scenario, number string, args ...string) *sipp {
	g.t.Helper()
	return g.sipp(n, scenario, append([]string{g.sip(), "-s", number}, args...)...)
}

// wantGood waits for the run to end with no call failed.
func (g *gateway) wantGood(runs ...*sipp) {
	g.t.Helper()
	for _, s := range runs {
		if err := <-s.done; err != nil {
			errors, _ := os.ReadFile(filepath.Join(s.dir, "errors"))
			out := s.out.String()
			g.t.Errorf("sipp %s: %v\n%s\n%s", s.name, err, tail(string(errors)), out[max(0, len(out)-3000):])
		}
	}
}

const toEast = `
- name: all
  match: {trunks: [west]}
  targets: [{trunk: east}]
`

// Each scenario of test/sipp passes through the real binary, both sides played
// by sipp, over UDP and over TCP.
func TestScenarios(t *testing.T) {
	for _, tt := range []struct {
		name, uac, uas string
		number         string // +15550100 when empty
		west, east     string // keys of the trunks
		args           []string
	}{
		{name: "a call", uac: "uac", uas: "uas", args: []string{"-d", "500"}},
		{name: "the called side hangs up", uac: "uac_bye_from_called", uas: "uas_bye"},
		{name: "cancelled", uac: "uac_cancel", uas: "uas_cancel"},
		{name: "busy", uac: "uac_busy", uas: "uas_busy"},
		{name: "early media", uac: "uac_early", uas: "uas_early"},
		{name: "three forks, one answers", uac: "uac_early", uas: "uas_forks"},
		{name: "hold", uac: "uac_hold", uas: "uas_hold"},
		{name: "no offer in the INVITE", uac: "uac_delayed", uas: "uas", west: "dialog: {delayed_offer: true}"},
		{name: "update", uac: "uac_update", uas: "uas"},
		{name: "caller requires 100rel", uac: "uac_100rel", uas: "uas_early", west: "dialog: {reliable: supported}"},
		{name: "called sends reliably", uac: "uac", uas: "uas_100rel", east: "dialog: {reliable: supported}", args: []string{"-d", "300"}},
		{name: "session timer", uac: "uac_timer", uas: "uas", west: "dialog: {timer: accept}"},
		{name: "session timer too short", uac: "uac_422", west: "dialog: {timer: accept}"},
		{name: "digest", uac: "uac", uas: "uas_auth", east: "auth: {username: tandem, password: secret}", args: []string{"-d", "200"}},
		{name: "digits by INFO", uac: "uac_info", uas: "uas_info", east: "media: {dtmf: info_relay}"},
		{name: "no common codec", uac: "uac_488"},
		{name: "Max-Forwards used up", uac: "uac_max_forwards"},
		{name: "options", uac: "uac_options"},
		{name: "session timer of the called side", uac: "uac_bye_from_called", uas: "uas_timer", east: "dialog: {timer: uas, expires: 90s}"},
		{name: "called wants a longer session", uac: "uac_bye_from_called", uas: "uas_422", east: "dialog: {timer: uas, expires: 90s}"},
		{name: "update by the called side", uac: "uac_bye_from_called", uas: "uas_update"},
		{name: "hold by the called side", uac: "uac_held", uas: "uas_holds"},
		{name: "another codec", uac: "uac_codec", uas: "uas"},
		{name: "redirection passed", uac: "uac_302", uas: "uas_redirect_two", east: "dialog: {redirect: pass}"},
		{name: "forwarded", uac: "uac_181", uas: "uas_181"},
		{name: "digits of both kinds of INFO", uac: "uac_info", uas: "uas_dtmf", east: "media: {dtmf: info}"},
		{name: "digits of the plain kind", uac: "uac_dtmf", uas: "uas_info", east: "media: {dtmf: info_relay}"},
		{name: "answered while cancelled", uac: "uac_cancel", uas: "uas_cancel_late"},
		{name: "came by two ways", uac: "uac_loop", uas: "uas_cancel"},
		{name: "malformed", uac: "uac_400"},
		{name: "a phone registers", uac: "uac_register", number: "1001", west: "phones: {enabled: true}"},
	} {
		for _, transport := range []string{"u1", "t1"} {
			t.Run(tt.name+" "+transport, func(t *testing.T) {
				g := start(t, toEast, "", west(tt.west), east(tt.east))
				var runs []*sipp
				if tt.uas != "" {
					runs = append(runs, g.called(12, tt.uas, "-m", "1"))
				}
				args := append([]string{"-m", "1", "-t", transport}, tt.args...)
				runs = append(runs, g.caller(11, tt.uac, cmp.Or(tt.number, "+15550100"), args...))
				g.wantGood(runs...)
				g.idle()
			})
		}
	}
}

// A number no route leads to is 404; a target that says 503, and one that is
// silent, give way to the next; when none is left the caller is told 503.
func TestFailover(t *testing.T) {
	const routes = `
- name: spare
  match: {numbers: ["+15550101"]}
  targets: [{trunk: dead}, {trunk: full}, {trunk: east}]
- name: none
  match: {numbers: ["+15550102"]}
  targets: [{trunk: full}]
`
	full := trunk{"full", 13, ""}
	dead := trunk{"dead", 14, "reroute: {codes: [408, 503, 504], timeout: 2s}"}
	t.Run("no route", func(t *testing.T) {
		g := start(t, routes, "", west(""), east(""), full, dead)
		g.wantGood(g.caller(11, "uac_404", "+15559999", "-m", "1"))
	})
	t.Run("to the next", func(t *testing.T) {
		g := start(t, routes, "", west(""), east(""), full, dead)
		runs := []*sipp{g.called(13, "uas_503", "-m", "1"), g.called(12, "uas", "-m", "1")}
		began := time.Now()
		g.wantGood(append(runs, g.caller(11, "uac", "+15550101", "-m", "1", "-d", "100"))...)
		if took := time.Since(began); took > 6*time.Second {
			t.Errorf("it took %v to reach the third target", took)
		}
		g.idle()
	})
	t.Run("none left", func(t *testing.T) {
		g := start(t, routes, "", west(""), east(""), full, dead)
		runs := []*sipp{g.called(13, "uas_503", "-m", "1")}
		g.wantGood(append(runs, g.caller(11, "uac_503", "+15550102", "-m", "1"))...)
		g.idle()
	})
}

// A 302 is followed to the number it names.
func TestRedirectIsFollowed(t *testing.T) {
	g := start(t, toEast, "", west(""), east("dialog: {redirect: follow}"))
	moved := g.called(12, "uas_redirect", "-m", "2")
	g.wantGood(moved, g.caller(11, "uac", "+15550100", "-m", "1", "-d", "200"))
	g.idle()
}

// The contacts of a 302 are called in the order of their preference until one
// of them answers.
func TestRedirectionToTwoIsFollowed(t *testing.T) {
	g := start(t, toEast, "", west(""), east("dialog: {redirect: follow}"))
	called := g.called(12, "uas_redirect_two", "-m", "3")
	g.wantGood(g.caller(11, "uac", "+15550100", "-m", "1"), called)
	g.idle()
}

// A caller who transfers is told how it goes, and the two others talk on.
func TestTransferByTheCaller(t *testing.T) {
	const routes = toEast + `- {name: north, match: {numbers: ["+25550100"]}, targets: [{trunk: north}]}`
	g := start(t, strings.Replace(routes, "{trunks: [west]}", `{numbers: ["+15550100"]}`, 1), "", west(""), east(""), trunk{"north", 13, ""})
	runs := []*sipp{g.called(12, "uas", "-m", "1"), g.called(13, "uas_bye", "-m", "1")}
	g.wantGood(append(runs, g.caller(11, "uac_refer", "+15550100", "-m", "1"))...)
	g.idle()
}

// A trunk that wants it is registered with, its challenge answered, and told
// when the gateway goes.
func TestRegistrar(t *testing.T) {
	g := start(t, toEast, "", west(""), east("register: {enabled: true, expires: 5m}\nauth: {username: tandem, password: secret}"))
	registrar := g.called(12, "uas_register", "-m", "1")
	g.eventually(30*time.Second, "the registration", func() bool {
		var trunks []struct {
			Registered string `json:"registered"`
		}
		g.json(&trunks, "trunks")
		return trunks[0].Registered+trunks[1].Registered == "registered"
	})
	g.stop()
	g.wantGood(registrar)
}

// Where there is no room for a call, its caller is told when to try again.
func TestOverload(t *testing.T) {
	g := start(t, toEast, "limits: {calls: 1}", west(""), east(""))
	p := &pair{g: g, a: g.stream(11, pcmu()), b: g.stream(12, pcmu())}
	p.connect(g.phone(11), g.phone(12))
	g.wantGood(g.caller(11, "uac_overload", "+15550100", "-m", "1", "-p", "5062"))
	p.end()
}

// A call from a phone that knows IPv6 alone reaches one on IPv4.
func TestFromIPv6ToIPv4(t *testing.T) {
	port := 10000 + 2*(os.Getpid()%4500) // of this process; there is one ::1 for all
	listener := fmt.Sprintf("[::1]:%d", port)
	g := startWith(t, toEast, fmt.Sprintf("    - {name: six, transport: udp, address: %q}\n", listener), "",
		trunk{"west", 0, fmt.Sprintf("peer: {addresses: [\"::1\"], host: \"::1\", port: %d}\noptions: {interval: 0s}", port+1)}, east(""))
	called := g.called(12, "uas", "-m", "1")
	caller := g.sipp(11, "uac", listener, "-s", "+15550100", "-i", "[::1]", "-mi", "[::1]", "-p", fmt.Sprint(port+1), "-m", "1")
	g.wantGood(caller, called)
	g.idle()
}

// Thirty seconds of calls at a steady rate fail none.
func TestSteadyRate(t *testing.T) {
	const rate, seconds = 30, 30
	g := start(t, toEast, "", west(""), east(""))
	calls := fmt.Sprint(rate * seconds)
	uas := g.called(12, "uas", "-m", calls)
	uac := g.caller(11, "uac", "+15550100", "-m", calls, "-r", fmt.Sprint(rate), "-d", "1000")
	g.wantGood(uac, uas)
	g.idle()
	var records []struct {
		Answered string `json:"answered"`
	}
	g.json(&records, "cdr", "--limit", "2000")
	if len(records) != rate*seconds {
		t.Errorf("%d records of %s calls", len(records), calls)
	}
}
