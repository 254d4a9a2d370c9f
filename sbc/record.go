package sbc

import "sync"

// recordsMax is how many records may wait for a slow writer.
const recordsMax = 8192

// A recordQueue holds the records that wait for the writer, so that no call
// waits for a disk. Safe for concurrent use.
type recordQueue struct {
	wake chan struct{} // one token: there is something to write

	mu    sync.Mutex
	list  []note
	lost  uint64
	left  uint64 // notes of calls that are up, and timelines, without room
	alarm bool   // the writer reported an error, or records were lost
}

// A note is what the writer is told of a call: its record, that it is up, or its
// timeline.
type note struct {
	CDR
	up       bool
	timeline *Timeline
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
		q.list = append(q.list, note{CDR: r})
	}
	q.mu.Unlock()
	q.stir()
	return !full
}

// putUp notes that a call is up, with what is known of it but for its lists,
// which the call goes on to fill. Only the death of the process would make it a
// record.
func (q *recordQueue) putUp(r CDR) {
	r.Targets, r.Transfers, r.A.Latches, r.B.Latches = nil, nil, nil, nil
	q.putIfRoom(note{CDR: r, up: true})
}

// putIfRoom adds what is less than a record, and does not wait. Half the queue is
// for records alone: what finds no room is left out, and counted.
func (q *recordQueue) putIfRoom(n note) {
	q.mu.Lock()
	if len(q.list) < recordsMax/2 {
		q.list = append(q.list, n)
	} else {
		q.left++
	}
	q.mu.Unlock()
	q.stir()
}

// stir tells the writer that there is something to write.
func (q *recordQueue) stir() {
	select {
	case q.wake <- struct{}{}:
	default: // the writer was told already
	}
}

// first returns the record that has waited longest.
func (q *recordQueue) first() (note, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return note{}, false
	}
	return q.list[0], true
}

// written takes the first record out.
func (q *recordQueue) written() {
	q.mu.Lock()
	q.list[0] = note{} // its slices are not ours any more
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

// state returns how many wait, how many records were lost, how many notes were
// left out, and whether there is an alarm.
func (q *recordQueue) state() (waiting int, lost, left uint64, alarm bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.list), q.lost, q.left, q.alarm
}
