//go:build interop

package interop

import (
	"fmt"
	"testing"
	"time"
)

// After thirty thousand calls memory, goroutines, descriptors and ports are
// back where they were (SECURITY F18).
func TestThirtyThousandCallsLeaveNothing(t *testing.T) {
	const calls, rate = 30_000, 200
	g := start(t, toEast, "", west(""), east(""))
	load := func(n int) {
		uas := g.called(12, "uas", "-m", fmt.Sprint(n))
		uac := g.caller(11, "uac", "+15550100", "-m", fmt.Sprint(n), "-r", fmt.Sprint(rate), "-d", "50", "-l", "500") // waits rather than be refused
		g.wantGood(uac, uas)
		g.idle()
	}
	load(3000) // pools, tables and the heap find their size
	settle(g)
	before := g.footprint()
	load(calls - 3000)
	settle(g)
	after := g.footprint()
	t.Logf("before %v, after %v", before, after)
	if after.goroutines > before.goroutines+5 || after.files > before.files+5 {
		t.Errorf("left behind: %v, before %v", after, before)
	}
	if after.memory > before.memory+16<<20 {
		t.Errorf("memory grew by %.0f MiB", (after.memory-before.memory)/(1<<20))
	}
	if used := g.metric("tandem_media_ports_used"); used != 0 {
		t.Errorf("%v media ports are in use", used)
	}
}

// A footprint is what a process holds.
type footprint struct{ goroutines, files, memory float64 }

func (f footprint) String() string {
	return fmt.Sprintf("%.0f goroutines, %.0f descriptors, %.1f MiB", f.goroutines, f.files, f.memory/(1<<20))
}

func (g *gateway) footprint() footprint {
	return footprint{g.metric("go_goroutines"), g.metric("process_open_fds"), g.metric("go_memstats_heap_inuse_bytes")}
}

// settle waits until what lingers after a call is gone: transactions for 32 s
// (RFC 3261 §17.1.1.2, Timer D), freed ports for a while.
func settle(g *gateway) {
	time.Sleep(36 * time.Second)
	for range 2 { // two scrapes see a collected heap
		_ = g.metric("go_goroutines")
	}
}
