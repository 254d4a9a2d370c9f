package record

import (
	"context"
	"slices"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// The times of the writer.
const (
	batchDelay  = 500 * time.Millisecond // records of so long go in one transaction
	batchMax    = 256                    // and so many at most
	retryMin    = 250 * time.Millisecond
	retryMax    = 10 * time.Second
	tidyEvery   = time.Hour
	finalWithin = 5 * time.Second // to write what waits when Run ends
)

// Run writes what waits to the database until ctx is done, then once more. It is
// the store's goroutine; call it once.
func (s *Store) Run(ctx context.Context) error {
	pause := retryMin
	tidied := time.Time{}
	ready := false
	for ctx.Err() == nil {
		err := s.prepare(ctx, &ready)
		if err == nil {
			err = s.flush(ctx)
		}
		if now := time.Now(); err == nil && now.Sub(tidied) >= tidyEvery {
			tidied = now
			err = s.tidy(ctx, now)
		}
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			s.trouble(err, pause)
			wait(ctx, pause, nil)
			pause = min(2*pause, retryMax)
			continue
		}
		s.well()
		pause = retryMin
		wait(ctx, tidyEvery, s.wake)
		wait(ctx, batchDelay, nil)
	}
	return s.last(ctx, ready)
}

// prepare brings the schema up to date, then reads what a predecessor left.
func (s *Store) prepare(ctx context.Context, ready *bool) error {
	if !*ready {
		if err := migrate(ctx, s.db); err != nil {
			return err
		}
		*ready = true
	}
	s.mu.Lock()
	old := slices.Clone(s.old)
	s.mu.Unlock()
	if len(old) == 0 {
		return nil
	}
	return s.recover(ctx, old)
}

// last writes what waits although ctx is done.
func (s *Store) last(ctx context.Context, ready bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalWithin)
	defer cancel()
	err := s.prepare(ctx, &ready)
	if err == nil {
		err = s.flush(ctx)
	}
	if err != nil {
		s.log.Error("call records stay in the spool until the next start", "err", err)
	}
	return nil
}

// flush writes the queue, then what is in the spool only.
func (s *Store) flush(ctx context.Context) error {
	for {
		s.mu.Lock()
		batch := slices.Clone(s.queue[:min(len(s.queue), batchMax)])
		behind, path, size := s.behind, s.spool.path(), s.spool.size
		s.mu.Unlock()
		switch {
		case len(batch) > 0:
			if err := insert(ctx, s.db, batch, orReplace); err != nil {
				return err
			}
			s.mu.Lock()
			s.queue = slices.Delete(s.queue, 0, len(batch))
			s.stats.Written += uint64(len(batch))
			s.mu.Unlock()
		case behind:
			if err := s.catchUp(ctx, path, size); err != nil {
				return err
			}
		default:
			if more, err := s.flushTimelines(ctx); more || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			return s.turn()
		}
	}
}

// catchUp writes every record in the first size bytes of the spool.
func (s *Store) catchUp(ctx context.Context, path string, size int64) error {
	s.mu.Lock()
	s.behind = false // unless the queue overflows again meanwhile
	s.mu.Unlock()
	n, err := s.replay(ctx, path, size, nil)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stats.Written += n
	if err != nil {
		s.behind = true
	}
	return err
}

// turn begins a new spool when this one is long and nothing in it is needed.
func (s *Store) turn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spool.size < s.turnAt || len(s.queue) > 0 || s.behind {
		return nil
	}
	return s.spool.next()
}

// recover writes what predecessors left, and a record for each of their calls
// that was still up.
func (s *Store) recover(ctx context.Context, old []string) error {
	up := map[string]sbc.CDR{}
	total := uint64(0)
	for _, path := range old {
		n, err := s.replay(ctx, path, -1, up)
		if err != nil {
			return err
		}
		total += n
	}
	rows := make([]row, 0, len(up))
	for _, c := range up {
		c = lost(c)
		b, err := line(lineOver, c)
		if err != nil {
			return err
		}
		rows = append(rows, row{c, b[1 : len(b)-1]})
	}
	for batch := range slices.Chunk(rows, batchMax) {
		if err := insert(ctx, s.db, batch, orIgnore); err != nil {
			return err
		}
	}
	return s.recovered(old, total, uint64(len(rows)))
}

// replay writes the records of one spool to the database. The calls it shows as
// up are gathered in up, unless that is nil.
func (s *Store) replay(ctx context.Context, path string, size int64, up map[string]sbc.CDR) (uint64, error) {
	var batch []row
	var n uint64
	write := func() error {
		if err := insert(ctx, s.db, batch, orReplace); err != nil {
			return err
		}
		n += uint64(len(batch))
		batch = batch[:0]
		return nil
	}
	err := readSpool(path, size, func(kind byte, c sbc.CDR, body []byte) error {
		if kind == lineUp {
			if up != nil {
				up[c.ID] = c
			}
			return nil
		}
		delete(up, c.ID)
		batch = append(batch, row{c, slices.Clone(body)})
		if len(batch) < batchMax {
			return nil
		}
		return write()
	})
	if err != nil {
		return n, err
	}
	return n, write()
}

// tidy deletes records and timelines that are older than the configuration keeps
// them.
func (s *Store) tidy(ctx context.Context, now time.Time) error {
	if s.cfg.Keep > 0 {
		if err := forget(ctx, s.db, oldCalls, now.Add(-s.cfg.Keep)); err != nil {
			return err
		}
	}
	return forget(ctx, s.db, oldTimelines, now.Add(-s.cfg.Timelines))
}

// trouble raises the alarm, and logs when it was not up already.
func (s *Store) trouble(err error, pause time.Duration) {
	s.mu.Lock()
	s.failed(err)
	first := s.working
	s.working = false
	s.mu.Unlock()
	if first {
		s.log.Error("call records wait in the spool: the database does not take them", "err", err, "retry_in", pause)
	}
}

// well ends the alarm.
func (s *Store) well() {
	s.mu.Lock()
	first := !s.working
	s.working = true
	s.stats.Alarm = ""
	s.mu.Unlock()
	if first {
		s.log.Info("call records are written again")
	}
}

// wait returns after d, when wake gives, or when ctx is done.
func wait(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
}
