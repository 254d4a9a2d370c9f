package transport

import "sync"

// An outbox is the bounded queue before the writer of one connection. It is safe
// for concurrent use; its lock is held for an append.
type outbox struct {
	limit int
	wake  chan struct{} // holds a token while there is something to take

	// Guarded by mu.
	mu     sync.Mutex
	items  []Outbound
	closed bool
}

func newOutbox(limit int) *outbox {
	return &outbox{limit: limit, wake: make(chan struct{}, 1)}
}

// put appends o: ErrGone after end, ErrFull beyond the limit.
func (b *outbox) put(o Outbound) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.closed:
		return ErrGone
	case len(b.items) >= b.limit:
		return ErrFull
	}
	b.items = append(b.items, o)
	select {
	case b.wake <- struct{}{}:
	default:
	}
	return nil
}

// take moves what is waiting into dst, whose old content is dropped.
func (b *outbox) take(dst []Outbound) []Outbound {
	clear(dst)
	b.mu.Lock()
	defer b.mu.Unlock()
	taken := b.items
	b.items = dst[:0]
	return taken
}

// end refuses what comes from now on and returns what is left.
func (b *outbox) end() []Outbound {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	left := b.items
	b.items = nil
	return left
}
