package transport

import (
	"net/netip"
	"strings"
	"testing"
)

func TestDefaultConfigIsValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func TestEveryMistakeIsNamedByItsKey(t *testing.T) {
	c := DefaultConfig()
	c.Listeners = []ListenerConfig{
		{Name: "a", Transport: "sctp", Address: "192.0.2.1:5060"},
		{Name: "a", Transport: "udp", Address: "nonsense"},
		{Name: "b", Transport: "udp", Address: "0.0.0.0:5060"},
		{Name: "c", Transport: "tls", Address: "192.0.2.1:5061", Advertise: "bad host"},
	}
	c.Profiles = []Profile{{Name: "", Certificate: "a.pem", ClientAuth: "maybe", MinVersion: "1.1"}}
	c.Gate.Rate, c.Streams.Queue, c.DNS.Names = 0, 0, 0
	c.DNS.Servers = []string{"ns.example.com"}
	err := c.Validate()
	if err == nil {
		t.Fatal("valid")
	}
	for _, key := range []string{
		"listeners[0].transport", "listeners[1].name", "listeners[1].address", "listeners[2].advertise",
		"listeners[3].advertise", "listeners[3].profile", "profiles[0].name", "profiles[0].key",
		"profiles[0].client_auth", "profiles[0].min_version", "gate.rate", "streams.queue", "dns.names", "dns.servers[0]",
	} {
		if !strings.Contains(err.Error(), key+":") {
			t.Errorf("%s is not named", key)
		}
	}
}

func TestAdvertisedAddressIsReadInAllItsForms(t *testing.T) {
	for s, want := range map[string]struct {
		host string
		port uint16
	}{
		"":                   {"", 0},
		"sip.example.com":    {"sip.example.com", 0},
		"sip.example.com:80": {"sip.example.com", 80},
		"192.0.2.1":          {"192.0.2.1", 0},
		"192.0.2.1:5070":     {"192.0.2.1", 5070},
		"2001:db8::1":        {"2001:db8::1", 0},
		"[2001:db8::1]":      {"2001:db8::1", 0},
		"[2001:db8::1]:5070": {"2001:db8::1", 5070},
	} {
		host, port, err := splitAdvertise(s)
		if err != nil || host != want.host || port != want.port {
			t.Errorf("%q: %q %d %v", s, host, port, err)
		}
	}
}

// A quarter of all connections is out of strangers' reach.
func TestStrangersLeaveConnectionsToTrunks(t *testing.T) {
	tb := newTable()
	cfg := StreamConfig{MaxConnections: 8, MaxPerSource: 2}
	in := 0
	for i := range 100 {
		if tb.enter(cfg, netip.AddrFrom4([4]byte{203, 0, 113, byte(i)}), false) {
			in++
		}
	}
	trunk := netip.MustParseAddr("192.0.2.10")
	for range 100 {
		if tb.enter(cfg, trunk, true) {
			in++
		}
	}
	if tb.sources[trunk] != 2 || in != 8 {
		t.Errorf("%d of the trunk, %d in all, want 2 and 8", tb.sources[trunk], in)
	}
	for a, n := range map[netip.Addr]int{trunk: 2, netip.MustParseAddr("203.0.113.0"): 1} {
		for range n {
			tb.leave(a)
		}
	}
	if tb.accepted != 5 || len(tb.sources) != 5 {
		t.Errorf("%d left of %d sources", tb.accepted, len(tb.sources))
	}
}
