package sbc

import (
	"slices"
	"testing"
)

func (h *hunt) wantNext(t *testing.T, reason string, want ...int) {
	t.Helper()
	if got := h.next(); !slices.Equal(got, want) {
		t.Fatalf("%s: next = %v, want %v", reason, got, want)
	}
}

func (h *hunt) wantVerdict(t *testing.T, reason string, target, status int, reroute bool, want verdict) {
	t.Helper()
	if got := h.failed(target, status, reroute); got != want {
		t.Fatalf("%s: verdict of %d = %d, want %d", reason, status, got, want)
	}
}

// An unreachable target is followed by the next, and the last one's status goes
// to the caller.
func TestHuntGoesOnAfterUnreachable(t *testing.T) {
	h := newHunt([][]int{{0}, {1}})
	h.wantNext(t, "first", 0)
	h.wantVerdict(t, "503 may be rerouted", 0, 503, true, verdictNext)
	h.wantNext(t, "second", 1)
	h.wantVerdict(t, "nobody left", 1, 504, true, verdictOver)
	if h.best != (failure{1, 504}) {
		t.Errorf("best = %+v, want the last target's", h.best)
	}
}

// A callee who says no is not called elsewhere.
func TestHuntStopsAtRefusal(t *testing.T) {
	h := newHunt([][]int{{0}, {1}})
	h.wantNext(t, "first", 0)
	h.wantVerdict(t, "busy is an answer", 0, 486, false, verdictOver)
}

// In a group the others are waited for, and the refusal counts at the end
// although somebody else was unreachable.
func TestHuntWaitsForItsGroup(t *testing.T) {
	h := newHunt([][]int{{0, 1, 2}, {3}})
	h.wantNext(t, "all at once", 0, 1, 2)
	h.wantVerdict(t, "two left", 1, 486, false, verdictWait)
	h.wantVerdict(t, "one left", 0, 503, true, verdictWait)
	h.wantVerdict(t, "one said no", 2, 408, true, verdictOver)
	if h.best != (failure{1, 486}) {
		t.Errorf("best = %+v, want the 486", h.best)
	}
}

// A 6xx speaks for everybody (RFC 3261 §16.7 step 5).
func TestHuntEndsGroupAtGlobalFailure(t *testing.T) {
	h := newHunt([][]int{{0, 1}, {2}})
	h.wantNext(t, "both", 0, 1)
	h.wantVerdict(t, "declined by all", 0, 603, false, verdictCancel)
	h.wantVerdict(t, "the cancelled one", 1, 487, false, verdictOver)
	if h.best.status != 603 {
		t.Errorf("best = %d, want 603", h.best.status)
	}
}

// A redirected target is replaced by where it pointed.
func TestHuntFollowsRedirection(t *testing.T) {
	h := newHunt([][]int{{0}})
	h.wantNext(t, "first", 0)
	h.redirected(0, []int{1})
	h.wantNext(t, "in its place", 1)
	h.wantVerdict(t, "new target failed", 1, 404, false, verdictOver)
}

// The contacts of a redirection are tried one after the other whatever they
// answer, those of a second redirection before what is left of the first; the
// next group waits for them (RFC 3261 §8.1.3.4).
func TestHuntTriesContactsInOrder(t *testing.T) {
	h := newHunt([][]int{{0, 1}, {2}})
	h.wantNext(t, "both", 0, 1)
	h.redirected(0, []int{3, 4})
	h.wantNext(t, "the first contact", 3)
	h.redirected(3, []int{5})
	h.wantNext(t, "where that one pointed", 5)
	h.wantVerdict(t, "the other of the group", 1, 503, true, verdictWait)
	h.wantVerdict(t, "the second redirection", 5, 486, false, verdictNext)
	h.wantNext(t, "the second contact", 4)
	h.wantVerdict(t, "all were tried, one was busy", 4, 503, true, verdictOver)
	if h.best != (failure{5, 486}) {
		t.Errorf("best = %+v, want the 486", h.best)
	}
}

// After a 6xx no further contact is tried (RFC 3261 §21.6).
func TestHuntEndsContactsAtGlobalFailure(t *testing.T) {
	h := newHunt([][]int{{0}})
	h.wantNext(t, "first", 0)
	h.redirected(0, []int{1, 2})
	h.wantNext(t, "the first contact", 1)
	h.wantVerdict(t, "declined by all", 1, 603, false, verdictOver)
}

// The choice among failures follows RFC 3261 §16.7 step 6.
func TestBetterStatus(t *testing.T) {
	for _, c := range []struct {
		status, old int
		want        bool
	}{
		{503, 0, true},
		{603, 486, true},
		{486, 603, false},
		{404, 503, true},
		{503, 404, false},
		{484, 404, true},
		{404, 484, false},
		{486, 408, true},
		{486, 404, false},
		{302, 404, true},
	} {
		if got := better(c.status, c.old); got != c.want {
			t.Errorf("better(%d, %d) = %t, want %t", c.status, c.old, got, c.want)
		}
	}
}

// A group larger than may be called at one time is called in parts.
func TestGroupsAreBounded(t *testing.T) {
	got := bounded([][]int{{0, 1, 2, 3, 4}, {5}}, 2)
	want := [][]int{{0, 1}, {2, 3}, {4}, {5}}
	if !slices.EqualFunc(got, want, slices.Equal[[]int]) {
		t.Errorf("groups = %v, want %v", got, want)
	}
}
