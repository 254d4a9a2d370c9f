package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// Run serves the listeners until ctx ends, then stops listening, lets what is
// queued on connections go out, closes them, and returns when all goroutines of
// the transport have ended. It returns an error if a listener died before that.
// Call it once.
func (t *Transport) Run(ctx context.Context, r Receiver) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	t.mu.Lock()
	t.receiver = r
	t.start = func(f func(context.Context)) { t.running.Go(func() { f(ctx) }) }
	t.mu.Unlock()
	close(t.up)

	var listening sync.WaitGroup
	for _, s := range t.sockets {
		listening.Go(func() {
			if err := t.serve(ctx, s); err != nil && ctx.Err() == nil {
				cancel(err)
			}
		})
	}
	listening.Go(func() { t.watchCertificates(ctx) })
	<-ctx.Done()
	t.mu.Lock()
	t.start = nil
	t.mu.Unlock()
	err := t.Close()
	listening.Wait()
	t.running.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
		return cause
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// begin starts f as a goroutine that Run waits for; false if not running.
func (t *Transport) begin(f func(ctx context.Context)) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.start == nil {
		return false
	}
	t.start(f)
	return true
}

// serve is the goroutine of one listener. Run starts it; it ends when the socket
// is closed.
func (t *Transport) serve(ctx context.Context, s *socket) error {
	if s.streams != nil {
		return t.accept(ctx, s)
	}
	return t.readPackets(ctx, s)
}

// readPackets reads one UDP socket, and what ICMP said about datagrams that left
// through it. An error never ends it; only closing the socket does.
func (t *Transport) readPackets(ctx context.Context, s *socket) error {
	buf, quoted := make([]byte, maxMessage+1), make([]byte, maxQuoted)
	var pause time.Duration
	for {
		n, src, err := s.packets.ReadFromUDPAddrPort(buf)
		switch {
		case err == nil:
			pause = 0
			t.packet(time.Now(), s, src, buf[:n])
			continue
		case errors.Is(err, net.ErrClosed) || ctx.Err() != nil:
			return err
		case t.refusals(time.Now(), s, quoted) || errors.Is(err, os.ErrDeadlineExceeded):
			pause = 0
			continue
		}
		t.count.inc(countReadError)
		if pause > 0 { // only errors come: do not spin
			wait(ctx, pause)
		}
		pause = min(max(2*pause, time.Millisecond), time.Second)
	}
}

// wait returns after d or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// listen opens a listening TCP socket of the machine.
func listen(local netip.AddrPort) (net.Listener, error) {
	return net.ListenTCP(network("tcp", local.Addr()), net.TCPAddrFromAddrPort(local))
}

// dial opens a TCP connection.
func dial(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	if local.IsValid() && !local.IsUnspecified() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
	}
	return d.DialContext(ctx, "tcp", remote.String())
}

// network narrows a network to the family of a; [::] listens to both.
func network(name string, a netip.Addr) string {
	switch {
	case a.Is4():
		return name + "4"
	case a.IsUnspecified():
		return name
	}
	return name + "6"
}
