//go:build interop

package interop

import (
	"path/filepath"
	"testing"
	"time"
)

// demo runs the binary with nothing said, as a new user does.
func demo(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{t: t, net: "127.0.0.", dir: t.TempDir(), done: make(chan struct{})}
	g.sock = filepath.Join(g.dir, "admin.sock")
	t.Setenv("TANDEM_ADMIN_SOCKET", g.sock)
	t.Setenv("TANDEM_RECORDS_PATH", filepath.Join(g.dir, "calls.db"))
	g.run()
	return g
}

// What the README tells a new user to type with sipp works.
func TestFirstFiveMinutes(t *testing.T) {
	g := demo(t)
	s := g.sipp(1, "uac", "127.0.0.1:5060", "-s", "600", "-p", "5062", "-m", "1", "-d", "500")
	g.wantGood(s)
	g.eventually(5*time.Second, "no call", func() bool {
		var calls []any
		g.json(&calls, "calls")
		return len(calls) == 0
	})
}
