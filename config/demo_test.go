package config

import (
	"net/netip"
	"reflect"
	"strings"
	"testing"
)

// The demonstration is a good configuration, and nothing in it can be reached
// from another machine.
func TestDemoStaysOnThisMachine(t *testing.T) {
	c := demo()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if !c.Media.Address.IsLoopback() || c.Media.Address6.IsValid() || c.Admin.Address != "" {
		t.Errorf("media %v %v, admin %q", c.Media.Address, c.Media.Address6, c.Admin.Address)
	}
	for _, l := range c.SIP.Listeners {
		if a, err := netip.ParseAddrPort(l.Address); err != nil || !a.Addr().IsLoopback() {
			t.Errorf("listener %s at %s", l.Name, l.Address)
		}
	}
	for _, trunk := range c.Trunks {
		if ip, err := netip.ParseAddr(trunk.Peer.Host); err != nil || !ip.IsLoopback() {
			t.Errorf("trunk %s is at %s", trunk.Name, trunk.Peer.Host)
		}
	}
}

// What Print writes is read back as the same configuration.
func TestPrintIsReadBack(t *testing.T) {
	want := demo()
	printed := Print(want)
	got, all := load(t, printed, nil)
	if all != nil {
		t.Fatalf("%v\n%s", all, printed)
	}
	for i := range want.Trunks {
		if Print(got.Trunks[i]) != Print(want.Trunks[i]) {
			t.Errorf("trunk %d:\n%s\nwant\n%s", i, Print(got.Trunks[i]), Print(want.Trunks[i]))
		}
	}
	if !reflect.DeepEqual(got.SIP.Listeners[0].Address, want.SIP.Listeners[0].Address) || Print(got) != printed {
		t.Errorf("read back as\n%s\nwant\n%s", Print(got), printed)
	}
}

// A text that YAML would take for something else is quoted.
func TestQuoteKeepsTexts(t *testing.T) {
	for s, want := range map[string]string{
		"": `""`, "plain-1.2": "plain-1.2", "a b": `"a b"`, "x: y": `"x: y"`, "- x": `"- x"`, "#": `"#"`, "+1555": "+1555",
	} {
		if got := Quote(s); got != want {
			t.Errorf("Quote(%q) = %s, want %s", s, got, want)
		}
	}
	if s := Print(demo().Trunks[0]); strings.Contains(s, "\t") {
		t.Error("YAML has no tabs")
	}
}

// What a reload cannot apply is named, and nothing else is.
func TestRestartNamesWhatNeedsIt(t *testing.T) {
	was, now := demo(), demo()
	now.Trunks, now.Limits.Calls, now.Call.RingTime, now.SIP.Gate.Burst = nil, 7, 0, 1
	if keys := Restart(was, now); len(keys) != 0 {
		t.Errorf("trunks and limits need no restart: %v", keys)
	}
	now.SIP.Listeners = now.SIP.Listeners[:1]
	now.Media.PortMax, now.SIP.Streams.Queue = 20000, 1
	if got, want := strings.Join(Restart(was, now), " "), "sip.listeners sip.streams.queue media.port_max"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
