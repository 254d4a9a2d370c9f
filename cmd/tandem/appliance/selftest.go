package appliance

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sbc/admin"
	"github.com/tandem-voip/tandem/sip/transport"
)

// How a self test is called inside, and how long it may take.
const (
	selfTestCaller = "selftest-caller"
	selfTestCalled = "selftest-called"
	selfTestNumber = "tandem-selftest"
	selfTestLasts  = time.Minute
)

// A selfTest is two phones on this machine: one may call the other through the
// gateway, and nobody else, while the test lasts.
type selfTest struct {
	caller, called netip.AddrPort
	timer          *time.Timer
}

// SelfTest lets two phones call through the gateway for a minute. Both must be
// on loopback addresses that no trunk claims: trunks for them are put beside
// those of the configuration.
func (a *Appliance) SelfTest(r admin.SelfTestRequest) (admin.SelfTest, error) {
	caller, err := loopback(r.Caller)
	if err != nil {
		return admin.SelfTest{}, err
	}
	called, err := loopback(r.Called)
	if err != nil {
		return admin.SelfTest{}, err
	}
	gateway, ok := a.udpListener()
	m := a.built.Media.Address
	if !ok || !m.Is4() {
		return admin.SelfTest{}, errors.New("the phones of the test speak SIP over UDP, and IPv4: give the gateway such a listener, " +
			`{name: selftest, transport: udp, address: "127.0.0.1:5060"} if there is no other use for it, and an IPv4 media.address`)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.test != nil {
		a.test.timer.Stop() // the phones of this one take the place of those
	}
	a.test = &selfTest{caller: caller, called: called}
	if err := a.apply(*a.cfg.Load()); err != nil {
		a.test = nil // the configuration in force stays, without phones after the next reload
		return admin.SelfTest{}, err
	}
	a.test.timer = a.expireSelfTest(a.test, selfTestLasts)
	return admin.SelfTest{Gateway: gateway.String(), Number: selfTestNumber, Media: here(m).String()}, nil
}

// EndSelfTest takes the phones of a test out again, if the one that calls is at
// that address and they are still in.
func (a *Appliance) EndSelfTest(caller string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.test != nil && a.test.caller.String() == caller {
		a.endSelfTest(a.test)
	}
}

// endSelfTest takes the phones of t out again, if they are in. a.mu is held.
func (a *Appliance) endSelfTest(t *selfTest) {
	if t == nil || a.test != t {
		return
	}
	a.test.timer.Stop()
	a.test = nil
	if err := a.apply(*a.cfg.Load()); err != nil {
		a.deps.Log.Error("trunks of the self test not taken out", "err", err)
	}
}

// udpListener is where the calling phone sends its INVITE.
func (a *Appliance) udpListener() (netip.AddrPort, bool) {
	for _, l := range a.transport.Listeners() {
		if l.Kind == transport.UDP && (l.Addr.Addr().Is4() || l.Addr.Addr().IsUnspecified()) {
			return netip.AddrPortFrom(here(l.Addr.Addr()), l.Addr.Port()), true
		}
	}
	return netip.AddrPort{}, false
}

// here is how this machine reaches an address it listens on.
func here(a netip.Addr) netip.Addr {
	if a.IsUnspecified() {
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return a
}

// loopback reads the address of a phone.
func loopback(s string) (netip.AddrPort, error) {
	p, err := netip.ParseAddrPort(s)
	if err != nil || !p.Addr().Is4() || !p.Addr().IsLoopback() || p.Port() == 0 {
		return p, fmt.Errorf("%q is not an IPv4 loopback address with port", s)
	}
	return p, nil
}

// with returns the sections with the two phones in them: the first may call the
// second by the number of the test, in PCMU on one side and Opus on the other.
func (t *selfTest) with(c sbc.Config) sbc.Config {
	c.Trunks = append(append([]sbc.TrunkConfig{}, c.Trunks...),
		phone(selfTestCaller, t.caller, "PCMU"), phone(selfTestCalled, t.called, "opus"))
	route := sbc.RouteConfig{
		Name:    "tandem-selftest",
		Match:   sbc.MatchConfig{Trunks: []string{selfTestCaller}, Numbers: []string{selfTestNumber}},
		Targets: []sbc.TargetConfig{{Trunk: selfTestCalled}},
	}
	// Whatever else the phones ask for is refused, not routed to a carrier.
	rest := sbc.RouteConfig{
		Name: "tandem-selftest-rest", Match: sbc.MatchConfig{Trunks: []string{selfTestCaller, selfTestCalled}}, Refuse: 403,
	}
	c.Routes = append([]sbc.RouteConfig{route, rest}, c.Routes...)
	return c
}

func phone(name string, at netip.AddrPort, codec string) sbc.TrunkConfig {
	t := sbc.DefaultTrunk()
	t.Name = name
	t.Peer.Addresses = []string{at.Addr().String()}
	t.Peer.Host, t.Peer.Port, t.Peer.Transport = at.Addr().String(), at.Port(), sbc.TransportUDP
	t.Options.Interval = 0
	t.Media.Codecs = []string{codec}
	return t
}
