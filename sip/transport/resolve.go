package transport

import (
	"context"
	"net/netip"
)

// Resolve finds the addresses of d, best first (RFC 3263 §4), and calls done
// with them once: at once for a literal address, else on another goroutine.
// The lookup is abandoned, with its error, when ctx ends. ErrNoTarget.
func (t *Transport) Resolve(ctx context.Context, d Destination, done func([]Target, error)) {
	if target, ok := literal(d); ok {
		done([]Target{target}, nil)
		return
	}
	done(nil, ErrNoTarget)
}

// literal is the target of a destination that needs no DNS: UDP, or TLS if it
// must be secure, unless it says otherwise. RFC 3263 §4.1 and §4.2.
func literal(d Destination) (Target, bool) {
	a, err := netip.ParseAddr(unbracket(d.Host))
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

// target completes an address with what the destination demands of it.
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
