package transport

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// A wire is a connection that is open: octets of TCP or TLS, or frames of a
// WebSocket.
type wire interface {
	// read hands in what arrives until the connection ends.
	read(t *Transport, c *conn) error
	// write sends whole messages.
	write(batch []Outbound) error
	ping() error
	close()
}

// accept is the goroutine of a listening stream socket. serve starts it; it ends
// when the socket is closed. Nothing a client does can hold it up.
func (t *Transport) accept(ctx context.Context, s *socket) error {
	ln := &admission{Listener: s.streams, t: t, ctx: ctx}
	if s.Kind == WS || s.Kind == WSS {
		return t.serveWebSockets(ctx, s, ln)
	}
	for {
		nc, err := ln.Accept()
		if err != nil {
			return err
		}
		if !t.begin(func(ctx context.Context) { t.welcome(ctx, s, nc) }) {
			_ = nc.Close()
		}
	}
}

// An admission is a listener that lets in only as many as may come, and whose
// passing errors, such as too few descriptors, do not end it.
type admission struct {
	net.Listener
	t   *Transport
	ctx context.Context //nolint:containedctx // Accept has no parameter for it
}

func (a *admission) Accept() (net.Conn, error) {
	for {
		nc, err := a.Listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return nil, err
		case err != nil && a.ctx.Err() != nil:
			return nil, err
		case err != nil:
			a.t.count.inc(countReadError)
			wait(a.ctx, 50*time.Millisecond)
			continue
		}
		if v := a.t.admitConn(time.Now(), nc); v != nil {
			return v, nil
		}
		_ = nc.Close()
	}
}

// admitConn counts a connection in, nil if it may not come.
func (t *Transport) admitConn(now time.Time, nc net.Conn) net.Conn {
	src := addrPort(nc.RemoteAddr()).Addr()
	if !t.admit(now, src, 0) {
		return nil
	}
	t.mu.Lock()
	ok := t.table.enter(t.cfg.Streams, src, t.known(src))
	t.mu.Unlock()
	if !ok {
		t.count.inc(countConnRefused)
		return nil
	}
	t.count.inc(countAccepted)
	return &admitted{Conn: nc, leave: sync.OnceFunc(func() {
		t.mu.Lock()
		t.table.leave(src)
		t.mu.Unlock()
	})}
}

func (t *Transport) known(a netip.Addr) bool { return t.deps.Known != nil && t.deps.Known(a) }

// An admitted connection gives its place back when it is closed.
type admitted struct {
	net.Conn
	leave func()
}

func (a *admitted) Close() error {
	a.leave()
	return a.Conn.Close()
}

// welcome is the goroutine of an accepted TCP or TLS connection. accept starts
// it; it ends with the connection.
func (t *Transport) welcome(ctx context.Context, s *socket, nc net.Conn) {
	f := Flow{Kind: s.Kind, Listener: s.Name, Local: addrPort(nc.LocalAddr()), Remote: addrPort(nc.RemoteAddr())}
	if s.Kind == TLS {
		tc, identity, err := t.secureServer(ctx, s, nc)
		if err != nil {
			t.unproved(s, f.Remote, err)
			_ = nc.Close()
			return
		}
		nc, f.Identity = tc, identity
	}
	t.join(ctx, f, &streamWire{conn: nc, cfg: t.cfg.Streams})
}

// unproved notes a TLS handshake that came to nothing. Of strangers it is not worth a
// line; a trunk's calls do not come, and somebody has to know.
func (t *Transport) unproved(s *socket, remote netip.AddrPort, err error) {
	t.count.inc(countHandshakeFailed)
	if !t.known(remote.Addr()) {
		t.log.Debug("tls handshake refused", "listener", s.Name, "remote", remote, "err", err)
		return
	}
	t.count.inc(countTrunkUnproved)
	t.log.Warn("tls handshake of a trunk's address refused", "listener", s.Name, "remote", remote, "err", err)
}

// join adds an accepted connection and carries it to its end.
func (t *Transport) join(ctx context.Context, f Flow, w wire) {
	c := t.newConn(f, false)
	t.mu.Lock()
	t.table.add(c)
	t.mu.Unlock()
	t.carry(ctx, c, w)
}

// open is the goroutine of a connection that we open. Send starts it through
// connFor; it ends with the connection. Messages wait in the outbox meanwhile.
func (t *Transport) open(c *conn, s *socket) func(context.Context) {
	return func(ctx context.Context) {
		w, err := t.connect(ctx, c, s)
		if err != nil {
			t.count.inc(countOpenFailed)
			err = fmt.Errorf("connect to %s: %w", c.key.remote, err)
			t.drop(c, err)
			t.fail(time.Now(), c.box.end(), err)
			return
		}
		t.count.inc(countOpened)
		t.carry(ctx, c, w)
	}
}

// connect dials and does the handshakes, within DialTimeout in all.
func (t *Transport) connect(ctx context.Context, c *conn, s *socket) (wire, error) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Streams.DialTimeout)
	defer cancel()
	var local netip.Addr
	if s != nil && !s.Addr.Addr().IsUnspecified() {
		local = s.Addr.Addr()
	}
	nc, err := t.deps.Dial(ctx, local, c.key.remote)
	if err != nil {
		return nil, err
	}
	c.flow.Local = addrPort(nc.LocalAddr())
	if c.key.kind.Secure() {
		tc, identity, err := t.secureClient(ctx, c.key, nc)
		if err != nil {
			_ = nc.Close()
			return nil, err
		}
		nc, c.flow.Identity = tc, identity
	}
	if c.key.kind == WS || c.key.kind == WSS {
		return t.dialWebSocket(ctx, c, nc)
	}
	return &streamWire{conn: nc, cfg: t.cfg.Streams}, nil
}

// carry reads and writes an open connection until it ends: this goroutine reads,
// a second one writes.
func (t *Transport) carry(ctx context.Context, c *conn, w wire) {
	stop := context.AfterFunc(ctx, func() { t.drop(c, ErrClosed) })
	defer stop()
	var writing sync.WaitGroup
	writing.Go(func() { t.writeTo(c, w) })
	err := w.read(t, c)
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		t.count.inc(countTimeout)
	}
	t.drop(c, err)
	writing.Wait()
	t.count.inc(countClosed)
	t.log.Debug("connection closed", "kind", c.flow.Kind, "remote", c.flow.Remote, "err", c.err)
}

// writeTo is the writer of a connection. carry starts it; it ends, and closes the
// socket, when the connection is closed. A write that stalls for WriteTimeout
// closes it.
func (t *Transport) writeTo(c *conn, w wire) {
	defer w.close()
	var ping <-chan time.Time
	if d := t.cfg.Streams.PingInterval; d > 0 && (c.ours || c.flow.Kind == WS || c.flow.Kind == WSS) {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		ping = ticker.C
	}
	var batch []Outbound
	for {
		var err error
		select {
		case <-c.box.wake:
			batch = c.box.take(batch)
			err = t.writeBatch(c, w, batch)
		case <-ping:
			err = w.ping()
		case <-c.closed:
			t.finish(c, w)
			return
		}
		if err != nil {
			t.drop(c, err)
			t.fail(time.Now(), c.box.end(), err)
			return
		}
	}
}

// finish is what becomes of a queue when its connection ends: we send it if it
// was we who wanted to stop, or refused to read on; else it failed.
func (t *Transport) finish(c *conn, w wire) {
	left := c.box.end()
	var bad fault
	if errors.Is(c.err, ErrClosed) || errors.As(c.err, &bad) {
		_ = t.writeBatch(c, w, left) // reported there
		return
	}
	err := c.err
	if err == nil {
		err = ErrGone
	}
	t.fail(time.Now(), left, err)
}

func (t *Transport) writeBatch(c *conn, w wire, batch []Outbound) error {
	if len(batch) == 0 {
		return nil
	}
	err := w.write(batch)
	now := time.Now()
	if err != nil {
		t.count.inc(countSendError)
		if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			t.count.inc(countSlowReader)
		}
		t.fail(now, batch, err)
		return err
	}
	for _, o := range batch {
		t.sent(now, c.flow, o.Raw)
	}
	return nil
}
