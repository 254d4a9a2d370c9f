package sbc

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/config/secret"
)

// The defaults and every profile are valid once they have a name and a peer.
func TestProfilesAreValid(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	for _, p := range Profiles() {
		trunk := ProfileTrunk(p)
		trunk.Name = string(p)
		if trunk.Peer.Host == "" {
			trunk.Peer.Host = "192.0.2.1"
		}
		if trunk.cloud() {
			trunk.Peer.Domain = "sbc.example.com"
		}
		c := DefaultConfig()
		c.Trunks = []TrunkConfig{trunk}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", p, err)
		}
		if trunk.Profile != p {
			t.Errorf("%s calls itself %s", p, trunk.Profile)
		}
	}
}

// Every mistake is found, with the key it is at.
func TestMistakesAreFoundWithTheirKeys(t *testing.T) {
	trunk := func(f func(*TrunkConfig)) func(*Config) {
		return func(c *Config) { f(&c.Trunks[0]) }
	}
	route := func(f func(*RouteConfig)) func(*Config) {
		return func(c *Config) { f(&c.Routes[0]) }
	}
	for key, change := range map[string]func(*Config){
		"trunks[0].name":              trunk(func(t *TrunkConfig) { t.Name = "a b" }),
		"trunks[1].name":              func(c *Config) { c.Trunks[1].Name = "west" },
		"trunks[0].profile":           trunk(func(t *TrunkConfig) { t.Profile = "acme" }),
		"trunks[0].peer":              trunk(func(t *TrunkConfig) { t.Peer = PeerConfig{} }),
		"trunks[0].peer.host":         trunk(func(t *TrunkConfig) { t.Peer.Host = "192.0.2.1:5060" }),
		"trunks[0].peer.addresses[0]": trunk(func(t *TrunkConfig) { t.Peer.Addresses = []string{"192.0.2.0/33"} }),
		"trunks[1].peer.addresses[0]": func(c *Config) {
			c.Trunks[0].Peer.Addresses = []string{"192.0.2.2/32"}
			c.Trunks[1].Peer.Addresses = []string{"192.0.2.2"}
		},
		"trunks[0].peer.domain":          trunk(func(t *TrunkConfig) { t.Profile = ProfileACS }),
		"trunks[0].peer.transport":       trunk(func(t *TrunkConfig) { t.Peer.Transport = "sctp" }),
		"trunks[0].peer.proxy":           trunk(func(t *TrunkConfig) { t.Peer.Proxy = "a b" }),
		"trunks[0].peer.names[0]":        trunk(func(t *TrunkConfig) { t.Peer.Names = []string{"*"} }),
		"trunks[0].peer.datagram":        trunk(func(t *TrunkConfig) { t.Peer.Datagram = 100 }),
		"trunks[0].peer.keep_alive_stun": trunk(func(t *TrunkConfig) { t.Peer.KeepAliveSTUN = true }),
		"trunks[0].peer.keep_alive":      trunk(func(t *TrunkConfig) { t.Peer.KeepAlive, t.Options.Interval = time.Minute, 0 }),
		"trunks[0].auth.username":        trunk(func(t *TrunkConfig) { t.Auth.Password = secret.New("x") }),
		"trunks[0].register.user":        trunk(func(t *TrunkConfig) { t.Register.Enabled = true }),
		"trunks[0].register.expires":     trunk(func(t *TrunkConfig) { t.Register = RegisterConfig{Enabled: true, User: "u"} }),
		"trunks[0].options.interval":     trunk(func(t *TrunkConfig) { t.Options.Interval = time.Millisecond }),
		"trunks[0].options.down":         trunk(func(t *TrunkConfig) { t.Options.Down = 0 }),
		"trunks[0].reroute.codes[0]":     trunk(func(t *TrunkConfig) { t.Reroute.Codes = []int{603} }),
		"trunks[0].reroute.codes[1]":     trunk(func(t *TrunkConfig) { t.Reroute.Codes = []int{503, 503} }),
		"trunks[0].limits":               trunk(func(t *TrunkConfig) { t.Limits.CallsIn = -1 }),
		"trunks[0].dialog.reliable":      trunk(func(t *TrunkConfig) { t.Dialog.Reliable = "maybe" }),
		"trunks[0].dialog.min_expires":   trunk(func(t *TrunkConfig) { t.Dialog.MinExpires = time.Second }),
		"trunks[0].ringback.policy":      trunk(func(t *TrunkConfig) { t.Ringback.Policy = "loud" }),
		"trunks[0].media.codecs":         trunk(func(t *TrunkConfig) { t.Media.Codecs = nil }),
		"trunks[0].media.codecs[0]":      trunk(func(t *TrunkConfig) { t.Media.Codecs = []string{"G729"} }),
		"trunks[0].media.codecs[1]":      trunk(func(t *TrunkConfig) { t.Media.Codecs = []string{"PCMU", "pcmu"} }),
		"trunks[0].media.ptime":          trunk(func(t *TrunkConfig) { t.Media.Ptime = 25 }),
		"trunks[0].media.ranges[0]":      trunk(func(t *TrunkConfig) { t.Media.Ranges = []string{"here"} }),
		"trunks[0].security.keys":        trunk(func(t *TrunkConfig) { t.Security.SRTP = SRTPRequired }),
		"trunks[0].security.suites[0]":   trunk(func(t *TrunkConfig) { t.Security.SRTP, t.Security.Suites = SRTPOptional, []string{"NULL"} }),
		"trunks[0].numbers.country":      trunk(func(t *TrunkConfig) { t.Numbers.Country = "+49" }),
		"trunks[0].numbers.from.form":    trunk(func(t *TrunkConfig) { t.Numbers.From.Form = FormNational }),
		"trunks[0].numbers.to.prefix":    trunk(func(t *TrunkConfig) { t.Numbers.To.Prefix = "a" }),
		"trunks[0].identity.write[0]":    trunk(func(t *TrunkConfig) { t.Identity.Write = []IdentityHeader{"x"} }),
		"trunks[0].headers.allow[0]":     trunk(func(t *TrunkConfig) { t.Headers.Allow = []string{"Via"} }),
		"routes[0].match.trunks[0]":      route(func(r *RouteConfig) { r.Match.Trunks = []string{"nowhere"} }),
		"routes[0].match.pattern":        route(func(r *RouteConfig) { r.Match.Pattern = "(" }),
		"routes[0].called":               route(func(r *RouteConfig) { r.Match.Pattern, r.Called = `\d(\d)`, "$2" }),
		"routes[0].targets[0]":           route(func(r *RouteConfig) { r.Targets[0] = TargetConfig{} }),
		"routes[0].targets[0].trunk":     route(func(r *RouteConfig) { r.Targets[0].Trunk = "nowhere" }),
		"routes[0].targets[0].room":      route(func(r *RouteConfig) { r.Targets[0].Room = "lobby" }),
		"routes[0].targets[0].with_next": route(func(r *RouteConfig) { r.Targets[0].WithNext = true }),
		"routes[0].targets[0].codes[0]":  route(func(r *RouteConfig) { r.Targets[0].Codes = []int{600} }),
		"routes[0].refuse":               route(func(r *RouteConfig) { r.Refuse = 200 }),
		"limits.calls":                   func(c *Config) { c.Limits.Calls = -1 },
		"limits.retry_after":             func(c *Config) { c.Limits.RetryAfter = 0 },
		"limits.ceilings[0]":             func(c *Config) { c.Limits.Ceilings = []CeilingConfig{{Name: "x"}} },
		"limits.ceilings[0].from": func(c *Config) {
			c.Limits.Ceilings = []CeilingConfig{{Name: "x", Calls: 1, From: "25:00", Until: "1:00"}}
		},
		"limits.ceilings[0].zone":        func(c *Config) { c.Limits.Ceilings = []CeilingConfig{{Name: "x", Calls: 1, Zone: "Moon/Sea"}} },
		"limits.ceilings[0].prefixes[0]": func(c *Config) { c.Limits.Ceilings = []CeilingConfig{{Name: "x", Calls: 1, Prefixes: []string{"a"}}} },
	} {
		c := DefaultConfig()
		c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1"), namedTrunk("east", "192.0.2.2")}
		c.Routes = []RouteConfig{{Targets: to("east")}}
		if err := c.Validate(); err != nil {
			t.Fatalf("before any change: %v", err)
		}
		change(&c)
		err := c.Validate()
		if !found(err, key) {
			t.Errorf("%s: not found in:\n%v", key, err)
		}
		if _, err := NewDialplan(c, nil); err == nil {
			t.Errorf("%s: a dialplan was made of it", key)
		}
	}
}

// found reports whether one of the findings is at key and says something.
func found(err error, key string) bool {
	var all interface{ Unwrap() []error }
	if !errors.As(err, &all) {
		return false
	}
	for _, e := range all.Unwrap() {
		var f *Finding
		if errors.As(e, &f) && f.Key == key && len(f.Text) > 10 && strings.HasPrefix(f.Error(), key+": ") {
			return true
		}
	}
	return false
}
