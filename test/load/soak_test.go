//go:build load

package load

import (
	"fmt"
	"os"
	"testing"
	"time"
)

// A reading is what the gateway held at a time since the beginning.
type reading struct {
	at     time.Duration
	memory int // resident, in bytes
}

// growth is the slope of a straight line through the readings (least squares),
// in bytes per hour; 0 for fewer than two.
func growth(rs []reading) float64 {
	var n, x, y, xx, xy float64
	for _, r := range rs {
		h, m := r.at.Hours(), float64(r.memory)
		n, x, y, xx, xy = n+1, x+h, y+m, xx+h*h, xy+h*m
	}
	d := n*xx - x*x
	if d == 0 {
		return 0
	}
	return (n*xy - x*y) / d
}

// TestSoak places calls at a steady rate for as long as the variable SOAK says and
// prints what the gateway holds. The first quarter fills pools and caches and does
// not count towards the growth.
func TestSoak(t *testing.T) {
	const rate, hold, readings = 50, 2 * time.Second, 20
	total, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil || total < time.Minute {
		t.Fatalf("SOAK=%q: a time of a minute or more, such as 1h: run `make soak T=1h`", os.Getenv("SOAK"))
	}
	r := newRig(t, "PCMU", "PCMU", hold)
	r.run()
	defer r.stop()
	fmt.Printf("%8s %10s %8s %8s %12s\n", "time", "calls", "failed", "repeats", "resident KiB")
	var rs []reading
	show := func(at time.Duration) {
		m := r.memory()
		if at >= total/4 {
			rs = append(rs, reading{at, m})
		}
		fmt.Printf("%8s %10d %8d %8d %12d\n", at.Round(time.Second), r.caller.done.Load(), r.caller.failed.Load(), r.caller.repeats.Load(), m>>10)
	}
	began, placed := time.Now(), 0
	show(0)
	for i := range readings {
		n := int((total*time.Duration(i+1)/readings).Seconds()*rate) - placed
		r.place(placed, n, rate)
		placed += n
		show(time.Since(began))
	}
	r.finish(15 * time.Second)
	fmt.Printf("%d calls, %d failed, growth after the first quarter %.0f KiB/h\n", r.caller.done.Load(), r.caller.failed.Load(), growth(rs)/1024)
	if n := r.caller.failed.Load(); n > 0 {
		t.Errorf("%d of %d calls failed", n, placed)
	}
}
