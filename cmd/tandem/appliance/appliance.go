package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sbc/admin"
	"github.com/tandem-voip/tandem/sbc/diag"
	"github.com/tandem-voip/tandem/sbc/record"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
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
	// ListenPacket opens a UDP socket; port 0 asks for any. Nil means the sockets
	// of this machine.
	ListenPacket func(local netip.AddrPort) (PacketConn, error)

	// Listen opens a TCP listener; port 0 asks for any.
	Listen func(local netip.AddrPort) (net.Listener, error)

	// Dial opens a TCP connection; local is the address to come from, or zero.
	Dial func(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error)

	// Query asks a name server, over network "udp" or "tcp", with DNS messages as
	// they are on the wire. Nil asks the real ones.
	Query func(ctx context.Context, network string, server netip.AddrPort, question []byte) ([]byte, error)

	// ListenUnix opens the admin socket. Nil means that there is none.
	ListenUnix func(path string) (net.Listener, error)

	// Records takes the call records in place of the configured store. Nil
	// means the store.
	Records sbc.CDRWriter

	// Reload reads the configuration again for the admin API. Nil means that
	// there is nothing to read.
	Reload func() (admin.Reloaded, error)

	// Version is that of the program, for the admin API.
	Version string

	// Log is narrowed by each room.
	Log *slog.Logger
}

// An Appliance is all rooms, built but not running. Safe for concurrent use.
type Appliance struct {
	// Set once.
	deps      Deps
	built     config.Config // what the rooms were built from, and go by until a restart
	transport *transport.Transport
	ua        *sip.UA
	pool      *media.Pool
	b2bua     *sbc.B2BUA
	monitor   *sbc.Monitor
	board     *diag.Board
	store     *record.Store // nil without records
	admin     *admin.Server
	up        chan struct{}
	started   time.Time

	// Atomic.
	cfg atomic.Pointer[config.Config] // in force

	mu sync.Mutex // held for a reload
	// Guarded by mu.
	test *selfTest // two phones that may call one another now; nil without
}

// New builds the rooms. It opens the listeners, so that an address that is in
// use is reported here, and starts nothing.
func New(cfg config.Config, d Deps) (*Appliance, error) {
	if d.Log == nil || d.Listen == nil || d.Dial == nil {
		return nil, errors.New("build appliance: a field of Deps is nil")
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	a := &Appliance{deps: d, built: cfg, up: make(chan struct{}), board: diag.NewBoard(), started: clock()}
	a.cfg.Store(&cfg)
	if err := a.build(cfg); err != nil {
		return nil, errors.Join(fmt.Errorf("build appliance: %w", err), a.discard())
	}
	return a, nil
}

// build makes the rooms, the lowest first.
func (a *Appliance) build(cfg config.Config) error {
	err := a.buildMedia(cfg)
	if err == nil {
		err = a.buildSIP(cfg)
	}
	if err == nil {
		err = a.buildRecords(cfg)
	}
	if err == nil {
		err = a.buildCalls(cfg)
	}
	if err == nil {
		err = a.buildAdmin(cfg)
	}
	return err
}

func (a *Appliance) buildMedia(cfg config.Config) error {
	certificate, err := media.NewCertificate(a.started)
	if err != nil {
		return err
	}
	deps := media.Deps{Codecs: codecs(cfg), Certificate: certificate, Log: a.deps.Log}
	if open := a.deps.ListenPacket; open != nil {
		deps.ListenPacket = func(local netip.AddrPort) (media.PacketConn, error) { return open(local) }
	}
	a.pool, err = media.NewPool(cfg.Media, deps)
	return err
}

func (a *Appliance) buildSIP(cfg config.Config) error {
	var err error
	a.transport, err = transport.New(cfg.SIP, transport.Deps{
		Log:          a.deps.Log,
		Known:        a.known,
		ListenPacket: a.listenSIP,
		Listen:       a.deps.Listen,
		Dial:         a.deps.Dial,
		Query:        a.deps.Query,
	})
	if err != nil {
		return err
	}
	a.ua, err = sip.New(cfg.UA, sip.Deps{Network: a.transport, Log: a.deps.Log})
	return err
}

func (a *Appliance) buildRecords(cfg config.Config) error {
	if cfg.Records.Path == "" || a.deps.Records != nil {
		return nil
	}
	var err error
	a.store, err = record.New(cfg.Records, record.Deps{Log: a.deps.Log})
	return err
}

func (a *Appliance) buildCalls(cfg config.Config) error {
	writer := a.deps.Records
	if a.store != nil {
		writer = a.store
	}
	var err error
	a.b2bua, err = sbc.New(cfg.Config, sbc.Deps{
		Network: a.transport, UA: a.ua, Media: a.pool, Codecs: codecs(cfg), Silence: cfg.Media.Silence,
		Records: writer, Log: a.deps.Log,
	})
	if err != nil {
		return err
	}
	a.ua.Handle(a.b2bua)
	a.monitor = sbc.NewMonitor(a.b2bua.Dialplan().Trunks, sbc.MonitorDeps{UA: a.ua, Network: a.transport, Log: a.deps.Log})
	return nil
}

// sipBuffer is the size asked for of the buffers of a SIP socket, in bytes, so
// that a burst of calls finds room. The system may grant less.
const sipBuffer = 4 << 20

// listenSIP opens a UDP socket for SIP.
func (a *Appliance) listenSIP(local netip.AddrPort) (transport.PacketConn, error) {
	open := a.deps.ListenPacket
	if open == nil {
		open = listenPacket
	}
	c, err := open(local)
	if err != nil {
		return nil, err
	}
	if b, ok := c.(interface {
		SetReadBuffer(bytes int) error
		SetWriteBuffer(bytes int) error
	}); ok {
		// What the system does not grant, "tandem doctor" tells.
		_, _ = b.SetReadBuffer(sipBuffer), b.SetWriteBuffer(sipBuffer)
	}
	return c, nil
}

// known reports whether a trunk may send from an address.
func (a *Appliance) known(addr netip.Addr) bool {
	return a.b2bua != nil && a.b2bua.Dialplan().Trunks.Known(addr)
}

// discard releases what was built by an appliance that never ran.
func (a *Appliance) discard() error {
	var errs []error
	if a.admin != nil {
		errs = append(errs, a.admin.Close())
	}
	if a.store != nil {
		errs = append(errs, a.store.Close())
	}
	if a.transport != nil {
		errs = append(errs, a.transport.Close())
	}
	return errors.Join(errs...)
}

// Up is closed when every room is running.
func (a *Appliance) Up() <-chan struct{} { return a.up }

// Halt ends the grace period of a Run whose context is done.
func (a *Appliance) Halt() { a.b2bua.Halt() }

// Grace is how long calls in progress may go on after a stop.
func (a *Appliance) Grace() time.Duration { return a.cfg.Load().Call.Grace }

// Reload applies what of cfg can be applied to a running appliance: trunks,
// routes, limits and the treatment of calls. Calls in progress keep what they
// began with. It returns the keys that were applied and those in which cfg differs
// from what runs until a restart, which are logged besides. An error means that
// nothing was changed.
func (a *Appliance) Reload(cfg config.Config) (admin.Reloaded, error) {
	if err := cfg.Validate(); err != nil {
		return admin.Reloaded{}, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := a.apply(cfg); err != nil {
		return admin.Reloaded{}, err
	}
	out := admin.Reloaded{Applied: config.Applied(*a.cfg.Load(), cfg), Restart: config.Restart(a.built, cfg)}
	if len(out.Restart) > 0 {
		a.deps.Log.Warn("changes take effect after a restart", "keys", out.Restart)
	}
	a.cfg.Store(&cfg)
	return out, nil
}

// apply puts the certificates, trunks, routes and limits of cfg into force, and
// those of a self test if one is under way. a.mu is held.
func (a *Appliance) apply(cfg config.Config) error {
	sections := cfg.Config
	if a.test != nil {
		sections = a.test.with(sections)
	}
	if err := a.transport.Apply(cfg.SIP); err != nil {
		return err
	}
	if err := a.b2bua.Reload(sections); err != nil {
		return err
	}
	a.monitor.Apply(a.b2bua.Dialplan().Trunks)
	return nil
}

// Calls returns the calls in progress, as they were a moment ago.
func (a *Appliance) Calls() []sbc.CallView { return a.b2bua.Calls() }

// Digits sends digits to one side of a call: see [sbc.B2BUA.Digits].
func (a *Appliance) Digits(id, side, digits string) bool { return a.b2bua.Digits(id, side, digits) }
