package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sbc/admin"
	"github.com/tandem-voip/tandem/test/simnet"
)

// A machine is a host in memory with an appliance on it, in a bubble.
type machine struct {
	t    *testing.T
	host *simnet.Host
	app  *Appliance
	log  strings.Builder
	stop context.CancelFunc
	done chan error
}

// newMachine builds the appliance of a configuration; start runs it.
func newMachine(t *testing.T, cfg config.Config) *machine {
	t.Helper()
	m := &machine{t: t, done: make(chan error, 1)}
	m.host = simnet.New(1).Host(netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2"))
	var err error
	if m.app, err = New(cfg, m.deps()); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m *machine) deps() Deps {
	return Deps{
		ListenPacket: func(a netip.AddrPort) (PacketConn, error) { return m.host.ListenPacket(a) },
		Listen:       func(a netip.AddrPort) (net.Listener, error) { return m.host.Listen(a) },
		Dial: func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
			return nil, errors.New("nobody to dial")
		},
		Version: "test", Log: slog.New(slog.NewTextHandler(&m.log, nil)),
	}
}

// start runs the appliance until the test ends.
func (m *machine) start() {
	m.t.Helper()
	ctx, stop := context.WithCancel(m.t.Context())
	m.stop = stop
	go func() { m.done <- m.app.Run(ctx) }()
	m.t.Cleanup(m.end)
	<-m.app.Up()
}

// end stops the appliance, once.
func (m *machine) end() {
	if m.stop == nil {
		return
	}
	m.stop()
	m.stop = nil
	if err := <-m.done; err != nil {
		m.t.Errorf("run: %v", err)
	}
}

// options sends OPTIONS from a phone and returns the first line of the answer,
// empty when there is none within a second.
func (m *machine) options(from string) string {
	m.t.Helper()
	c, err := m.host.ListenPacket(netip.MustParseAddrPort(from))
	if err != nil {
		m.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	text := strings.ReplaceAll(`OPTIONS sip:127.0.0.1 SIP/2.0
Via: SIP/2.0/UDP `+c.AddrPort().String()+`;branch=z9hG4bK1
From: <sip:a@127.0.0.1>;tag=1
To: <sip:127.0.0.1>
Call-ID: 1
CSeq: 1 OPTIONS
Max-Forwards: 70
Content-Length: 0

`, "\n", "\r\n")
	if _, err := c.WriteToUDPAddrPort([]byte(text), netip.MustParseAddrPort("127.0.0.1:5060")); err != nil {
		m.t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	b := make([]byte, 2000)
	n, _, err := c.ReadFromUDPAddrPort(b)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(b[:n]), "\r\n")
	return line
}

func demo(t *testing.T) config.Config {
	t.Helper()
	cfg, err := config.Demo()
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// The appliance answers its trunks and not strangers, and stops without a rest.
func TestApplianceServesItsTrunks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, demo(t))
		m.start()
		if got := m.options("127.0.0.1:0"); got != "SIP/2.0 200 OK" {
			t.Errorf("trunk west got %q", got)
		}
		h := m.app.health(time.Now())
		if h.Status != "ok" || len(h.Failing) != 0 || h.Version != "test" {
			t.Errorf("health: %+v", h)
		}
		m.end()
		if udp, tcp := m.host.Open(); udp != 0 || tcp != 0 {
			t.Errorf("%d UDP and %d TCP sockets are left", udp, tcp)
		}
	})
}

// A reload brings trunks and routes into force and names what needs a restart;
// one that is wrong changes nothing.
func TestReloadSwapsTheDialplan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := demo(t)
		m := newMachine(t, cfg)
		m.start()
		without := cfg
		without.Trunks, without.Routes = cfg.Trunks[:1], cfg.Routes[:3]
		without.Media.PortMax = 17001
		said, err := m.app.Reload(without)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(said); got != "{[trunks routes] [media.port_max]}" {
			t.Errorf("said %s", got)
		}
		if trunks := m.app.b2bua.Dialplan().Trunks; trunks.Named("east") != nil || trunks.Named("west") == nil {
			t.Error("the trunks are not those of the new configuration")
		}
		if !strings.Contains(m.log.String(), "keys=[media.port_max]") {
			t.Errorf("log: %s", m.log.String())
		}
		bad := cfg
		bad.Routes = []sbc.RouteConfig{{Targets: []sbc.TargetConfig{{Trunk: "nobody"}}}}
		if _, err := m.app.Reload(bad); err == nil {
			t.Error("a bad configuration was taken")
		}
		if m.app.b2bua.Dialplan().Trunks.Named("east") != nil || m.app.cfg.Load().Media.PortMax != 17001 {
			t.Error("a bad configuration changed something")
		}
	})
}

// What needs a restart is what differs from what runs, not from the file before.
func TestReloadComparesWithWhatRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		runs := demo(t)
		m := newMachine(t, runs)
		m.start()
		other := runs
		other.Media.PortMax, other.Limits.Calls = 17001, 7
		for i, step := range []struct {
			cfg  config.Config
			want string
		}{
			{runs, "{[] []}"},
			{other, "{[limits.calls] [media.port_max]}"},
			{other, "{[] [media.port_max]}"},
			{runs, "{[limits.calls] []}"},
		} {
			said, err := m.app.Reload(step.cfg)
			if err != nil || fmt.Sprint(said) != step.want {
				t.Errorf("reload %d: %v, %v; want %s", i, said, err, step.want)
			}
		}
		for _, l := range m.app.Listeners() {
			if l.Purpose == "RTP" && l.Address != "127.0.0.1:16384-16983" {
				t.Errorf("RTP at %s", l.Address)
			}
		}
	})
}

// A stop makes the appliance unhealthy while it drains.
func TestStoppingIsNotHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, demo(t))
		m.start()
		m.app.b2bua.Drain()
		if h := m.app.health(time.Now()); h.Status != "failing" || !h.Draining {
			t.Errorf("health: %+v", h)
		}
	})
}

// The phones of a self test are let in for a minute, on loopback only, and a
// reload meanwhile keeps them.
func TestSelfTestPhonesComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := demo(t)
		m := newMachine(t, cfg)
		m.start()
		has := func() bool { return m.app.b2bua.Dialplan().Trunks.Named(selfTestCaller) != nil }
		for _, bad := range []string{"192.0.2.1:5060", "127.0.0.9", "127.0.0.9:0", "[::1]:5060", "x"} {
			if _, err := m.app.SelfTest(admin.SelfTestRequest{Caller: bad, Called: "127.0.83.2:5060"}); err == nil {
				t.Errorf("%s was let in", bad)
			}
		}
		way, err := m.app.SelfTest(admin.SelfTestRequest{Caller: "127.0.83.1:5060", Called: "127.0.83.2:5060"})
		if err != nil || way.Gateway != "127.0.0.1:5060" || !has() {
			t.Fatalf("%+v, %v", way, err)
		}
		m.app.EndSelfTest("127.0.83.9:5060")
		if _, err := m.app.Reload(cfg); err != nil || !has() {
			t.Errorf("after a reload: %v, %v", has(), err)
		}
		time.Sleep(selfTestLasts + time.Second)
		synctest.Wait()
		if has() {
			t.Error("the phones are still let in after a minute")
		}
		if _, err = m.app.SelfTest(admin.SelfTestRequest{Caller: "127.0.83.1:5060", Called: "127.0.83.2:5060"}); err != nil || !has() {
			t.Fatal(err)
		}
		m.app.EndSelfTest("127.0.83.1:5060")
		if has() {
			t.Error("the phones are still let in after the end of the test")
		}
	})
}

// A gateway that the phones of a self test cannot speak to says what to do.
func TestSelfTestSaysWhatItNeeds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := demo(t)
		cfg.SIP.Listeners = cfg.SIP.Listeners[1:] // TCP alone
		m := newMachine(t, cfg)
		m.start()
		_, err := m.app.SelfTest(admin.SelfTestRequest{Caller: "127.0.83.1:5060", Called: "127.0.83.2:5060"})
		if err == nil || !strings.HasPrefix(err.Error(), "the phones of the test speak SIP over UDP, and IPv4: give the gateway such a listener") {
			t.Errorf("error is %v", err)
		}
	})
}

// An address that is taken is reported by New, which keeps nothing open.
func TestTakenAddressIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := demo(t)
		m := newMachine(t, cfg)
		udp, tcp := m.host.Open()
		if _, err := New(cfg, m.deps()); err == nil || !strings.Contains(err.Error(), "already in use") {
			t.Errorf("error is %v", err)
		}
		if u, c := m.host.Open(); u != udp || c != tcp {
			t.Errorf("sockets: %d and %d, before %d and %d", u, c, udp, tcp)
		}
		if err := m.app.discard(); err != nil {
			t.Error(err)
		}
	})
}

// With records configured the store runs below the calls and is closed after
// them; a second process is refused.
func TestStoreOutlivesTheCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := demo(t)
		cfg.Records.Path = filepath.Join(t.TempDir(), "calls.db")
		m := newMachine(t, cfg)
		m.start()
		other := &machine{t: t, host: simnet.New(2).Host(netip.MustParseAddr("127.0.0.1"))}
		if _, err := New(cfg, other.deps()); err == nil || !strings.Contains(err.Error(), "another process") {
			t.Errorf("error is %v", err)
		}
		m.end()
		if err := m.app.store.WriteCDR(sbc.CDR{ID: "late"}); err == nil {
			t.Error("the store still takes records")
		}
	})
}

// A configuration that is wrong is not built.
func TestBadConfigurationIsNotBuilt(t *testing.T) {
	cfg := demo(t)
	cfg.Admin.Token = secret.New("short")
	m := &machine{t: t}
	if _, err := New(cfg, m.deps()); err == nil || !strings.Contains(err.Error(), "admin.token") {
		t.Errorf("error is %v", err)
	}
	if _, err := New(cfg, Deps{}); err == nil {
		t.Error("empty Deps were taken")
	}
}

// A part that ends by itself ends the others, from the top down, and is named.
func TestLayersEndFromTheTop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &Appliance{up: make(chan struct{})}
		var order []string
		waits := func(name string) part {
			return part{name, func(ctx context.Context) error {
				<-ctx.Done()
				order = append(order, name)
				return nil
			}}
		}
		err := a.runLayers(t.Context(), [][]part{
			{waits("bottom")},
			{{"faulty", func(context.Context) error { return errors.New("no more") }}},
			{waits("top")},
		})
		if err == nil || err.Error() != "faulty ended: no more" {
			t.Errorf("error is %v", err)
		}
		if got := strings.Join(order, " "); got != "top bottom" {
			t.Errorf("ended in the order %q", got)
		}
	})
}
