package config

import (
	"net/netip"

	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sip/transport"
)

// Where the two trunks of the demonstration are, and what they dial.
const (
	DemoWest   = "127.0.0.1" // of the gateway, and of the phone that answers for trunk west
	DemoEast   = "127.0.0.2" // of the phone that is trunk east
	DemoPort   = 5060        // of the gateway
	DemoPhone  = 5070        // of a phone that is called
	DemoEcho   = "600"
	DemoTone   = "601"
	DemoDigits = "602"
)

// Demo returns the configuration of the demonstration, with the environment over
// it: two trunks on loopback addresses, numbers that answer by themselves, and
// nothing another machine can reach.
func Demo() (Config, error) { return Defaults(demo()) }

// demo is Demo without the environment.
func demo() Config {
	c := DefaultConfig()
	loopback := netip.MustParseAddr(DemoWest)
	port := uint16(DemoPort)
	c.SIP.Listeners = []transport.ListenerConfig{
		{Name: "udp", Transport: "udp", Address: netip.AddrPortFrom(loopback, port).String()},
		{Name: "tcp", Transport: "tcp", Address: netip.AddrPortFrom(loopback, port).String()},
	}
	c.Media.Address = loopback
	c.Media.PortMin, c.Media.PortMax = 16384, 16983
	c.Trunks = []sbc.TrunkConfig{
		demoTrunk("west", DemoWest, "PCMU", "PCMA"),
		demoTrunk("east", DemoEast, "opus", "PCMU", "PCMA"),
	}
	// A phone may send from whatever address of this machine it has bound; only
	// this machine reaches the gateway's.
	c.Trunks[0].Peer.Addresses = []string{"0.0.0.0/0"}
	c.Routes = []sbc.RouteConfig{
		demoNumber("echo", DemoEcho, sbc.InternalEcho),
		demoNumber("tone", DemoTone, sbc.InternalTone),
		demoNumber("digits", DemoDigits, sbc.InternalDigits),
		{
			Name: "west-to-east", Match: sbc.MatchConfig{Trunks: []string{"west"}},
			Targets: []sbc.TargetConfig{{Trunk: "east"}},
		},
		{
			Name: "east-to-west", Match: sbc.MatchConfig{Trunks: []string{"east"}},
			Targets: []sbc.TargetConfig{{Trunk: "west"}},
		},
	}
	return c
}

// demoTrunk is a phone at a loopback address. It is not asked whether it is
// there: it may be started at any time.
func demoTrunk(name, address string, codecs ...string) sbc.TrunkConfig {
	t := sbc.DefaultTrunk()
	t.Name = name
	t.Peer.Addresses = []string{address}
	t.Peer.Host, t.Peer.Port, t.Peer.Transport = address, DemoPhone, sbc.TransportUDP
	t.Options.Interval = 0
	t.Media.Codecs = codecs
	t.Media.Latch = sbc.LatchNAT // a phone may name one address of this machine and send from another
	return t
}

// demoNumber is a route to something of ours that answers, by number and by name.
func demoNumber(name, number string, what sbc.Internal) sbc.RouteConfig {
	return sbc.RouteConfig{
		Name: name, Match: sbc.MatchConfig{Numbers: []string{number, name}},
		Targets: []sbc.TargetConfig{{Internal: what}},
	}
}
