package sbc

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
	"github.com/tandem-voip/tandem/test/simnet"
)

// A peer answers requests on a socket of its own, and remembers them.
type fakePeer struct {
	conn *simnet.UDPConn

	mu     sync.Mutex
	status map[string]string // by method: status line and headers; "" is silence
	got    []string          // first lines, and what the keep-alive is
	at     []time.Time
}

// answer says how requests of a method are answered from now on.
func (p *fakePeer) answer(method, status string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status[method] = status
}

// requests are the methods that came so far.
func (p *fakePeer) requests() (methods []string, at []time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.got, p.at
}

// run is the peer's goroutine; it ends when the socket is closed.
func (p *fakePeer) run() {
	buf := make([]byte, 65535)
	for {
		n, from, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if response := p.take(string(buf[:n])); response != "" {
			_, _ = p.conn.WriteToUDPAddrPort([]byte(response), from)
		}
	}
}

// take notes a request and makes the response to it.
func (p *fakePeer) take(request string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	method, _, _ := strings.Cut(request, " ")
	if strings.TrimSpace(request) == "" {
		method = "CRLF"
	} else if strings.HasPrefix(request, "\x00\x01\x00\x00\x21\x12\xa4\x42") { // RFC 8489 §5
		method = "STUN"
	} else if strings.Contains(request, "\r\nExpires: 0\r\n") {
		method = "UNREGISTER"
	}
	p.got, p.at = append(p.got, method), append(p.at, time.Now())
	status := p.status[method]
	if status == "" {
		return ""
	}
	lines := []string{"SIP/2.0 " + status}
	for l := range strings.SplitSeq(request, "\r\n") {
		name, _, _ := strings.Cut(l, ":")
		switch name {
		case "Via", "From", "Call-ID", "CSeq", "Contact":
			lines = append(lines, l)
		case "To":
			lines = append(lines, l+";tag=peer")
		}
	}
	return strings.Join(append(lines, "Content-Length: 0", "", ""), "\r\n")
}

// A monitored is a monitor at work with a peer at 192.0.2.10.
type monitored struct {
	*Monitor
	peer *fakePeer
	plan *Dialplan
	stop func()
}

// monitor starts a monitor of one trunk in a bubble.
func monitor(t *testing.T, change ...func(*TrunkConfig)) *monitored {
	t.Helper()
	n := simnet.New(1)
	us, them := n.Host(netip.MustParseAddr("192.0.2.1")), n.Host(netip.MustParseAddr("192.0.2.10"))
	conn, err := them.ListenPacket(netip.MustParseAddrPort("192.0.2.10:5060"))
	if err != nil {
		t.Fatal(err)
	}
	p := &fakePeer{conn: conn, status: map[string]string{"OPTIONS": "200 OK", "REGISTER": "200 OK", "UNREGISTER": "200 OK"}}

	tc := transport.DefaultConfig()
	tc.Listeners = []transport.ListenerConfig{{Name: "udp", Transport: "udp", Address: "192.0.2.1:5060"}}
	net, err := transport.New(tc, transport.Deps{
		ListenPacket: func(a netip.AddrPort) (transport.PacketConn, error) { return us.ListenPacket(a) },
		Listen:       func(a netip.AddrPort) (net.Listener, error) { return us.Listen(a) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ua, err := sip.New(sip.DefaultConfig(), sip.Deps{Network: net})
	if err != nil {
		t.Fatal(err)
	}
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.10", change...)}
	m := &monitored{peer: p, plan: ready(t, c)}
	m.Monitor = NewMonitor(m.plan.Trunks, MonitorDeps{UA: ua, Network: net})
	m.stop = m.start(t, net, ua)
	return m
}

// nobody is a handler to whom all are strangers.
type nobody struct{}

func (nobody) Peer(transport.Flow) (sip.Peer, bool) { return sip.Peer{}, false }
func (nobody) Serve(time.Time, *sip.Leg, sip.Invite) (sip.Post, error) {
	return nil, sip.Refusal(403)
}

// start runs everything and returns what stops it, the monitor first.
func (m *monitored) start(t *testing.T, net *transport.Transport, ua *sip.UA) (stop func()) {
	below, stopBelow := context.WithCancel(context.Background())
	above, stopAbove := context.WithCancel(context.Background())
	var lower, upper sync.WaitGroup
	run := func(group *sync.WaitGroup, f func() error) {
		group.Go(func() {
			if err := f(); err != nil {
				t.Error(err)
			}
		})
	}
	lower.Go(m.peer.run)
	ua.Handle(nobody{})
	run(&lower, func() error { return ua.Run(below) })
	run(&lower, func() error { return net.Run(below, ua) })
	run(&upper, func() error { return m.Run(above) })
	return func() {
		stopAbove()
		upper.Wait()
		stopBelow()
		if err := m.peer.conn.Close(); err != nil {
			t.Error(err)
		}
		lower.Wait()
	}
}

func (m *monitored) west() *Trunk { return m.plan.Trunks.Named("west") }

// The monitor asks at the interval, takes a silent trunk down, and brings it
// back when it answers.
func TestMonitorFindsTrunkDownAndUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t)
		defer m.stop()
		time.Sleep(90 * time.Second)
		if c := m.west().Condition(); c.Overall != OverallOnline || c.Pings != 2 || c.Down {
			t.Errorf("a trunk that answers: %+v", c)
		}
		m.peer.answer("OPTIONS", "")
		time.Sleep(3 * time.Minute)
		if c := m.west().Condition(); !c.Down || c.Ping != PingError || m.west().Up(time.Now()) {
			t.Errorf("a silent trunk: %+v", c)
		}
		m.peer.answer("OPTIONS", "404 Not Found")
		time.Sleep(2 * time.Minute)
		if c := m.west().Condition(); c.Down || c.Overall != OverallOnline || !m.west().Up(time.Now()) {
			t.Errorf("a trunk that answers again: %+v", c)
		}
	})
}

// A trunk that asks to be left alone gets neither calls nor OPTIONS until then.
func TestMonitorHeedsRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t)
		defer m.stop()
		m.peer.answer("OPTIONS", "503 Busy\r\nRetry-After: 120")
		time.Sleep(time.Second)
		before, _ := m.peer.requests()
		if m.west().Up(time.Now()) {
			t.Error("calls may go to a trunk that asked to be left alone")
		}
		time.Sleep(118 * time.Second)
		if after, _ := m.peer.requests(); len(after) != len(before) {
			t.Errorf("asked %v again before its time", after[len(before):])
		}
		m.peer.answer("OPTIONS", "200 OK")
		time.Sleep(30 * time.Second)
		if !m.west().Up(time.Now()) {
			t.Errorf("still left alone: %+v", m.west().Condition())
		}
	})
}

func registers(c *TrunkConfig) {
	c.Register = RegisterConfig{Enabled: true, User: "alice", Expires: time.Hour}
}

// A registration is made, kept alive and taken back at the end (RFC 3261 §10.2).
func TestMonitorRegistersAndTakesItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, registers, func(c *TrunkConfig) { c.Options.Interval = 0 })
		time.Sleep(time.Second)
		if c := m.west().Condition(); c.Registered != registered || c.Overall != OverallOnline {
			t.Errorf("after the first second: %+v", c)
		}
		time.Sleep(2 * time.Hour)
		m.stop()
		methods, _ := m.peer.requests()
		if n := count(methods, "REGISTER"); n < 3 || n > 4 {
			t.Errorf("%d REGISTER in two hours: %v", n, methods)
		}
		if methods[len(methods)-1] != "UNREGISTER" {
			t.Errorf("the last request was %v", methods[len(methods)-1])
		}
	})
}

// A refused registration takes the trunk down.
func TestMonitorTakesUnregisteredTrunkDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, registers)
		m.peer.answer("REGISTER", "403 Forbidden")
		defer m.stop()
		time.Sleep(70 * time.Second)
		if c := m.west().Condition(); !c.Down || c.Registered != registrationFailed || !strings.Contains(c.Reason, "403") {
			t.Errorf("%+v", c)
		}
	})
}

// Between OPTIONS an empty datagram goes out at the keep-alive's interval.
func TestMonitorKeepsNATOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, func(c *TrunkConfig) { c.Peer.KeepAlive, c.Options.Interval = 10*time.Second, time.Minute })
		defer m.stop()
		time.Sleep(55 * time.Second)
		methods, _ := m.peer.requests()
		if n := count(methods, "CRLF"); n != 5 {
			t.Errorf("%d keep-alives in 55s: %v", n, methods)
		}
	})
}

// Where the peer wants them, binding requests take the place of empty datagrams.
// RFC 5626 §4.4.2
func TestMonitorKeepsNATOpenBySTUN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, func(c *TrunkConfig) {
			c.Peer.KeepAlive, c.Peer.KeepAliveSTUN, c.Options.Interval = 10*time.Second, true, time.Minute
		})
		defer m.stop()
		time.Sleep(55 * time.Second)
		methods, _ := m.peer.requests()
		if stun, crlf := count(methods, "STUN"), count(methods, "CRLF"); stun != 5 || crlf != 0 {
			t.Errorf("%d binding requests and %d empty datagrams in 55s: %v", stun, crlf, methods)
		}
	})
}

// A trunk that is registered with and not asked by OPTIONS has its NAT kept open
// towards the registrar.
func TestMonitorKeepsNATOpenWithoutOPTIONS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, registers, func(c *TrunkConfig) { c.Peer.KeepAlive, c.Options.Interval = 10*time.Second, 0 })
		defer m.stop()
		time.Sleep(55 * time.Second)
		methods, _ := m.peer.requests()
		if n := count(methods, "CRLF"); n != 5 {
			t.Errorf("%d keep-alives in 55s: %v", n, methods)
		}
	})
}

// A reload ends the watch of a trunk that is gone and takes its registration
// back; one that stays as it was is not disturbed.
func TestMonitorFollowsReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := monitor(t, registers)
		defer m.stop()
		time.Sleep(time.Second)
		c := DefaultConfig()
		c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.10", registers)}
		same, err := NewDialplan(c, m.plan)
		if err != nil {
			t.Fatal(err)
		}
		m.Apply(same.Trunks)
		time.Sleep(time.Second)
		methods, _ := m.peer.requests()
		if count(methods, "REGISTER") != 1 || count(methods, "UNREGISTER") != 0 {
			t.Errorf("an unchanged trunk was disturbed: %v", methods)
		}
		c.Trunks[0].Register.User = "bob"
		changed, err := NewDialplan(c, same)
		if err != nil {
			t.Fatal(err)
		}
		m.Apply(changed.Trunks)
		time.Sleep(10 * time.Second)
		methods, _ = m.peer.requests()
		if got := strings.Join(methods[len(methods)-2:], " "); got != "UNREGISTER REGISTER" && count(methods, "UNREGISTER") != 1 {
			t.Errorf("another user: %v", methods)
		}
		c.Trunks = nil
		none, err := NewDialplan(c, changed)
		if err != nil {
			t.Fatal(err)
		}
		m.Apply(none.Trunks)
		time.Sleep(time.Second)
		before, _ := m.peer.requests()
		if before[len(before)-1] != "UNREGISTER" {
			t.Errorf("the last request was %v", before[len(before)-1])
		}
		time.Sleep(5 * time.Minute)
		if after, _ := m.peer.requests(); len(after) != len(before) {
			t.Errorf("a trunk that is gone was asked %v", after[len(before):])
		}
	})
}

func count(list []string, s string) int {
	n := 0
	for _, v := range list {
		if v == s {
			n++
		}
	}
	return n
}
