package selftest

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tandem-voip/tandem/cmd/tandem/appliance"
	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc/admin"
	"github.com/tandem-voip/tandem/sip/transport"
	"github.com/tandem-voip/tandem/test/simnet"
)

// A machine is a host in memory on which the demonstration runs.
type machine struct {
	host *simnet.Host
	net  *simnet.Network
	app  *appliance.Appliance

	ended int // times that a test asked to be taken out
}

// newMachine starts the demonstration in the bubble of the caller. It ends with
// the test.
func newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{net: simnet.New(1)}
	m.host = m.net.Host(netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.83.1"), netip.MustParseAddr("127.0.83.2"))
	cfg, err := config.Demo()
	if err != nil {
		t.Fatal(err)
	}
	m.app, err = appliance.New(cfg, appliance.Deps{
		ListenPacket: func(a netip.AddrPort) (appliance.PacketConn, error) { return m.host.ListenPacket(a) },
		Listen:       func(a netip.AddrPort) (net.Listener, error) { return m.host.Listen(a) },
		Dial: func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
			return nil, errors.New("nobody to dial")
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- m.app.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	return m
}

func (m *machine) listen(a netip.AddrPort) (transport.PacketConn, error) {
	return m.host.ListenPacket(a)
}

// order lets the phones in.
func (m *machine) order(r admin.SelfTestRequest) (admin.SelfTest, func(), error) {
	out, err := m.app.SelfTest(r)
	return out, func() { m.ended++; m.app.EndSelfTest(r.Caller) }, err
}

// A gateway that works passes, and nothing of the test is left.
func TestGoodGatewayPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		<-m.app.Up()
		r, err := Run(t.Context(), m.listen, m.order)
		if err != nil {
			t.Fatal(err)
		}
		if !r.Good || !strings.HasPrefix(r.Verdict, "good: ") {
			t.Errorf("%s", r.Verdict)
		}
		synctest.Wait() // the last messages are taken
		if calls := m.app.Calls(); len(calls) != 0 {
			t.Errorf("%d calls are left", len(calls))
		}
		if m.ended != 1 {
			t.Errorf("the phones were taken out %d times", m.ended)
		}
	})
}

// A gateway whose media does not get through is found out.
func TestSilentGatewayFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		<-m.app.Up()
		m.net.Tap(func(p simnet.Packet) simnet.Fate {
			return simnet.Fate{Drop: p.From.Port() >= 16384 && p.To.Addr() == netip.MustParseAddr("127.0.83.2") && len(p.Data) > 0 && p.Data[0]>>6 == 2}
		})
		r, err := Run(t.Context(), m.listen, m.order)
		if err != nil {
			t.Fatal(err)
		}
		if r.Good || !strings.Contains(r.Verdict, "towards the called phone (PCMU to Opus) no audio came") {
			t.Errorf("%s", r.Verdict)
		}
	})
}

// A gateway that refuses the call, or the test, is an error that says so.
func TestRefusalIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		<-m.app.Up()
		_, err := Run(t.Context(), m.listen, func(admin.SelfTestRequest) (admin.SelfTest, func(), error) {
			return admin.SelfTest{}, nil, errors.New("not now")
		})
		if err == nil || !strings.Contains(err.Error(), "not now") {
			t.Errorf("error is %v", err)
		}
		_, err = Run(t.Context(), m.listen, func(r admin.SelfTestRequest) (admin.SelfTest, func(), error) {
			out, end, err := m.order(r)
			out.Number = "1234" // only the number of the test is let through
			return out, end, err
		})
		if err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("error is %v", err)
		}
	})
}

// Each fault has its words.
func TestFaultsAreNamed(t *testing.T) {
	good := Direction{Packets: 100, Level: -10.2, DelayMS: 7, Sent: 16, Heard: 16}
	r := Result{SetupMS: 3, ToCalled: good, ToCaller: good}
	if r.judge(); !r.Good {
		t.Errorf("%s", r.Verdict)
	}
	bad := Result{
		SetupMS:  900,
		ToCalled: Direction{Packets: 97, Lost: 3, Level: -14, Sent: 16, Heard: 15, wrong: true},
		ToCaller: Direction{Packets: 100, Level: -10, DelayMS: 300, JitterMS: 80, Sent: 16, Heard: 16},
	}
	bad.judge()
	for _, want := range []string{"900 ms to set up", "-14.0 dBm0", "3 of 100 packets were lost", "15 digits came of 16", "300.0 ms late", "a jitter of 80.0 ms"} {
		if bad.Good || !strings.Contains(bad.Verdict, want) {
			t.Errorf("no %q in %s", want, bad.Verdict)
		}
	}
}
