package transport

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A conn is a stream connection, open or being opened.
type conn struct {
	// Set once, before anybody else sees the conn.
	id     uint64
	key    connKey
	ours   bool // we opened it
	box    *outbox
	closed chan struct{} // closed by close

	// Written by the goroutine that opens the connection, before it reads.
	flow Flow

	once sync.Once
	err  error // why it was closed; read after closed
}

// A connKey is what connections are shared by. Two names at one address are two
// connections, or the certificate of one would vouch for the other.
// RFC 5923 §5; RFC 5922 §7.
type connKey struct {
	kind     Kind
	remote   netip.AddrPort
	listener string
	host     string
	profile  string
}

func keyOf(f Flow) connKey {
	k := connKey{kind: f.Kind, remote: f.Remote, listener: f.Listener}
	if f.Kind.Secure() {
		k.host, k.profile = f.Host, profileName(f.Profile)
	}
	return k
}

// close ends the connection for the reason err; the first reason stays. The
// writer sends what is queued if err is ErrClosed, and closes the socket.
func (c *conn) close(err error) {
	c.once.Do(func() {
		c.err = err
		close(c.closed)
	})
}

// A table holds the connections. Its owner guards it.
type table struct {
	last     uint64 // the last id given
	byID     map[uint64]*conn
	byKey    map[connKey]*conn
	accepted int
	sources  map[netip.Addr]int // accepted ones by source
}

func newTable() table {
	return table{byID: map[uint64]*conn{}, byKey: map[connKey]*conn{}, sources: map[netip.Addr]int{}}
}

func (t *table) add(c *conn) {
	t.last++
	c.id = t.last
	c.flow.Conn = c.id
	t.byID[c.id] = c
	if _, taken := t.byKey[c.key]; !taken {
		t.byKey[c.key] = c
	}
}

func (t *table) remove(c *conn) {
	delete(t.byID, c.id)
	if t.byKey[c.key] == c {
		delete(t.byKey, c.key)
	}
}

// enter admits one more accepted connection from src. Strangers are held to
// MaxPerSource and leave a quarter of all to those we know.
func (t *table) enter(cfg StreamConfig, src netip.Addr, known bool) bool {
	limit := cfg.MaxConnections
	if !known {
		limit -= limit / 4
	}
	if t.accepted >= limit || !known && t.sources[sourceOf(src)] >= cfg.MaxPerSource {
		return false
	}
	t.accepted++
	t.sources[sourceOf(src)]++
	return true
}

func (t *table) leave(src netip.Addr) {
	t.accepted--
	if key := sourceOf(src); t.sources[key] > 1 {
		t.sources[key]--
	} else {
		delete(t.sources, key)
	}
}

func (t *Transport) sendStream(_ time.Time, o Outbound) error {
	for range 2 { // a connection may end between finding it and using it
		c, err := t.connFor(o.Flow)
		if err != nil {
			return err
		}
		err = c.box.put(o)
		switch {
		case errors.Is(err, ErrFull):
			t.count.inc(countSlowReader)
			t.drop(c, ErrFull)
			return err
		case err == nil:
			return nil
		}
		t.drop(c, err)
	}
	return ErrGone
}

// connFor finds the connection a flow means, or begins to open one.
func (t *Transport) connFor(f Flow) (*conn, error) {
	if f.Conn != 0 {
		t.mu.Lock()
		c := t.table.byID[f.Conn]
		t.mu.Unlock()
		switch {
		case c != nil:
			return c, nil
		case !f.Reopen.IsValid():
			return nil, ErrGone
		}
		f.Remote, f.Conn = unmap(f.Reopen), 0 // RFC 3261 §18.2.2
	}
	s := t.pick(f.Kind, f.Listener, f.Remote.Addr())
	if f.Listener = ""; s != nil {
		f.Listener = s.Name
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.table.byKey[keyOf(f)]; c != nil {
		return c, nil
	}
	switch {
	case t.start == nil:
		return nil, ErrClosed
	case len(t.table.byID) >= t.cfg.Streams.MaxConnections:
		t.count.inc(countConnRefused)
		return nil, ErrFull
	}
	c := t.newConn(f, true)
	t.table.add(c)
	t.start(t.open(c, s))
	return c, nil
}

func (t *Transport) newConn(f Flow, ours bool) *conn {
	return &conn{
		key: keyOf(f), flow: f, ours: ours,
		box:    newOutbox(t.cfg.Streams.Queue),
		closed: make(chan struct{}),
	}
}

// drop closes a connection so that nobody finds it any more.
func (t *Transport) drop(c *conn, err error) {
	t.mu.Lock()
	t.table.remove(c)
	t.mu.Unlock()
	c.close(err)
}

// fail reports messages that did not get out.
func (t *Transport) fail(now time.Time, left []Outbound, err error) {
	for _, o := range left {
		if o.CallID == "" && o.Branch == "" {
			continue // one of our own: nobody waits for it
		}
		t.receiver.Failed(now, Failure{CallID: o.CallID, Branch: o.Branch, Flow: o.Flow, Err: err})
	}
}

// frames takes what the framer has whole and reports whether there was any. A
// fault means that the stream cannot be read on.
func (t *Transport) frames(now time.Time, c *conn, f *framer) (cut bool, _ fault) {
	src := c.flow.Remote.Addr()
	pinged := false
	for {
		kind, data, bad := f.next()
		switch kind {
		case frameNone:
			return cut, 0
		case framePing:
			t.count.inc(countPing)
			if !pinged { // one answer to what came at once: pings cannot fill the queue
				_ = c.box.put(Outbound{Flow: c.flow, Raw: []byte("\r\n")}) // a full queue answers by itself
			}
			pinged = true
		case frameMessage:
			if t.admit(now, src, len(data)) {
				t.message(now, c.flow, data)
			}
		case frameBroken:
			msg, _ := parse(data)
			req, _ := msg.(*sipmsg.Request)
			t.refuse(now, c.flow, req, bad)
			return cut, bad
		}
		cut = true
	}
}
