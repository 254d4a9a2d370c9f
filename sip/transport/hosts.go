package transport

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Bounds on a hosts file: bytes that are read, and how long it is used before we
// look whether it has changed.
const (
	maxHosts   = 1 << 20
	hostsCheck = 5 * time.Second
)

// hosts are the names of a hosts file, in lower case with their final dot, and
// their addresses. They are never changed once made. A nil hosts has none.
type hosts map[string][]netip.Addr

// parseHosts reads a hosts file: lines of an address and its names, where # begins
// a comment. Lines that make no sense are passed over. Of a file that is too long
// the beginning is read.
func parseHosts(text []byte) hosts {
	h := hosts{}
	for line := range strings.Lines(string(text[:min(len(text), maxHosts)])) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		addr, err := netip.ParseAddr(fields[0])
		if err != nil || addr.Zone() != "" || addr.IsUnspecified() || addr.IsMulticast() {
			continue
		}
		for _, name := range fields[1:] {
			h.add(name, addr.Unmap())
		}
	}
	return h
}

func (h hosts) add(name string, addr netip.Addr) {
	if !isHost(name) {
		return
	}
	key := ask(name, dns.TypeA).name
	if have := h[key]; len(have) < maxRecords && !slices.Contains(have, addr) {
		h[key] = append(have, addr)
	}
}

// answer is what the file says to a question, and whether it is for the file to
// say. A name that is there has those addresses and nothing else: the DNS, which
// may not even be reachable, is not asked for its services (RFC 3263 §4) either.
func (h hosts) answer(q question) (records, bool) {
	name := q.name
	if q.kind == dns.TypeSRV {
		for range 2 { // "_sip._udp."; RFC 2782
			if strings.HasPrefix(name, "_") {
				_, name, _ = strings.Cut(name, ".")
			}
		}
	}
	addrs, ok := h[name]
	if !ok {
		return records{}, false
	}
	var r records
	for _, a := range addrs {
		if q.kind == dns.TypeA && a.Is4() || q.kind == dns.TypeAAAA && a.Is6() {
			r.addrs = append(r.addrs, a)
		}
	}
	return r, true
}
