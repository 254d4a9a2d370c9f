package udp

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Run reads the sockets until ctx is done, and returns when its goroutines have
// ended. Call it once.
func (p *Poller) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, q := range p.queues {
		wg.Go(func() { q.serve(p.size) })
	}
	<-ctx.Done()
	for _, q := range p.queues {
		_ = q.file.Close() // nothing was written to it
	}
	wg.Wait()
	return nil
}

// serve is the goroutine that reads the sockets of one queue. Run starts it, one
// for each processor; it ends with Run.
func (q *queue) serve(size int) {
	r, b := &round{}, make([]byte, size)
	_ = q.raw.Read(func(uintptr) bool { // its error says that the queue was closed
		for {
			ready := q.take(r)
			if len(ready) == 0 {
				return false // sleep until there is something
			}
			for i, c := range ready {
				if ready[i] = nil; c != nil {
					c.receive(b)
				}
			}
			if len(ready) == batch {
				runtime.Gosched() // signalling has its turn however much audio comes
			}
		}
	})
}

// receive takes one datagram, if there still is one.
func (c *Conn) receive(b []byte) {
	n, src, to, err := c.read(b)
	switch {
	case to == nil:
	case err == nil:
		to.Receive(time.Now(), b[:n], src)
	case !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR):
		to.Failed(err)
	}
}
