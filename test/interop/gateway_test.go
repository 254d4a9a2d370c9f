//go:build interop

package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// nets numbers the loopback networks that tests have taken.
var nets atomic.Int32

// A gateway is one run of the binary under test.
type gateway struct {
	t    *testing.T
	cmd  *exec.Cmd
	net  string // "127.0.7."
	sock string // of the admin API
	dir  string
	done chan struct{}

	mu  sync.Mutex
	log bytes.Buffer
}

// addr is host n of the test's network; the gateway itself is host 1.
func (g *gateway) addr(n int) string { return g.net + strconv.Itoa(n) }

// sip is where the gateway listens.
func (g *gateway) sip() string { return g.addr(1) + ":5060" }

// A trunk of a test is host n of its network, with the keys of extra (YAML,
// indented by nothing).
type trunk struct {
	name  string
	host  int
	extra string
}

// west calls, east is called, in most tests.
func west(extra string) trunk { return trunk{"west", 11, extra} }
func east(extra string) trunk { return trunk{"east", 12, extra} }

// start runs the gateway with those trunks and routes (YAML lines of a list) and
// further top-level sections, and waits until it says it is well.
func start(t *testing.T, routes, sections string, trunks ...trunk) *gateway {
	t.Helper()
	return startWith(t, routes, "", sections, trunks...)
}

// startWith is start with more lines for the sip section, listeners first.
func startWith(t *testing.T, routes, sip, sections string, trunks ...trunk) *gateway {
	t.Helper()
	g := &gateway{t: t, net: fmt.Sprintf("127.%d.%d.", 64+os.Getpid()%128, nets.Add(1)), dir: t.TempDir(), done: make(chan struct{})}
	g.sock = filepath.Join(g.dir, "admin.sock")
	file := filepath.Join(g.dir, "tandem.yaml")
	if err := os.WriteFile(file, []byte(g.config(routes, sip, sections, trunks)), 0o600); err != nil {
		t.Fatal(err)
	}
	g.run("run", "-c", file)
	return g
}

func (g *gateway) config(routes, sip, sections string, trunks []trunk) string {
	var b strings.Builder
	fmt.Fprintf(&b, "sip:\n  listeners:\n    - {name: udp, transport: udp, address: \"%s\"}\n    - {name: tcp, transport: tcp, address: \"%[1]s\"}\n", g.sip())
	b.WriteString(strings.ReplaceAll(sip, "NET.", g.net))
	six := ""
	if strings.Contains(sip, "[::1]") {
		six = `address6: "::1", `
	}
	fmt.Fprintf(&b, "media: {address: %s, %sport_min: 20000, port_max: 29999}\n", g.addr(1), six)
	fmt.Fprintf(&b, "admin: {socket: %q}\n", g.sock)
	if !strings.Contains(sections, "call:") {
		b.WriteString("call: {grace: 3s}\n")
	}
	fmt.Fprintf(&b, "records: {path: %q}\n", filepath.Join(g.dir, "calls.db"))
	b.WriteString("trunks:\n")
	for _, tr := range trunks {
		fmt.Fprintf(&b, "  - name: %s\n", tr.name)
		extra := tr.extra
		if !strings.Contains(extra, "peer:") {
			extra = fmt.Sprintf("peer: {addresses: [%s], host: %[1]s, port: 5060}\n%s", g.addr(tr.host), extra)
			if !strings.Contains(extra, "options:") {
				extra += "\noptions: {interval: 0s}" // sipp takes OPTIONS for a call
			}
		}
		for line := range strings.Lines(strings.TrimSpace(extra)) {
			b.WriteString("    " + strings.ReplaceAll(line, "NET.", g.net))
		}
		b.WriteString("\n")
	}
	b.WriteString("routes:\n")
	for line := range strings.Lines(strings.TrimSpace(routes)) {
		b.WriteString("  " + line)
	}
	b.WriteString("\n" + strings.ReplaceAll(sections, "NET.", g.net) + "\n")
	return b.String()
}

// run starts the binary and waits until its admin API says that it is well.
func (g *gateway) run(args ...string) {
	g.t.Helper()
	g.cmd = exec.Command(program(g.t), args...)
	out, err := g.cmd.StderrPipe()
	if err != nil {
		g.t.Fatal(err)
	}
	g.cmd.Stdout = g.cmd.Stderr
	if err := g.cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	go func() {
		defer close(g.done)
		for s := bufio.NewScanner(out); s.Scan(); {
			g.mu.Lock()
			g.log.Write(append(s.Bytes(), '\n'))
			g.mu.Unlock()
		}
	}()
	g.t.Cleanup(g.stop)
	g.eventually(10*time.Second, "the gateway to be well", func() bool {
		_, err := g.cli("calls", "-o", "json")
		return err == nil
	})
}

// stop ends the gateway as an operator would and wants it to end well.
func (g *gateway) stop() {
	if g.cmd == nil {
		return
	}
	if g.t.Failed() {
		g.show()
	}
	_ = g.cmd.Process.Signal(syscall.SIGTERM)
	ended := make(chan struct{})
	go func() { <-g.done; close(ended) }()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		g.t.Error("the gateway did not stop within 20 s of SIGTERM")
		_ = g.cmd.Process.Kill()
		<-ended
	}
	if err := g.cmd.Wait(); err != nil {
		g.t.Errorf("the gateway ended: %v", err)
	}
	g.cmd = nil
	if g.t.Failed() {
		g.t.Logf("the gateway said:\n%s", tail(g.said()))
	} else if strings.Contains(g.said(), "panic") {
		g.t.Errorf("the gateway panicked:\n%s", g.said())
	}
}

// show logs the calls that are up, for a test that has failed.
func (g *gateway) show() {
	out, _ := g.cli("calls", "-o", "json")
	var calls []struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal([]byte(out), &calls)
	for _, c := range calls {
		ladder, _ := g.cli("call", c.ID)
		g.t.Log(ladder)
	}
}

func (g *gateway) said() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.String()
}

// tail is the end of a long text, as much as anybody reads.
func tail(s string) string {
	const most = 16 << 10
	if len(s) <= most {
		return s
	}
	s = s[len(s)-most:]
	return "[...]" + s[strings.IndexByte(s, '\n')+1:]
}

// cli runs a subcommand against the gateway and returns what it printed.
func (g *gateway) cli(args ...string) (string, error) {
	cmd := exec.Command(program(g.t), append(args, "--socket", g.sock)...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("tandem %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return string(out), err
}

// json runs a subcommand and decodes what it printed.
func (g *gateway) json(v any, args ...string) {
	g.t.Helper()
	out, err := g.cli(append(args, "-o", "json")...)
	if err == nil {
		err = json.Unmarshal([]byte(out), v)
	}
	if err != nil {
		g.t.Fatalf("%v: %s", err, out)
	}
}

// metric is the sum of a metric over its labels, 0 when it does not exist.
func (g *gateway) metric(name string) float64 {
	g.t.Helper()
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", g.sock)
		},
	}}
	res, err := client.Get("http://gateway/metrics")
	if err != nil {
		g.t.Fatalf("read metrics: %v", err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		g.t.Fatalf("read metrics: %v", err)
	}
	var sum float64
	for line := range strings.Lines(string(out)) {
		rest, ok := strings.CutPrefix(line, name)
		if !ok || rest[0] != ' ' && rest[0] != '{' {
			continue
		}
		f := strings.Fields(rest[strings.LastIndex(rest, "}")+1:])
		if v, err := strconv.ParseFloat(f[0], 64); err == nil {
			sum += v
		}
	}
	return sum
}

// idle waits until no call is left.
func (g *gateway) idle() {
	g.t.Helper()
	g.eventually(10*time.Second, "all calls to be over", func() bool {
		var calls []any
		g.json(&calls, "calls")
		return len(calls) == 0
	})
}

// eventually waits for what another process does.
func (g *gateway) eventually(within time.Duration, what string, ok func() bool) {
	g.t.Helper()
	for end := time.Now().Add(within); !ok(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			g.t.Fatalf("waited %v for %s; the gateway said:\n%s", within, what, tail(g.said()))
		}
	}
}

// program is the binary under test, built by make.
func program(t *testing.T) string {
	t.Helper()
	b := os.Getenv("TANDEM")
	if b == "" {
		t.Fatal("TANDEM does not name the binary under test: run `make interop`")
	}
	return b
}
