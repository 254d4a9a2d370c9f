package sbc

import (
	"context"
	"log/slog"
	"time"
)

// The pauses between attempts to write one record.
const (
	recordRetryMin = time.Second
	recordRetryMax = 30 * time.Second
)

// run is the goroutine of the record queue. B2BUA.Run starts it; it ends when
// ctx is done and what waited has been written, or could not be.
func (q *recordQueue) run(ctx context.Context, w CDRWriter, log *slog.Logger) {
	pause := recordRetryMin
	for {
		r, ok := q.first()
		switch {
		case ok:
			err := r.write(w)
			if err == nil {
				q.written()
				pause = recordRetryMin
				continue
			}
			q.failed()
			log.Error("call record not written", "call", r.ID, "retry_in", pause, "err", err)
			if ctx.Err() != nil {
				return
			}
			waitFor(ctx, pause)
			pause = min(2*pause, recordRetryMax)
		case ctx.Err() != nil:
			return
		default:
			select {
			case <-q.wake:
			case <-ctx.Done():
			}
		}
	}
}

// write hands a note to the writer.
func (n note) write(w CDRWriter) error {
	switch {
	case n.timeline != nil:
		if t, ok := w.(TimelineWriter); ok {
			return t.WriteTimeline(*n.timeline)
		}
	case n.up:
		if u, ok := w.(UpWriter); ok {
			return u.WriteUp(n.CDR)
		}
	default:
		return w.WriteCDR(n.CDR)
	}
	return nil
}

// waitFor returns after d, or when ctx is done.
func waitFor(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
