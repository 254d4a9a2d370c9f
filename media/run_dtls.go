package media

import (
	"context"
	"net"
	"os"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/logging"
)

// runHandshake is the goroutine of one DTLS handshake and of the association
// it makes. The pool starts it; it ends when the attempt is given up, fails, or
// its endpoint or dialog ends.
func (e *Endpoint) runHandshake(a *attempt) {
	conn, err := e.dial(a)
	if err != nil {
		a.conn.end()
		e.shaken(time.Now(), a, nil, 0, err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), handshakeLimit)
	err = conn.HandshakeContext(ctx)
	cancel()
	var state dtls.State
	var profile dtls.SRTPProtectionProfile
	if err == nil {
		state, _ = conn.ConnectionState()
		profile, _ = conn.SelectedSRTPProtectionProfile()
	}
	e.shaken(time.Now(), a, &state, profile, err)
	if err == nil {
		<-a.conn.ended // pion answers repeated flights meanwhile (RFC 6347 §4.2.4)
	}
	_ = conn.Close() // of a socket that is not its own
}

func (e *Endpoint) dial(a *attempt) (*dtls.Conn, error) {
	remote := net.UDPAddrFromAddrPort(a.remote)
	if a.client() {
		var opts []dtls.ClientOption
		for _, o := range e.handshakeOptions(a) {
			opts = append(opts, o)
		}
		return dtls.ClientWithOptions(a.conn, remote, opts...)
	}
	opts := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert)} // RFC 5763 §5
	for _, o := range e.handshakeOptions(a) {
		opts = append(opts, o)
	}
	return dtls.ServerWithOptions(a.conn, remote, opts...)
}

// recordsHeld bounds the datagrams that wait for a handshake; more are dropped
// and repeated by the far side.
const recordsHeld = 16

// A recordConn is the socket as one handshake sees it: what the endpoint's
// reader found to be of that handshake, and a way to the far side.
type recordConn struct {
	e     *Endpoint
	a     *attempt
	in    chan []byte
	ended chan struct{}
	once  sync.Once

	mu       sync.Mutex
	deadline chan struct{} // closed when reads have run out of time
	timer    *time.Timer
}

func newRecordConn(e *Endpoint, a *attempt) *recordConn {
	return &recordConn{
		e: e, a: a, in: make(chan []byte, recordsHeld),
		ended: make(chan struct{}), deadline: make(chan struct{}),
	}
}

// deliver hands over a datagram, a copy of it.
func (c *recordConn) deliver(b []byte) {
	select {
	case c.in <- append([]byte(nil), b...):
	default:
	}
}

// end gives the attempt up. It does not wait.
func (c *recordConn) end() { c.once.Do(func() { close(c.ended) }) }

// ReadFrom returns the next datagram.
func (c *recordConn) ReadFrom(b []byte) (int, net.Addr, error) {
	c.mu.Lock()
	deadline := c.deadline
	c.mu.Unlock()
	select {
	case <-c.ended:
		return 0, nil, net.ErrClosed
	case <-deadline:
		return 0, nil, os.ErrDeadlineExceeded
	case d := <-c.in:
		return copy(b, d), net.UDPAddrFromAddrPort(c.a.remote), nil
	}
}

// WriteTo sends a datagram to the far side.
func (c *recordConn) WriteTo(b []byte, _ net.Addr) (int, error) {
	select {
	case <-c.ended:
		return 0, net.ErrClosed
	default:
	}
	return c.e.sendRecords(c.a, b)
}

// Close is end.
func (c *recordConn) Close() error {
	c.end()
	return nil
}

// LocalAddr returns the endpoint's.
func (c *recordConn) LocalAddr() net.Addr { return net.UDPAddrFromAddrPort(c.e.local) }

// SetDeadline is SetReadDeadline: a write never waits.
func (c *recordConn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetWriteDeadline does nothing: a write never waits.
func (c *recordConn) SetWriteDeadline(time.Time) error { return nil }

// SetReadDeadline bounds reads, also those that wait already.
func (c *recordConn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	select {
	case <-c.deadline:
		c.deadline = make(chan struct{})
	default:
	}
	if t.IsZero() {
		return nil
	}
	d := c.deadline
	if wait := time.Until(t); wait > 0 {
		c.timer = time.AfterFunc(wait, func() { c.expire(d) })
		return nil
	}
	close(d)
	return nil
}

// expire ends the reads that a deadline bounded.
func (c *recordConn) expire(d chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline != d {
		return
	}
	select {
	case <-d:
	default:
		close(d)
	}
}

// quietLog drops what pion would log: a stranger can make it log, and what
// matters comes back as an error.
type quietLog struct{}

// NewLogger returns a logger that drops everything.
func (quietLog) NewLogger(string) logging.LeveledLogger {
	return logging.NewDefaultLeveledLoggerForScope("", logging.LogLevelDisabled, nil)
}
