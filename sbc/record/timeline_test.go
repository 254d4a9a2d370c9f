package record

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// timeline is the timeline of call n.
func timeline(n int) sbc.Timeline {
	c := call(n)
	t := sbc.Timeline{ID: c.ID, Invited: c.Invited, Omitted: n}
	for i, text := range []string{"INVITE", "100 Trying to INVITE", "180 Ringing to INVITE", "200 OK to INVITE", "ACK", "BYE", "200 OK to BYE"} {
		for j, leg := range []string{"A", "B1"} {
			t.Events = append(t.Events, sbc.Event{
				At: c.Invited.Add(time.Duration(i) * time.Second), Kind: sbc.KindReceived + sbc.Kind(j), Leg: leg, Text: text,
				SDP: text == "INVITE",
			})
		}
	}
	return t
}

// A timeline is there after a restart, and gone after its time, while the record
// stays.
func TestTimelineOutlivesTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(t0())) // the calls begin now
		p := start(t, config(t))
		p.write(0, 2)
		for n := range 2 {
			if err := p.WriteTimeline(timeline(n)); err != nil {
				t.Fatal(err)
			}
		}
		p.end()
		q := start(t, p.cfg)
		defer q.end()
		q.settle()
		got, err := q.Timeline(t.Context(), "call-1")
		if err != nil || !reflect.DeepEqual(got, timeline(1)) {
			t.Errorf("timeline %+v, %v", got, err)
		}
		if _, err := q.Timeline(t.Context(), "call-9"); !errors.Is(err, ErrUnknown) {
			t.Errorf("of an unknown call: %v", err)
		}
		time.Sleep(q.cfg.Timelines + 2*tidyEvery)
		q.settle()
		if _, err := q.Timeline(t.Context(), "call-1"); !errors.Is(err, ErrUnknown) {
			t.Errorf("after its time: %v", err)
		}
		q.wantRecords(2, "records are kept for ever")
	})
}

// While the database takes nothing a bounded number of timelines waits, then they
// are written; the others are counted.
func TestTimelinesThatWaitAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		p.settle()
		unlock := lockDB(t, p.cfg.Path)
		for n := range timesMax + 10 {
			if err := p.WriteTimeline(timeline(n)); err != nil {
				t.Fatal(err)
			}
		}
		p.settle()
		unlock()
		p.settle()
		if st := p.Stats(); st.Untimed != 10 || st.Alarm != "" {
			t.Errorf("stats %+v", st)
		}
		if _, err := p.Timeline(t.Context(), fmt.Sprintf("call-%d", timesMax-1)); err != nil {
			t.Error(err)
		}
		p.end()
		if err := p.WriteTimeline(timeline(0)); !errors.Is(err, ErrClosed) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// Where none are to be kept none are.
func TestTimelinesAreOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.Timelines = 0
		p := start(t, cfg)
		defer p.end()
		if err := p.WriteTimeline(timeline(1)); err != nil {
			t.Error(err)
		}
		p.settle()
		if _, err := p.Timeline(t.Context(), "call-1"); !errors.Is(err, ErrUnknown) {
			t.Errorf("timeline kept: %v", err)
		}
	})
}

// What a timeline costs in the database, in batches.
func BenchmarkInsertTimelines(b *testing.B) {
	db, err := open(filepath.Join(b.TempDir(), "calls.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		batch := make([]sbc.Timeline, batchMax)
		for i := range batch {
			batch[i] = timeline(n)
			n++
		}
		if err := insertTimelines(b.Context(), db, batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/timeline")
}
