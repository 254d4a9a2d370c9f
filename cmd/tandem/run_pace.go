package main

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"

	"github.com/tandem-voip/tandem/config"
)

// paceLook is the time between two looks at what the garbage collector takes.
const paceLook = 500 * time.Millisecond

// keepPace sets the garbage collector up, unless the environment has, and has
// the heap grow no more than the work of collecting it is worth. runConfig
// starts it; it ends when the appliance has.
func keepPace(c config.Process, ended <-chan struct{}) {
	if os.Getenv("GOMEMLIMIT") == "" && c.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(c.MemoryLimit) << 20)
	}
	if os.Getenv("GOGC") != "" {
		return
	}
	p := newPace(c.GCPercent)
	set := p.percent
	debug.SetGCPercent(set)
	t := time.NewTicker(paceLook)
	defer t.Stop()
	before, then := collected(), time.Now()
	for {
		select {
		case <-ended:
			return
		case <-t.C:
		}
		used, at := collected(), time.Now()
		if next := p.next((used - before) / at.Sub(then).Seconds()); next != set {
			set = next
			debug.SetGCPercent(set)
		}
		before, then = used, at
	}
}

// collected is the processor time the collector has taken from others so far,
// in seconds: not what it did while nobody else had work.
func collected() float64 {
	s := []metrics.Sample{
		{Name: "/cpu/classes/gc/mark/assist:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/dedicated:cpu-seconds"},
		{Name: "/cpu/classes/gc/pause:cpu-seconds"},
	}
	metrics.Read(s)
	sum := 0.0
	for _, v := range s {
		if v.Value.Kind() == metrics.KindFloat64 {
			sum += v.Value.Float64()
		}
	}
	return sum
}
