package record

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/tandem-voip/tandem/sbc"
)

// timesMax is how many timelines wait for the database. What is beyond is dropped:
// unlike a record nobody is billed by it.
const timesMax = 1024

// WriteTimeline takes the timeline of a call that is over. It does not wait, and
// what finds no room is dropped and counted. ErrClosed.
func (s *Store) WriteTimeline(t sbc.Timeline) error {
	if s.cfg.Timelines == 0 {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case len(s.times) >= timesMax:
		s.stats.Untimed++
	default:
		s.times = append(s.times, t)
		s.nudge()
	}
	return nil
}

// flushTimelines writes the timelines that wait, some of them, and reports whether
// there were any. Those that the death of the process catches are lost.
func (s *Store) flushTimelines(ctx context.Context) (bool, error) {
	s.mu.Lock()
	batch := s.times
	s.times = nil
	s.mu.Unlock()
	if len(batch) == 0 {
		return false, nil
	}
	err := insertTimelines(ctx, s.db, batch)
	if err != nil {
		s.mu.Lock()
		room := timesMax - len(s.times)
		s.stats.Untimed += uint64(max(0, len(batch)-room))
		s.times = append(batch[max(0, len(batch)-room):], s.times...)
		s.mu.Unlock()
	}
	return true, err
}

// insertTimelines puts timelines into the database, all or none.
func insertTimelines(ctx context.Context, db *sql.DB, batch []sbc.Timeline) error {
	ctx = context.WithoutCancel(ctx) // as insert
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after Commit
	st, err := tx.PrepareContext(ctx, "INSERT OR REPLACE INTO timelines (id, invited, body) VALUES (?, ?, ?)")
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = st.Close() }() // ends with the transaction anyway
	for _, t := range batch {
		body, err := json.Marshal(t)
		if err == nil {
			_, err = st.ExecContext(ctx, t.ID, micro(t.Invited), string(body))
		}
		if err != nil {
			return fmt.Errorf("insert timeline: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Timeline returns the timeline of a call by our id. ErrUnknown when there is
// none, or none any more.
func (s *Store) Timeline(ctx context.Context, id string) (sbc.Timeline, error) {
	var body []byte
	err := s.db.QueryRowContext(ctx, "SELECT body FROM timelines WHERE id = ?", id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return sbc.Timeline{}, ErrUnknown
	}
	var t sbc.Timeline
	if err == nil {
		err = json.Unmarshal(body, &t)
	}
	if err != nil {
		return sbc.Timeline{}, fmt.Errorf("read timeline: %w", err)
	}
	return t, nil
}
