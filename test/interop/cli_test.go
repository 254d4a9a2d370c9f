//go:build interop

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A call is seen while it is up, drawn as one ladder, hung up from the command
// line, and found among the records.
func TestCallFromTheCommandLine(t *testing.T) {
	p := connect(t, west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMA]}"), pcmu(), pcma())
	p.both(tone(1004, time.Second), tone(1004, time.Second))
	var calls []struct {
		ID string `json:"id"`
	}
	p.g.json(&calls, "calls")
	if len(calls) != 1 {
		t.Fatalf("%d calls are up, want 1", len(calls))
	}
	id := calls[0].ID
	ladder, err := p.g.cli("call", id)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"west", "east", "INVITE", "200", "ACK", "PCMU", "PCMA"} {
		if !strings.Contains(ladder, want) {
			t.Errorf("the ladder does not show %s:\n%s", want, ladder)
		}
	}
	if out, err := p.g.cli("hangup", id); err != nil {
		t.Fatal(err, out)
	}
	p.caller.hungUp()
	p.call.hungUp()
	p.g.idle()
	p.g.eventually(5*time.Second, "the record", func() bool {
		out, err := p.g.cli("cdr")
		return err == nil && strings.Contains(out, "+15550100")
	})
	if out, err := p.g.cli("hangup", "nosuchcall"); err == nil {
		t.Errorf("hanging up a call that is not there was said to work: %s", out)
	}
}

// A wrong key is named with file, line and column and the key that was meant,
// and the exit code says so.
func TestCheckNamesTheFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yaml")
	if err := os.WriteFile(file, []byte("media:\n  port_minn: 20000\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(program(t), "check", file).CombinedOutput()
	if err == nil {
		t.Error("a wrong key passed")
	}
	for _, want := range []string{"bad.yaml:2:3", "port_minn", "port_min"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q is not in what check said:\n%s", want, out)
		}
	}
}

// The self-test passes against a running gateway with the demo configuration.
func TestSelftest(t *testing.T) {
	g := demo(t)
	out, err := g.cli("selftest")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(out)
}
