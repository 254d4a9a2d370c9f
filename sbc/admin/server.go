package admin

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// The limits of a connection. Handlers answer at once, so that a slow client
// holds up nobody but itself.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	maxHeader     = 16 << 10
)

// A Server serves the API. Safe for concurrent use.
type Server struct {
	// Set once.
	log     *slog.Logger
	doors   []door
	handler http.Handler
}

// A door is a listener and what lets requests in there.
type door struct {
	listener net.Listener
	server   *http.Server
}

// New opens the listeners and starts nothing. version is what the OpenAPI
// document says.
func New(cfg Config, socket, version string, d Deps) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{log: d.Log, handler: newAPI(d, version, clock)}
	if socket != "" && d.ListenUnix != nil {
		l, err := d.ListenUnix(socket)
		if err != nil {
			return nil, fmt.Errorf("listen on admin socket: %w", err)
		}
		s.open(l, guard(s.handler, false, cfg.Token))
	}
	if cfg.Address != "" {
		a, err := netip.ParseAddrPort(cfg.Address)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		l, err := d.Listen(a)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("listen on admin address: %w", err), s.Close())
		}
		s.open(l, guard(s.handler, true, cfg.Token))
	}
	return s, nil
}

func (s *Server) open(l net.Listener, h http.Handler) {
	s.doors = append(s.doors, door{l, &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}})
}

// Addrs returns what the server listens on.
func (s *Server) Addrs() []net.Addr {
	out := make([]net.Addr, len(s.doors))
	for i, d := range s.doors {
		out[i] = d.listener.Addr()
	}
	return out
}

// Close releases the listeners of a Server that never ran.
func (s *Server) Close() error {
	var errs []error
	for _, d := range s.doors {
		errs = append(errs, d.listener.Close())
	}
	return errors.Join(errs...)
}
