package media

import (
	"context"
	"errors"
	"net"
	"slices"
	"time"
)

// Run does the housekeeping of all endpoints until ctx is done. Then it closes
// those that are still open and returns when every reader has ended. It is one
// goroutine, the pool's housekeeper.
func (p *Pool) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		next := p.keep()
		if next.IsZero() {
			timer.Stop()
		} else {
			timer.Reset(time.Until(next))
		}
		select {
		case <-ctx.Done():
			p.stop()
			return nil
		case <-p.stirred:
		case <-timer.C:
		}
	}
}

// keep does all that is due and returns when there is something again.
func (p *Pool) keep() time.Time {
	for {
		now := time.Now()
		e, next := p.takeDue(now)
		if e == nil {
			return next
		}
		if due := e.advance(now); !due.IsZero() {
			p.schedule(e, due)
		}
	}
}

// stop closes what is open and waits for the readers and handshakes.
func (p *Pool) stop() {
	p.mu.Lock()
	p.stopped = true
	var open []*Endpoint
	for e := range p.endpoints {
		open = append(open, e)
	}
	p.mu.Unlock()
	for _, e := range slices.Clip(open) {
		e.Close(time.Now())
	}
	p.group.Wait()
}

// admit takes an endpoint in and starts its readers; false when the pool has
// stopped.
func (p *Pool) admit(e *Endpoint) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return false
	}
	p.endpoints[e] = struct{}{}
	p.stats.Opened++
	p.group.Go(func() { e.read(e.rtp, componentRTP) })
	if e.rtcp != nil {
		p.group.Go(func() { e.read(e.rtcp, componentRTCP) })
	}
	return true
}

// spawn starts a handshake, unless the pool has stopped.
func (p *Pool) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stopped {
		p.group.Go(f)
	}
}

// readPause keeps a socket that fails again and again from taking a processor.
const readPause = 10 * time.Millisecond

// read is the goroutine of one socket. The pool starts it with the endpoint; it
// ends when the socket is closed.
func (e *Endpoint) read(c PacketConn, component uint8) {
	r := &reader{component: component}
	for {
		n, src, err := c.ReadFromUDPAddrPort(r.buf[:])
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			// A want of memory, say: the socket is as good as before.
			if !e.readFailed() {
				return
			}
			e.log.Warn("read media socket", "err", err)
			time.Sleep(readPause)
			continue
		}
		e.receive(time.Now(), r, n, src)
	}
}
