package appliance

import "testing"

// Memory is given back once after calls, and only when none have come for a
// whole look.
func TestMemoryIsGivenBackOnceAfterCalls(t *testing.T) {
	var i idle
	for n, look := range []struct {
		calls uint64
		up    int
		want  bool
	}{
		{0, 0, false}, // nothing has happened yet
		{5, 2, false},
		{5, 1, false},
		{9, 0, false}, // some came and went since the last look
		{9, 0, true},
		{9, 0, false},
		{10, 0, false},
		{10, 0, true},
	} {
		if got := i.due(look.calls, look.up); got != look.want {
			t.Errorf("look %d: due = %v, want %v", n, got, look.want)
		}
	}
}
