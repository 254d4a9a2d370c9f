package simnet

import (
	"context"
	"net"
	"os"
	"slices"
	"sync"
	"time"
)

// now is the network's clock: virtual in a bubble, real outside.
func now() time.Time { return time.Now() }

// A queue holds what is under way to one reader, in order of arrival. It is
// safe for concurrent use. Waiting is done on channels and timers only, which
// is what makes it durably blocking in a bubble.
type queue[T any] struct {
	mu       sync.Mutex
	items    []timed[T] // by arrival, then by sending
	size     int        // sum of the items' sizes, bytes
	deadline time.Time  // of reads; zero: none
	failed   error      // why reading ended; nil: it has not
	wake     chan struct{}
}

// timed is an item and when it arrives.
type timed[T any] struct {
	at   time.Time
	size int
	v    T
}

// put adds an item that arrives at the given time. It reports false when the
// queue holds limit bytes already, or is closed.
func (q *queue[T]) put(at time.Time, size, limit int, v T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed != nil || (limit > 0 && q.size+size > limit) {
		return false
	}
	i := len(q.items)
	for i > 0 && q.items[i-1].at.After(at) {
		i--
	}
	q.items = slices.Insert(q.items, i, timed[T]{at: at, size: size, v: v})
	q.size += size
	q.stir()
	return true
}

// take waits for the next item to arrive.
func (q *queue[T]) take() (T, error) {
	for {
		v, wake, until, err, ok := q.try()
		if ok || err != nil {
			return v, err
		}
		park(wake, until)
	}
}

// try is one attempt of take: an item, an error, or what to wait for.
func (q *queue[T]) try() (v T, wake <-chan struct{}, until time.Time, err error, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := now()
	if q.failed != nil {
		return v, nil, until, q.failed, false
	}
	if !q.deadline.IsZero() && !q.deadline.After(t) {
		return v, nil, until, os.ErrDeadlineExceeded, false
	}
	until = q.deadline
	if len(q.items) > 0 {
		if head := q.items[0]; !head.at.After(t) {
			q.items = slices.Delete(q.items, 0, 1)
			q.size -= head.size
			q.stir()
			return head.v, nil, until, nil, true
		} else if until.IsZero() || head.at.Before(until) {
			until = head.at
		}
	}
	return v, q.waiting(), until, nil, false
}

// room waits until fewer than limit bytes are under way, for a writer.
func (q *queue[T]) room(limit int, deadline func() time.Time) error {
	for {
		q.mu.Lock()
		d := deadline()
		switch {
		case q.failed != nil:
			q.mu.Unlock()
			return q.failed
		case !d.IsZero() && !d.After(now()):
			q.mu.Unlock()
			return os.ErrDeadlineExceeded
		case q.size < limit:
			q.mu.Unlock()
			return nil
		}
		wake := q.waiting()
		q.mu.Unlock()
		park(wake, d)
	}
}

// setDeadline changes the read deadline and wakes who waits.
func (q *queue[T]) setDeadline(t time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.deadline = t
	q.stir()
}

// fail ends the queue; what was under way is lost. The first reason stays.
func (q *queue[T]) fail(err error) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.failed != nil {
		return net.ErrClosed
	}
	q.failed = err
	q.items = nil
	q.size = 0
	q.stir()
	return nil
}

// waiting gives the channel that stir closes. The caller holds mu.
func (q *queue[T]) waiting() <-chan struct{} {
	if q.wake == nil {
		q.wake = make(chan struct{})
	}
	return q.wake
}

// stir wakes everybody who waits. The caller holds mu.
func (q *queue[T]) stir() {
	if q.wake != nil {
		close(q.wake)
		q.wake = nil
	}
}

// park waits for wake or for a time; a zero time never comes.
func park(wake <-chan struct{}, until time.Time) {
	if until.IsZero() {
		<-wake
		return
	}
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-wake:
	case <-timer.C:
	}
}

// pause waits until a time or for the context.
func pause(ctx context.Context, until time.Time) error {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
