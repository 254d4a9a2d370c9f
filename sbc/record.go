package sbc

import "sync"

// recordsMax is how many records may wait for a slow writer.
const recordsMax = 8192

// A recordQueue holds the records that wait for the writer, so that no call
// waits for a disk. Safe for concurrent use.
type recordQueue struct {
	wake chan struct{} // one token: there is something to write

	mu    sync.Mutex
	list  []CDR
	lost  uint64
	alarm bool // the writer reported an error, or records were lost
}

func newRecordQueue() *recordQueue {
	return &recordQueue{wake: make(chan struct{}, 1)}
}

// put adds r and reports whether the queue had room. It does not wait. What
// finds no room is counted and must be logged by the caller.
func (q *recordQueue) put(r CDR) bool {
	q.mu.Lock()
	full := len(q.list) >= recordsMax
	if full {
		q.lost++
		q.alarm = true
	} else {
		q.list = append(q.list, r)
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default: // the writer was told already
	}
	return !full
}

// first returns the record that has waited longest.
func (q *recordQueue) first() (CDR, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return CDR{}, false
	}
	return q.list[0], true
}

// written takes the first record out.
func (q *recordQueue) written() {
	q.mu.Lock()
	q.list[0] = CDR{} // its slices are not ours any more
	q.list = q.list[1:]
	if len(q.list) == 0 {
		q.list = nil
		q.alarm = false
	}
	q.mu.Unlock()
}

// failed raises the alarm.
func (q *recordQueue) failed() {
	q.mu.Lock()
	q.alarm = true
	q.mu.Unlock()
}

// state returns how many wait, how many were lost, and whether there is an alarm.
func (q *recordQueue) state() (waiting int, lost uint64, alarm bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.list), q.lost, q.alarm
}
