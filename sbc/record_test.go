package sbc

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A diskOfTests fails until a time.
type diskOfTests struct {
	until time.Time
	ids   []string
}

func (d *diskOfTests) WriteCDR(r CDR) error {
	if time.Now().Before(d.until) {
		return errors.New("disk full")
	}
	d.ids = append(d.ids, r.ID)
	return nil
}

// Records wait for a disk that is full, in order, and the alarm ends with the
// trouble.
func TestRecordsOutliveFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, d := newRecordQueue(), &diskOfTests{until: time.Now().Add(10 * time.Second)}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { q.run(ctx, d, slog.New(slog.DiscardHandler)); close(ended) }()
		q.put(CDR{ID: "a"})
		q.put(CDR{ID: "b"})
		time.Sleep(5 * time.Second)
		if n, _, _, alarm := q.state(); n != 2 || !alarm {
			t.Errorf("%d wait, alarm %t; want 2 and an alarm", n, alarm)
		}
		time.Sleep(time.Minute)
		if n, lost, _, alarm := q.state(); n != 0 || lost != 0 || alarm {
			t.Errorf("%d wait, %d lost, alarm %t; want none", n, lost, alarm)
		}
		q.put(CDR{ID: "c"})
		cancel()
		<-ended
		if want := []string{"a", "b", "c"}; !slices.Equal(d.ids, want) {
			t.Errorf("written %v, want %v", d.ids, want)
		}
	})
}

// A diskWithUp takes notes of calls that are up as well.
type diskWithUp struct{ diskOfTests }

func (d *diskWithUp) WriteUp(r CDR) error {
	d.ids = append(d.ids, "up "+r.ID)
	return nil
}

// Notes of calls that are up reach a writer that wants them, before the record,
// and take no room from records.
func TestNotesOfCallsThatAreUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, d := newRecordQueue(), &diskWithUp{}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		q.putUp(CDR{ID: "a", Targets: []Attempt{{}}})
		q.put(CDR{ID: "a"})
		if n, _ := q.first(); n.Targets != nil {
			t.Error("the list of the call, which it goes on to fill, is in the note")
		}
		q.run(ctx, d, slog.New(slog.DiscardHandler))
		if want := []string{"up a", "a"}; !slices.Equal(d.ids, want) {
			t.Errorf("written %v, want %v", d.ids, want)
		}
		for range recordsMax {
			q.putUp(CDR{})
		}
		if n, lost, left, alarm := q.state(); n != recordsMax/2 || lost != 0 || left != recordsMax/2 || alarm {
			t.Errorf("%d wait, %d lost, %d left out, alarm %t", n, lost, left, alarm)
		}
	})
}

// A queue that is full refuses, counts, and takes no memory.
func TestRecordQueueIsBounded(t *testing.T) {
	q := newRecordQueue()
	for range recordsMax {
		if !q.put(CDR{}) {
			t.Fatal("refused before it was full")
		}
	}
	if q.put(CDR{}) {
		t.Error("took one more than it holds")
	}
	if n, lost, _, alarm := q.state(); n != recordsMax || lost != 1 || !alarm {
		t.Errorf("%d wait, %d lost, alarm %t; want %d, 1, true", n, lost, alarm, recordsMax)
	}
}
