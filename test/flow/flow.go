package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tandem-voip/tandem/cmd/tandem/appliance"
	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/test/simnet"
)

// patience is how long an expected thing may take when nothing is said.
const patience = 5 * time.Second

// A flow is one run of a script.
type flow struct {
	ctx      context.Context //nolint:containedctx // the run itself; ends with it
	cancel   context.CancelFunc
	dir      string // for files
	rnd      *rand.Rand
	net      *simnet.Network
	hosts    map[netip.Addr]*simnet.Host
	gw       *simnet.Host
	v4, v6   netip.Addr
	setup    *setup
	ca       *authority // nil without TLS
	renewals int        // times the gateway's certificate was written
	peers    map[string]*peer
	ladder   *ladder
	log      *slog.Logger
	running  sync.WaitGroup
	last     time.Time // when the last step was done
	tokens   int
	faults   []*fault

	mu      sync.Mutex
	sockets []io.Closer
	records []sbc.CDR

	app     *appliance.Appliance
	stop    context.CancelFunc // begins the drain
	ended   chan struct{}      // closed when Run has returned
	runErr  error
	idle    int // UDP sockets of the gateway before the first call
	claimed int // records the script has asked for
}

// Options are what a run may differ in.
type Options struct {
	Dir string    // a directory for files
	Log io.Writer // the gateway's log at debug; nil: none
}

// Run runs a script in the bubble of the caller. The error names the line at
// fault; the ladder tells what happened, whether there is an error or not.
func Run(ctx context.Context, script string, o Options) (ladder string, err error) {
	lines, err := parseScript(script)
	if err != nil {
		return "", err
	}
	f := newFlow(ctx, o)
	for _, l := range lines {
		if err = f.step(l); err != nil {
			err = fmt.Errorf("line %d: %s\n        %w", l.n, l.text, err)
			break
		}
		f.last = now()
	}
	ladder = f.ladder.print(o.Log != nil)
	if closing := f.close(); err == nil {
		err = closing
	}
	return ladder, err
}

func newFlow(ctx context.Context, o Options) *flow {
	f := &flow{
		dir: o.Dir, rnd: rand.New(rand.NewPCG(1, 2)), net: simnet.New(1), hosts: map[netip.Addr]*simnet.Host{},
		v4: netip.MustParseAddr("192.0.2.1"), v6: netip.MustParseAddr("2001:db8::1"), peers: map[string]*peer{},
		ladder: &ladder{start: now(), stir: make(chan struct{})}, log: slog.New(slog.DiscardHandler), last: now(),
	}
	f.ctx, f.cancel = context.WithCancel(ctx)
	if o.Log != nil {
		f.log = slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	f.gw = f.net.Host(f.v4, f.v6)
	f.hosts[f.v4], f.hosts[f.v6] = f.gw, f.gw
	f.setup = newSetup(f.v4, f.v6)
	f.net.Tap(f.tap)
	return f
}

// host finds or makes the host of an address.
func (f *flow) host(a netip.Addr) (*simnet.Host, error) {
	if a == f.v4 || a == f.v6 {
		return nil, fmt.Errorf("%v is the gateway's address", a)
	}
	h := f.hosts[a]
	if h == nil {
		h = f.net.Host(a)
		f.hosts[a] = h
	}
	return h, nil
}

// gateway is where the gateway is called by a peer of a family.
func (f *flow) gateway(a netip.Addr) netip.AddrPort {
	if a.Is6() {
		return netip.AddrPortFrom(f.v6, 5060)
	}
	return netip.AddrPortFrom(f.v4, 5060)
}

// token makes a name that does not repeat.
func (f *flow) token(prefix string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tokens++
	return fmt.Sprintf("%s%d", prefix, f.tokens)
}

// opened notes sockets to close at the end.
func (f *flow) opened(cs ...io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sockets = append(f.sockets, cs...)
}

// WriteCDR takes a call record of the gateway.
func (f *flow) WriteCDR(c sbc.CDR) error {
	f.mu.Lock()
	f.records = append(f.records, c)
	f.mu.Unlock()
	f.ladder.note("record: %s", summarize(c))
	return nil
}

// load writes the configuration and reads it as the program does.
func (f *flow) load() (config.Config, error) {
	path := filepath.Join(f.dir, "tandem.yaml")
	y := f.setup.yaml()
	if err := os.WriteFile(path, []byte(y), 0o600); err != nil {
		return config.Config{}, err
	}
	c, err := config.Load(path)
	if err != nil {
		return c, fmt.Errorf("%w\n%s", err, y)
	}
	return c, nil
}

// start starts the gateway, once.
func (f *flow) start() error {
	if f.app != nil {
		return nil
	}
	c, err := f.load()
	if err != nil {
		return err
	}
	f.app, err = appliance.New(c, appliance.Deps{
		ListenPacket: func(a netip.AddrPort) (appliance.PacketConn, error) { return f.gw.ListenPacket(a) },
		Listen:       f.listen,
		Dial:         f.dial,
		Records:      f,
		Log:          f.log,
	})
	if err != nil {
		f.app = nil
		return fmt.Errorf("start: %w", err)
	}
	ctx, stop := context.WithCancel(f.ctx)
	f.stop, f.ended = stop, make(chan struct{})
	f.spawn(func() {
		defer close(f.ended)
		f.runErr = f.app.Run(ctx)
	})
	select {
	case <-f.app.Up():
	case <-f.ended:
		return fmt.Errorf("gateway ended at once: %w", f.runErr)
	}
	f.last = now()
	settle()
	f.idle, _ = f.gw.Open()
	return nil
}

// close stops the gateway if the script has not, and everything else.
func (f *flow) close() error {
	var errs []error
	if f.app != nil {
		f.stop()
		f.app.Halt()
		if !f.wait(time.Minute, func() bool { return closed(f.ended) }) {
			errs = append(errs, errors.New("the gateway does not stop"))
		} else if f.runErr != nil {
			errs = append(errs, fmt.Errorf("gateway: %w", f.runErr))
		}
	}
	for _, p := range f.peers {
		for _, c := range p.calls {
			for _, l := range c.legs {
				if l.media != nil && l.media.player != nil {
					l.media.player.halt()
					l.media.player = nil
				}
			}
		}
	}
	f.cancel()
	for _, s := range f.sockets {
		_ = s.Close()
	}
	f.running.Wait()
	return errors.Join(errs...)
}

// closed reports whether a channel is closed.
func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
