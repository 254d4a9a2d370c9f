package record

import (
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"

	"github.com/tandem-voip/tandem/sbc"
)

// queueMax is how many records wait for the database in memory; those beyond
// are read back from the spool.
const queueMax = 1024

// segmentSize is when the spool begins a new file, in bytes.
const segmentSize = 1 << 20

// ErrFull says that the spool has reached its bound: the record was not taken.
var ErrFull = errors.New("spool of call records is full")

// ErrClosed says that the store was closed.
var ErrClosed = errors.New("store of call records is closed")

// Deps are the collaborators of a Store.
type Deps struct {
	// Log takes what an operator must know. Nil discards it.
	Log *slog.Logger
}

// A row is a record on its way to the database.
type row struct {
	cdr  sbc.CDR
	body []byte // its JSON
}

// A Store keeps call records. Safe for concurrent use.
type Store struct {
	// Set once.
	cfg  Config
	log  *slog.Logger
	db   *sql.DB
	lock *os.File
	wake chan struct{} // one token: there is something to write

	mu sync.Mutex // guards the rest; held for one file write
	// Guarded by mu.
	spool   *spool
	old     []string // spools of predecessors, not yet in the database
	queue   []row
	times   []sbc.Timeline
	behind  bool // the spool has records that are not in queue
	closed  bool
	limit   int64 // size at which the spool takes no more, in bytes
	turnAt  int64 // size at which it begins a new file, in bytes
	stats   Stats
	working bool // the database takes what it is given
}

// Stats is a copy of the counters of a store.
type Stats struct {
	Waiting    int    // records not yet in the database that are in memory
	SpoolBytes int64  // size of the spool
	Written    uint64 // records that reached the database
	Recovered  uint64 // of these, left by a process that died
	Lost       uint64 // calls that were up when a process died
	Refused    uint64 // records the spool had no room for
	Untimed    uint64 // timelines that were dropped since the database was too slow
	Errors     uint64 // attempts that did not succeed, at the database or the spool
	Alarm      string // what is wrong now, in words; empty when nothing is
}

// New opens the store at cfg.Path and starts nothing. Only one process at a
// time may have it open.
func New(cfg Config, d Deps) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Path == "" {
		return nil, errors.New("open call records: path is empty, expected a file")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	lock, err := lockFile(cfg.Path + ".lock")
	if err != nil {
		return nil, err
	}
	s := &Store{
		cfg: cfg, log: d.Log, lock: lock, wake: make(chan struct{}, 1), working: true,
		limit: int64(cfg.Spool) << 20, turnAt: segmentSize,
	}
	err = private(cfg.Path) // SQLite gives the files beside it the same permissions
	if err == nil {
		s.db, err = open(cfg.Path)
	}
	if err == nil {
		s.spool, s.old, err = openSpool(cfg.Path + ".spool-")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open call records: %w", err), s.release())
	}
	return s, nil
}

// private makes sure that the database exists and that nobody else may read it
// if it did not exist before.
func private(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return f.Close()
}

// lockFile takes the lock that keeps a second process away. The system gives it
// up when the process dies.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fmt.Errorf("open call records: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // the lock was not ours
		return nil, fmt.Errorf("open call records: %s is locked, another process uses it: %w", path, err)
	}
	return f, nil
}

// WriteUp notes that a call is up, so that it gets a record should the process
// die. c is what is known of it; a later note replaces an earlier one. It writes
// to a file and does not wait for the database.
func (s *Store) WriteUp(c sbc.CDR) error {
	b, err := line(lineUp, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.spool.size >= s.limit {
		return ErrFull
	}
	if err := s.spool.add(b); err != nil {
		s.failed(err)
		return err
	}
	s.spool.up[c.ID] = b
	return nil
}

// WriteCDR takes the record of a call that is over. It writes to a file and does
// not wait for the database. After an error the record was not taken and may be
// handed in again: ErrFull when the spool has reached its bound, or what the
// file system said.
func (s *Store) WriteCDR(c sbc.CDR) error {
	b, err := line(lineOver, c)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if s.spool.size >= s.limit {
		s.stats.Refused++
		s.stats.Alarm = ErrFull.Error()
		return ErrFull
	}
	if err := s.spool.add(b); err != nil {
		s.failed(err)
		return err
	}
	delete(s.spool.up, c.ID)
	if len(s.queue) < queueMax {
		s.queue = append(s.queue, row{c, b[1 : len(b)-1]})
	} else {
		s.behind = true
	}
	s.nudge()
	return nil
}

// recovered forgets the spools of predecessors, whose records are written.
func (s *Store) recovered(old []string, records, lost uint64) error {
	for _, path := range old {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove spool: %w", err)
		}
	}
	s.mu.Lock()
	s.old = nil
	s.stats.Written += records + lost
	s.stats.Recovered += records
	s.stats.Lost += lost
	s.mu.Unlock()
	s.log.Warn("call records of a process that did not end in order were recovered", "records", records, "lost_calls", lost)
	return nil
}

// nudge wakes the writer.
func (s *Store) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it was told already
	}
}

// failed counts an error and raises the alarm. s.mu is held.
func (s *Store) failed(err error) {
	s.stats.Errors++
	s.stats.Alarm = err.Error()
}

// Stats returns the counters.
func (s *Store) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.stats
	st.Waiting, st.SpoolBytes = len(s.queue), s.spool.size
	return st
}

// Close ends the store. What is not in the database stays in the spool and is
// written when the store is opened again. Call it after Run has returned.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	done := len(s.queue) == 0 && !s.behind && len(s.spool.up) == 0
	return errors.Join(s.spool.close(done), s.release())
}

// release gives back the database and the lock.
func (s *Store) release() error {
	var err error
	if s.db != nil {
		err = s.db.Close()
	}
	return errors.Join(err, s.lock.Close())
}
