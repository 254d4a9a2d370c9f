package transport

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// The lines of a hosts file that make sense are read, whatever stands between
// them.
func TestHostsFileIsRead(t *testing.T) {
	h := parseHosts([]byte("# local names\n" +
		"192.0.2.7\tPBX pbx.example.com # the old one\n" +
		"2001:db8::7 pbx\n192.0.2.8 pbx\n192.0.2.8 pbx\r\n" +
		"0.0.0.0 blocked\nfe80::1%lo0 scoped\nnot-an-address x\n192.0.2.9\n192.0.2.9 \"bad\" last."))
	for _, c := range []struct {
		name string
		kind uint16
		want string
	}{
		{"pbx", dns.TypeA, "192.0.2.7 192.0.2.8"},
		{"pbx", dns.TypeAAAA, "2001:db8::7"},
		{"Pbx.Example.COM.", dns.TypeA, "192.0.2.7"},
		{"pbx.example.com", dns.TypeAAAA, ""},
		{"pbx", dns.TypeNAPTR, ""},
		{"_sip._udp.pbx", dns.TypeSRV, ""},
		{"last", dns.TypeA, "192.0.2.9"},
		{"blocked", dns.TypeA, "unknown"},
		{"scoped", dns.TypeAAAA, "unknown"},
		{"_sip._udp.example.com", dns.TypeSRV, "unknown"},
	} {
		r, ok := h.answer(ask(c.name, c.kind))
		var got []string
		for _, a := range r.addrs {
			got = append(got, a.String())
		}
		if s := strings.Join(got, " "); ok && s != c.want || !ok && c.want != "unknown" {
			t.Errorf("%s %s: %q (there: %t), want %q", dns.TypeToString[c.kind], c.name, s, ok, c.want)
		}
	}
}

// A hosts file of any size costs a bounded number of bytes and of addresses.
func TestHostsFileIsBounded(t *testing.T) {
	var long strings.Builder
	for i := range 2 * maxRecords {
		long.WriteString("192.0.2." + string(rune('0'+i%10)) + string(rune('0'+i/10)) + " many\n")
	}
	long.WriteString(strings.Repeat("#", maxHosts) + "\n192.0.2.1 beyond\n")
	h := parseHosts([]byte(long.String()))
	if n := len(h["many."]); n != maxRecords {
		t.Errorf("%d addresses of one name, want %d", n, maxRecords)
	}
	if _, ok := h["beyond."]; ok {
		t.Error("the file was read beyond its bound")
	}
}

// A name of the hosts file needs no name server, and is another once the file is
// another.
func TestHostsFileGoesBeforeDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hosts")
		put := func(text string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		put("192.0.2.7 pbx\n")
		n := &nameServer{zone: newZone(t, "pbx.example.com. A 192.0.2.9\n")}
		tr := resolving(t, n, func(c *DNSConfig) { c.Hosts = path })
		if got, err := lookup(tr, "pbx"); err != nil || got != "192.0.2.7:5060" {
			t.Error(got, err)
		}
		put("192.0.2.77 pbx other\n")
		time.Sleep(hostsCheck)
		if got, err := lookup(tr, "other"); err != nil || got != "192.0.2.77:5060" {
			t.Error("after a change:", got, err)
		}
		if asked := n.asked.Load(); asked != 0 {
			t.Errorf("name server asked %d times, want 0", asked)
		}
		if got, err := lookup(tr, "pbx.example.com"); err != nil || got != "192.0.2.9:5060" {
			t.Error("a name that is not there:", got, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(hostsCheck)
		if got, _ := lookup(tr, "pbx"); got != "" {
			t.Error("without the file:", got)
		}
	})
}

// What the DNS points to may be in the hosts file.
func TestHostsFileHasTargetOfService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "hosts")
		if err := os.WriteFile(path, []byte("192.0.2.7 edge.example.com\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		n := &nameServer{zone: newZone(t, "_sip._udp.calls SRV 0 0 5070 edge\n")}
		tr := resolving(t, n, func(c *DNSConfig) { c.Hosts = path })
		if got, err := lookup(tr, "calls.example.com"); err != nil || got != "192.0.2.7:5070" {
			t.Error(got, err)
		}
	})
}
