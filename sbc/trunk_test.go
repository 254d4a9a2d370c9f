package sbc

import (
	"net/netip"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

var t0 = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// named is a trunk of the generic profile at an address of the documentation
// ranges.
func namedTrunk(name, host string, change ...func(*TrunkConfig)) TrunkConfig {
	c := DefaultTrunk()
	c.Name = name
	c.Peer.Host = host
	for _, f := range change {
		f(&c)
	}
	return c
}

// plan makes a configuration ready or ends the test.
func ready(t *testing.T, c Config) *Dialplan {
	t.Helper()
	d, err := NewDialplan(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// one makes a single trunk ready.
func one(t *testing.T, c TrunkConfig) *Trunk {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Trunks = []TrunkConfig{c}
	return ready(t, cfg).Trunks.Named(c.Name)
}

// A source belongs to the trunk with the longest range that holds it; a proved
// name wins over it; a stranger is nobody.
func TestTrunkIsKnownByLongestRangeThenStrangerIsNobody(t *testing.T) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{
		namedTrunk("wide", "", func(c *TrunkConfig) { c.Peer.Addresses = []string{"192.0.2.0/24", "2001:db8::/32"} }),
		namedTrunk("narrow", "", func(c *TrunkConfig) { c.Peer.Addresses = []string{"192.0.2.128/25"} }),
		namedTrunk("host", "192.0.2.200"),
		namedTrunk("bearer", "", func(c *TrunkConfig) {
			c.Peer.Addresses = []string{"198.51.100.0/24"}
			c.Peer.Names = []string{"*.example.com", "SBC.example.net"}
		}),
		namedTrunk("secure", "198.51.101.1", func(c *TrunkConfig) { c.Peer.Transport = TransportTLS }),
		namedTrunk("lax", "", func(c *TrunkConfig) {
			c.Peer.Addresses = []string{"198.51.102.0/24"}
			c.Peer.Names, c.Peer.Cleartext = []string{"lax.example.net"}, true
		}),
		namedTrunk("browsers", "", func(c *TrunkConfig) {
			c.Peer.Listener, c.Peer.Transport = "phones", TransportWSS
		}),
		namedTrunk("off", "203.0.113.1", func(c *TrunkConfig) { c.Disabled = true }),
	}
	trunks := ready(t, c).Trunks
	proved := func(names ...string) *transport.Identity { return &transport.Identity{Names: names} }
	for _, tc := range []struct {
		why  string
		flow transport.Flow
		want string
	}{
		{"the range", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.5:5060")}, "wide"},
		{"the longer range", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.130:5060")}, "narrow"},
		{"the address of the host", transport.Flow{Kind: transport.TCP, Remote: netip.MustParseAddrPort("192.0.2.200:40000")}, "host"},
		{"IPv4 in IPv6", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("[::ffff:192.0.2.5]:5060")}, "wide"},
		{"IPv6", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("[2001:db8::7]:5060")}, "wide"},
		{"a stranger", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("203.0.113.9:5060")}, ""},
		{"a trunk out of use", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("203.0.113.1:5060")}, ""},
		{"a proved name from anywhere", transport.Flow{Kind: transport.TLS, Remote: netip.MustParseAddrPort("203.0.113.9:1"), Identity: proved("gw1.example.com")}, "bearer"},
		{"a proved name in another case", transport.Flow{Kind: transport.TLS, Remote: netip.MustParseAddrPort("203.0.113.9:1"), Identity: proved("sbc.example.net")}, "bearer"},
		{"two labels for one star", transport.Flow{Kind: transport.TLS, Remote: netip.MustParseAddrPort("203.0.113.9:1"), Identity: proved("a.b.example.com")}, ""},
		{"another's name from the address", transport.Flow{Kind: transport.TLS, Remote: netip.MustParseAddrPort("198.51.100.4:1"), Identity: proved("evil.example.org")}, ""},
		{"no name from the address over TLS", transport.Flow{Kind: transport.TLS, Remote: netip.MustParseAddrPort("198.51.100.4:1")}, ""},
		{"the address without TLS", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("198.51.100.4:5060")}, ""},
		{"the address of a TLS trunk over TLS", transport.Flow{Kind: transport.TLS, Remote: netip.MustParseAddrPort("198.51.101.1:1")}, "secure"},
		{"the address of a TLS trunk over UDP", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("198.51.101.1:5060")}, ""},
		{"the address of a TLS trunk over TCP", transport.Flow{Kind: transport.TCP, Remote: netip.MustParseAddrPort("198.51.101.1:5060")}, ""},
		{"an address that is enough without TLS", transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("198.51.102.1:5060")}, "lax"},
		{"and is not with it", transport.Flow{Kind: transport.TLS, Remote: netip.MustParseAddrPort("198.51.102.1:1")}, ""},
		{"a browser at the listener", transport.Flow{Kind: transport.WSS, Listener: "phones", Remote: netip.MustParseAddrPort("203.0.113.77:9")}, "browsers"},
		{"a listener of that name without TLS", transport.Flow{Kind: transport.WS, Listener: "phones", Remote: netip.MustParseAddrPort("203.0.113.77:9")}, ""},
		{"another listener", transport.Flow{Kind: transport.WSS, Listener: "lab", Remote: netip.MustParseAddrPort("203.0.113.77:9")}, ""},
	} {
		got := ""
		if trunk := trunks.Of(tc.flow); trunk != nil {
			got = trunk.Name()
		}
		if got != tc.want {
			t.Errorf("%s: trunk %q, want %q", tc.why, got, tc.want)
		}
	}
	if !trunks.Known(netip.MustParseAddr("192.0.2.9")) || trunks.Known(netip.MustParseAddr("203.0.113.1")) {
		t.Error("the gate is told of the wrong addresses")
	}
}

// A trunk that says 503 with Retry-After is left alone for that long, five
// minutes at most, and not at all where its settings say so (RFC 3261 §21.5.4).
func TestTrunkIsLeftAloneAsLongAsItAsks(t *testing.T) {
	trunk := one(t, namedTrunk("west", "192.0.2.1"))
	if !trunk.Up(t0) {
		t.Fatal("a new trunk is not up")
	}
	trunk.Unavailable(t0, 30*time.Second)
	if trunk.Up(t0.Add(29 * time.Second)) {
		t.Error("called before its time")
	}
	if !trunk.Up(t0.Add(30 * time.Second)) {
		t.Error("still left alone after its time")
	}
	trunk.Unavailable(t0, 24*time.Hour)
	if trunk.Up(t0.Add(maxRetryAfter-time.Second)) || !trunk.Up(t0.Add(maxRetryAfter)) {
		t.Error("a day was not cut to five minutes")
	}
	stubborn := one(t, namedTrunk("east", "192.0.2.2", func(c *TrunkConfig) { c.Reroute.RetryAfter = false }))
	stubborn.Unavailable(t0, 30*time.Second)
	if !stubborn.Up(t0) {
		t.Error("left alone although the settings ignore such wishes")
	}
}

// A reload keeps the condition of a trunk that stays, by its name.
func TestReloadKeepsConditions(t *testing.T) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1")}
	first := ready(t, c)
	first.Trunks.Named("west").Unavailable(t0, time.Minute)
	c.Trunks[0].Peer.Port = 5070
	second, err := NewDialplan(c, first)
	if err != nil {
		t.Fatal(err)
	}
	if second.Trunks.Named("west").Up(t0) {
		t.Error("the new settings forgot that the trunk asked to be left alone")
	}
	if second.Trunks.Named("west") == first.Trunks.Named("west") {
		t.Error("the old trunk was changed instead of replaced")
	}
}

// Our host towards a trunk is its domain, else what the listener of the way
// advertises.
func TestLocalHostIsTheDomainElseTheListeners(t *testing.T) {
	listeners := []transport.Listener{
		{Name: "v6", Kind: transport.UDP, Addr: netip.MustParseAddrPort("[::1]:5060"), Host: "2001:db8::1"},
		{Name: "udp", Kind: transport.UDP, Addr: netip.MustParseAddrPort("10.0.0.1:5060"), Host: "203.0.113.5"},
		{Name: "tls", Kind: transport.TLS, Addr: netip.MustParseAddrPort("10.0.0.1:5061"), Host: "gw.example.com"},
	}
	plain := one(t, namedTrunk("west", "192.0.2.1"))
	for to, want := range map[transport.Target]string{
		{Kind: transport.UDP, Addr: netip.MustParseAddrPort("192.0.2.1:5060")}: "203.0.113.5",
		{Kind: transport.UDP, Addr: netip.MustParseAddrPort("[2001::1]:5060")}: "2001:db8::1",
		{Kind: transport.TLS, Addr: netip.MustParseAddrPort("192.0.2.1:5061")}: "gw.example.com",
		{Kind: transport.UDP, Listener: "tls"}:                                 "gw.example.com",
		{Kind: transport.WSS, Addr: netip.MustParseAddrPort("192.0.2.1:443")}:  "",
	} {
		if got := plain.Local(listeners, to); got != want {
			t.Errorf("Local(%v) = %q, want %q", to, got, want)
		}
	}
	owned := one(t, namedTrunk("teams", "192.0.2.1", func(c *TrunkConfig) { c.Peer.Domain = "sbc.example.com" }))
	if got := owned.Local(listeners, transport.Target{Kind: transport.UDP}); got != "sbc.example.com" {
		t.Errorf("Local = %q with a domain", got)
	}
}
