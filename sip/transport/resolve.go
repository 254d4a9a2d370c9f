package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxTargets bounds the addresses a destination may have.
const maxTargets = 16

// A reply is what was learned of one question.
type reply struct {
	records
	err error
}

// rules are how a destination becomes targets. They ask through a function, so
// that they know neither sockets nor caches. Core.
type rules struct {
	udp    bool // we have a UDP listener
	v4, v6 bool // address families we can send over
	// ask answers the questions, each with a reply of its own.
	ask func(qs ...question) []reply
	// intn returns a random number from 0 to n-1.
	intn func(n int) int
}

// targets finds the addresses of d, best first. RFC 3263 §4.
func (r *rules) targets(d Destination) ([]Target, error) {
	if !isHost(d.Host) {
		return nil, fmt.Errorf("resolve %q: not a host name", d.Host)
	}
	if t, ok := r.literal(d); ok {
		return []Target{t}, nil
	}
	found, err := r.find(d)
	if err == nil && len(found) == 0 {
		err = ErrNoTarget
	}
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", d.Host, err)
	}
	return found[:min(len(found), maxTargets)], nil
}

func (r *rules) find(d Destination) ([]Target, error) {
	switch {
	case d.Port != 0:
		return r.addresses(d, []place{{d.kindOr(UDP), d.Host, d.Port}})
	case d.Kind != 0:
		return r.services(d, []Kind{d.kindOr(0)})
	}
	first := r.ask(ask(d.Host, dns.TypeNAPTR))[0]
	if first.err != nil {
		return nil, first.err
	}
	if found, err := r.byNAPTR(d, first.naptr); err != nil || len(found) > 0 {
		return found, err
	}
	if d.Secure {
		return r.services(d, []Kind{TLS})
	}
	if !r.udp {
		return r.services(d, []Kind{TCP})
	}
	return r.services(d, []Kind{UDP, TCP})
}

// byNAPTR follows the services a domain offers, in its order, as far as we speak
// them. RFC 3263 §4.1.
func (r *rules) byNAPTR(d Destination, all []naptr) ([]Target, error) {
	all = slices.Clone(all)
	slices.SortStableFunc(all, byOrder)
	var found []Target
	for _, n := range all {
		kind, ok := serviceKind(n.service)
		if !ok || d.Secure && kind != TLS || kind == UDP && !r.udp {
			continue
		}
		var more []Target
		var err error
		if n.final {
			more, err = r.addresses(d, []place{{kind, n.replacement, 0}})
		} else {
			more, err = r.service(d, kind, n.replacement)
		}
		if err != nil && len(found) == 0 {
			return nil, err
		}
		if found = append(found, more...); len(found) >= maxTargets {
			break
		}
	}
	return found, nil
}

func serviceKind(service string) (Kind, bool) {
	switch service {
	case "SIP+D2U":
		return UDP, true
	case "SIP+D2T":
		return TCP, true
	case "SIPS+D2T":
		return TLS, true
	}
	return 0, false
}

// services asks for the services of each kind and takes the first that is there;
// without any the addresses of the name itself. RFC 3263 §4.2.
func (r *rules) services(d Destination, kinds []Kind) ([]Target, error) {
	var qs []question
	for _, k := range kinds {
		qs = append(qs, ask(serviceName(k)+d.Host, dns.TypeSRV))
	}
	replies := r.ask(qs...)
	for i, k := range kinds {
		switch a := replies[i]; {
		case a.err != nil:
			return nil, a.err
		case len(a.srv) > 0:
			return r.ordered(d, k, a.srv)
		}
	}
	return r.addresses(d, []place{{kinds[0], d.Host, 0}})
}

// serviceName is the prefix of a service's SRV name. RFC 3263 §4.1; RFC 7118 §8.
func serviceName(k Kind) string {
	switch k {
	case TCP:
		return "_sip._tcp."
	case TLS:
		return "_sips._tcp."
	case WS:
		return "_sip._ws."
	case WSS:
		return "_sips._wss."
	case UDP:
	}
	return "_sip._udp."
}

func (r *rules) service(d Destination, k Kind, name string) ([]Target, error) {
	a := r.ask(ask(name, dns.TypeSRV))[0]
	if a.err != nil {
		return nil, a.err
	}
	return r.ordered(d, k, a.srv)
}

func (r *rules) ordered(d Destination, k Kind, all []srv) ([]Target, error) {
	var places []place
	for _, s := range r.order(all) {
		if s.target != "." { // RFC 2782: the service is decidedly not there
			places = append(places, place{k, s.target, s.port})
		}
	}
	return r.addresses(d, places)
}

// order sorts SRV records by priority and, within one, draws them at random in
// proportion to their weights. RFC 2782, "Usage rules".
func (r *rules) order(all []srv) []srv {
	rest := slices.Clone(all)
	slices.SortStableFunc(rest, func(a, b srv) int {
		// Those of weight 0 first, or they would hardly ever be drawn.
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(min(a.weight, 1), min(b.weight, 1)))
	})
	sorted := make([]srv, 0, len(rest))
	for len(rest) > 0 {
		n, sum := 0, 0
		for n < len(rest) && rest[n].priority == rest[0].priority {
			sum += int(rest[n].weight)
			n++
		}
		drawn, pick := r.intn(sum+1), 0
		for run := int(rest[0].weight); run < drawn; run += int(rest[pick].weight) {
			pick++
		}
		sorted = append(sorted, rest[pick])
		rest = slices.Delete(rest, pick, pick+1)
	}
	return sorted
}

// A place is a name with addresses, and how to speak to it.
type place struct {
	kind Kind
	name string
	port uint16 // 0 means that of the kind
}

// addresses asks for all addresses of all places at once. IPv4 goes before IPv6
// where we speak both: in telephony it is the one that works. A place that cannot
// be asked for is passed over if another has an address.
func (r *rules) addresses(d Destination, places []place) ([]Target, error) {
	places = places[:min(len(places), maxTargets)]
	var qs []question
	var of []place
	for _, p := range places {
		if r.v4 {
			qs, of = append(qs, ask(p.name, dns.TypeA)), append(of, p)
		}
		if r.v6 {
			qs, of = append(qs, ask(p.name, dns.TypeAAAA)), append(of, p)
		}
	}
	var found []Target
	var errs []error
	for i, a := range r.ask(qs...) {
		if a.err != nil {
			errs = append(errs, a.err)
			continue
		}
		for _, addr := range a.addrs {
			t := d.target(of[i].kind, netip.AddrPortFrom(addr, of[i].port))
			if !slices.Contains(found, t) {
				found = append(found, t)
			}
		}
	}
	if len(found) == 0 {
		return nil, errors.Join(errs...)
	}
	return found, nil
}

// literal is the target of a destination that needs no DNS: UDP, or TLS if it
// must be secure, unless it says otherwise. RFC 3263 §4.1 and §4.2. Localhost and
// the names below it are this machine, whatever anybody says (RFC 6761 §6.3).
func (r *rules) literal(d Destination) (Target, bool) {
	host := unbracket(d.Host)
	if name := "." + strings.ToLower(strings.TrimSuffix(host, ".")); strings.HasSuffix(name, ".localhost") {
		host = "127.0.0.1"
		if !r.v4 {
			host = "::1"
		}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return Target{}, false
	}
	return d.target(d.kindOr(UDP), netip.AddrPortFrom(a.Unmap(), d.Port)), true
}

// kindOr is the transport demanded, or k, each made secure if need be.
func (d Destination) kindOr(k Kind) Kind {
	if d.Kind != 0 {
		k = d.Kind
	}
	if !d.Secure {
		return k
	}
	switch k {
	case WS:
		return WSS
	case UDP, TCP:
		return TLS
	case TLS, WSS:
	}
	return k
}

// target completes an address with what the destination demands of it. The name a
// certificate must carry is the one that was asked for, not one the DNS led to.
// RFC 5922 §7.2.
func (d Destination) target(k Kind, a netip.AddrPort) Target {
	if a.Port() == 0 {
		a = netip.AddrPortFrom(a.Addr(), k.Port())
	}
	t := Target{Kind: k, Addr: a, Listener: d.Listener}
	if k.Secure() {
		t.Profile, t.Host = d.Profile, d.Host
		if d.Name != "" {
			t.Host = d.Name
		}
	}
	return t
}
