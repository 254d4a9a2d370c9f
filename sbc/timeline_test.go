package sbc

import (
	"strconv"
	"testing"
)

// A long call keeps how it began and what was last, and says what is missing.
func TestTimelineKeepsBothEnds(t *testing.T) {
	var l timeline
	const n = 1000
	for i := range n {
		l.add(Event{Text: strconv.Itoa(i)})
	}
	got := l.published()
	if len(got)+l.omitted != n || len(got) > timelineMax {
		t.Fatalf("%d kept, %d omitted, want %d together and at most %d kept", len(got), l.omitted, n, timelineMax)
	}
	if got[timelineHead-1].Text != strconv.Itoa(timelineHead-1) || got[len(got)-1].Text != strconv.Itoa(n-1) {
		t.Errorf("head ends with %s, tail with %s", got[timelineHead-1].Text, got[len(got)-1].Text)
	}
}

// What was published does not change when the call goes on.
func TestTimelinePublishedStays(t *testing.T) {
	var l timeline
	for i := range timelineMax {
		l.add(Event{Text: strconv.Itoa(i)})
	}
	early := l.published()
	for range timelineMax {
		l.add(Event{Text: "later"})
	}
	for i, e := range early {
		if e.Text != strconv.Itoa(i) {
			t.Fatalf("event %d became %q", i, e.Text)
		}
	}
}
