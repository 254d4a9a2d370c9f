package main

import "testing"

// The heap is kept small while that is cheap, may grow at once when calls come
// fast, and is made small again by and by; never beyond what was configured.
func TestHeapGrowsOnlyWhileCollectingCosts(t *testing.T) {
	p := newPace(400)
	for n, look := range []struct {
		share float64
		want  int
	}{
		{0, 25},
		{0.02, 25},
		{0.06, 50},
		{0.02, 50}, // neither much nor little
		{0.5, 400},
		{0.1, 400},
		{0.001, 200},
		{0, 100},
		{0, 50},
		{0, 25},
		{0, 25},
	} {
		if got := p.next(look.share); got != look.want {
			t.Errorf("look %d: %d percent, want %d", n, got, look.want)
		}
	}
	if p := newPace(10); p.percent != 10 || p.next(1) != 10 || p.next(0) != 10 {
		t.Errorf("%d percent, want the 10 that were configured", p.percent)
	}
}
