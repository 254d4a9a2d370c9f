//go:build interop

package interop

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A reload by SIGHUP, of a file that is wrong and of one that is right, leaves the
// running call alone; only the right one changes where new calls go.
func TestReloadBySignalDuringACall(t *testing.T) {
	p := connect(t, west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMU]}"), pcmu(), pcmu())
	file := filepath.Join(p.g.dir, "tandem.yaml")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	p.reload(file, append(bytes.Clone(before), "nonsense: [\n"...), "configuration not reloaded")
	p.talks("after a reload that failed")
	d := p.caller.call("+15550100", p.a.sdp())
	e := p.call.incoming()
	e.reply(e.invite, "486 Busy Here", "")
	e.wait("ACK")
	d.acknowledge(d.wait("486 INVITE"))

	p.reload(file, bytes.Replace(before, []byte("{trunks: [west]}"), []byte(`{numbers: ["+15550109"]}`), 1), "configuration reloaded")
	p.talks("after a reload")
	d = p.caller.call("+15550100", p.a.sdp())
	d.acknowledge(d.wait("404 INVITE"))
	p.end()
}

// reload writes the file, sends SIGHUP and waits for what is logged of it.
func (p *pair) reload(file string, content []byte, said string) {
	p.g.t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		p.g.t.Fatal(err)
	}
	if err := p.g.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.g.t.Fatal(err)
	}
	p.g.eventually(10*time.Second, said, func() bool { return strings.Contains(p.g.said(), said) })
}

// talks wants half of a short tone to arrive on each side at least.
func (p *pair) talks(when string) {
	p.g.t.Helper()
	a, b := len(p.a.got()), len(p.b.got())
	p.both(tone(1004, 300*time.Millisecond), tone(1004, 300*time.Millisecond))
	if a, b = len(p.a.got())-a, len(p.b.got())-b; min(a, b) < 8 {
		p.g.t.Errorf("%s the caller heard %d packets and the called side %d, of 15", when, a, b)
	}
}

// Told to stop by SIGTERM, the gateway refuses new calls and says when to come
// back, lets the running one talk on, and hangs it up when its grace is over.
func TestStopBySignalDuringACall(t *testing.T) {
	const only = "media: {codecs: [PCMU]}"
	g := start(t, toEast, "call: {grace: 5s}", west(only), east(only))
	p := &pair{g: g, a: g.stream(11, pcmu()), b: g.stream(12, pcmu())}
	p.connect(g.phone(11), g.phone(12))
	if err := g.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	g.eventually(10*time.Second, "the stop to begin", func() bool { return g.metric("tandem_draining") == 1 })
	d := p.caller.call("+15550100", p.a.sdp())
	m := d.wait("503 INVITE")
	d.acknowledge(m)
	if m.get("retry-after") == "" {
		t.Error("the 503 does not say when to try again")
	}
	p.talks("after SIGTERM")
	p.caller.hungUp()
	p.call.hungUp()
	<-g.done
}
