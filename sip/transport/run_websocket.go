package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// subprotocol is what both sides of the handshake name. RFC 7118 §4.1.
const subprotocol = "sip"

// maxUpgrade bounds the header of the HTTP request that asks for a WebSocket, in
// bytes.
const maxUpgrade = 8 << 10

// errHandshake is all that net/http tells of a TLS handshake.
var errHandshake = errors.New("handshake not completed")

// serveWebSockets accepts WebSockets until the socket is closed. HTTP and TLS
// handshakes run on goroutines of net/http, one a connection, each with a
// deadline; a silent client holds up nobody.
func (t *Transport) serveWebSockets(ctx context.Context, s *socket, ln net.Listener) error {
	if s.Kind == WSS {
		ln = secured{Listener: ln, t: t, profile: s.cfg.Profile}
	}
	srv := &http.Server{
		ConnState: func(nc net.Conn, state http.ConnState) {
			if tc, ok := nc.(*tls.Conn); ok && state == http.StateClosed && !tc.ConnectionState().HandshakeComplete {
				t.unproved(s, addrPort(nc.RemoteAddr()), errHandshake)
			}
		},
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { t.upgrade(s, w, r) }),
		ReadHeaderTimeout: t.cfg.Streams.HeaderTimeout,
		ReadTimeout:       t.cfg.Streams.HeaderTimeout,
		WriteTimeout:      t.cfg.Streams.WriteTimeout,
		IdleTimeout:       t.cfg.Streams.HeaderTimeout,
		MaxHeaderBytes:    maxUpgrade,
		ErrorLog:          log.New(io.Discard, "", 0), // what strangers do wrong is counted
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	err := srv.Serve(ln)
	_ = srv.Close()
	return err
}

// A secured listener puts TLS before what it accepts; the handshake is net/http's.
type secured struct {
	net.Listener
	t       *Transport
	profile string
}

func (l secured) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return tls.Server(nc, l.t.profile(l.profile).current.Load().server()), nil
}

// upgrade turns an HTTP request into a WebSocket and hands it over.
func (t *Transport) upgrade(s *socket, w http.ResponseWriter, r *http.Request) {
	f := Flow{Kind: s.Kind, Listener: s.Name, Local: s.Addr, Remote: parseRemote(r.RemoteAddr)}
	if status, why := s.refuses(r); status != 0 {
		t.count.inc(countHandshakeFailed)
		http.Error(w, why, status)
		return
	}
	if r.TLS != nil {
		m := t.profile(s.cfg.Profile).current.Load()
		f.Identity = identityOf(*r.TLS, m.verifiesClients())
	}
	wc, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // refuses checked the origin against the list
	})
	if err != nil {
		t.count.inc(countHandshakeFailed)
		return
	}
	if !t.begin(func(ctx context.Context) { t.join(ctx, f, t.newWebWire(ctx, wc)) }) {
		_ = wc.CloseNow()
	}
}

// refuses says with which HTTP status a handshake is refused, 0 if it is not. A
// browser tells the origin of the page, which must be on the list: pages of
// others must not speak for our users. RFC 6455 §10.2; RFC 7118 §4.1.
func (s *socket) refuses(r *http.Request) (status int, why string) {
	origin := r.Header.Get("Origin")
	if origin != "" && !slices.ContainsFunc(s.cfg.Origins, func(o string) bool {
		return o == "*" || strings.EqualFold(o, origin)
	}) {
		return http.StatusForbidden, "origin not allowed"
	}
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(p) == subprotocol {
				return 0, ""
			}
		}
	}
	return http.StatusBadRequest, "this is SIP over WebSocket: ask for subprotocol sip"
}

// dialWebSocket does the HTTP handshake on nc, which is secured already if need
// be.
func (t *Transport) dialWebSocket(ctx context.Context, c *conn, nc net.Conn) (wire, error) {
	host := c.key.remote.String()
	if c.key.host != "" {
		host = c.key.host
	}
	tr := &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) { return nc, nil },
	}
	wc, _, err := websocket.Dial(ctx, "ws://"+host+"/", &websocket.DialOptions{
		HTTPClient:   &http.Client{Transport: tr},
		Subprotocols: []string{subprotocol},
	})
	if err == nil && wc.Subprotocol() != subprotocol {
		_ = wc.CloseNow()
		err = errors.New("the server does not speak SIP over WebSocket")
	}
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("websocket: %w", err)
	}
	return t.newWebWire(context.WithoutCancel(ctx), wc), nil
}

// A webWire is a WebSocket. Each message is a frame of its own, RFC 7118 §5.
type webWire struct {
	conn *websocket.Conn
	cfg  StreamConfig
	over context.CancelCauseFunc
	// ctx bounds every read and write; the library takes no deadlines.
	ctx context.Context //nolint:containedctx // it is the life of the socket
}

func (t *Transport) newWebWire(ctx context.Context, wc *websocket.Conn) *webWire {
	wc.SetReadLimit(maxMessage)
	w := &webWire{conn: wc, cfg: t.cfg.Streams}
	// What is queued may still go out when the transport stops.
	w.ctx, w.over = context.WithCancelCause(context.WithoutCancel(ctx))
	return w
}

func (w *webWire) close() {
	w.over(net.ErrClosed)
	_ = w.conn.CloseNow()
}

func (w *webWire) read(t *Transport, c *conn) error {
	var buf bytes.Buffer
	for {
		buf.Reset()
		if err := w.frame(&buf); err != nil {
			return err
		}
		now, data := time.Now(), buf.Bytes()
		switch {
		case !t.admit(now, c.flow.Remote.Addr(), len(data)):
		case isPing(data): // some clients ping as on TCP, RFC 5626 §4.4.1
			t.count.inc(countPing)
			_ = c.box.put(Outbound{Flow: c.flow, Raw: []byte("\r\n")}) // a full queue answers by itself
		default:
			t.message(now, c.flow, data)
		}
	}
}

// frame reads one message, text or binary (RFC 7118 §5.1): it may begin within
// IdleTimeout and then has HeaderTimeout to be whole.
func (w *webWire) frame(buf *bytes.Buffer) error {
	ctx, cancel := context.WithTimeout(w.ctx, w.cfg.IdleTimeout)
	defer cancel()
	_, r, err := w.conn.Reader(ctx)
	if err != nil {
		return err
	}
	timer := time.AfterFunc(w.cfg.HeaderTimeout, cancel)
	defer timer.Stop()
	_, err = buf.ReadFrom(r)
	return err
}

func (w *webWire) write(batch []Outbound) error {
	for _, o := range batch {
		kind := websocket.MessageText
		if !utf8.Valid(o.Raw) {
			kind = websocket.MessageBinary // RFC 6455 §5.6
		}
		ctx, cancel := context.WithTimeout(w.ctx, w.cfg.WriteTimeout)
		err := w.conn.Write(ctx, kind, o.Raw)
		cancel()
		if err != nil {
			return err
		}
	}
	return nil
}

// ping waits for the pong: a client that does not answer is gone.
func (w *webWire) ping() error {
	ctx, cancel := context.WithTimeout(w.ctx, w.cfg.WriteTimeout)
	defer cancel()
	return w.conn.Ping(ctx)
}
