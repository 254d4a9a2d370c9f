package media

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/tandem-voip/tandem/media/udp"
)

// Run reads the sockets and does the housekeeping of all endpoints until ctx is
// done. Then it closes those that are still open and returns when every reader
// has ended. It is one goroutine, the pool's housekeeper.
func (p *Pool) Run(ctx context.Context) error {
	if p.poller != nil {
		// The sockets are read until the last is closed.
		reading, end := context.WithCancel(context.WithoutCancel(ctx))
		ended := p.poll(reading)
		defer func() { end(); <-ended }()
	}
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

// poll starts to read the sockets of the machine; the channel is closed when it
// has ended. Run starts it; it ends with ctx, which Run cancels last.
func (p *Pool) poll(ctx context.Context) <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.poller.Run(ctx) // it ends without an error
	}()
	return ended
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

// admit takes an endpoint in and starts to read its sockets; ErrClosed when the
// pool has stopped.
func (p *Pool) admit(e *Endpoint) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopped {
		return ErrClosed
	}
	for i, c := range []socket{e.rtp, e.rtcp} {
		r := &reader{e: e, component: uint8(i + 1)}
		switch c := c.(type) {
		case *udp.Conn:
			if err := c.Serve(r); err != nil {
				return fmt.Errorf("open media endpoint: %w", err)
			}
		case PacketConn:
			p.group.Go(func() { r.read(c) })
		}
	}
	p.endpoints[e] = struct{}{}
	p.stats.Opened++
	return nil
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

// read is the goroutine of a socket that was opened by Deps.ListenPacket. The
// pool starts it with the endpoint; it ends when the socket is closed.
func (r *reader) read(c PacketConn) {
	b := make([]byte, maxDatagram)
	for {
		n, src, err := c.ReadFromUDPAddrPort(b)
		switch {
		case err == nil:
			r.Receive(time.Now(), b[:n], src)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			r.Failed(err)
			time.Sleep(readPause)
		}
	}
}
