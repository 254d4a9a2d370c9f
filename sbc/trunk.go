package sbc

import (
	"cmp"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A Trunk is a peer we exchange calls with, made ready for use. Its settings
// are immutable: a call keeps the Trunk it began with when a reload brings
// another of the same name. Its condition is shared by both. Safe for
// concurrent use.
type Trunk struct {
	cfg    TrunkConfig
	ranges []netip.Prefix // of media
	allow  headerRules
	strip  headerRules
	set    []headerValue
	login  *sip.Login     // nil: requests are not asked for a password
	health *health        // by name, kept over a reload
	phones *phones        // likewise; nil: none may register
	left   *atomic.Uint64 // values that Pass left out, of all trunks together
}

// A headerValue is a header that a trunk sets.
type headerValue struct {
	name  string
	value rewrite
}

// newTrunk makes a trunk ready. The configuration has been validated.
func newTrunk(c TrunkConfig, h *health) (*Trunk, error) {
	t := &Trunk{
		cfg:    c,
		allow:  newHeaderRules(c.Headers.Allow),
		strip:  newHeaderRules(c.Headers.Strip),
		login:  c.Login.login(),
		health: h,
	}
	for _, r := range c.Media.Ranges {
		p, err := parsePrefix(r)
		if err != nil {
			return nil, err
		}
		t.ranges = append(t.ranges, p)
	}
	for _, s := range c.Headers.Set {
		v, err := parseRewrite(s.Value, 0)
		if err != nil {
			return nil, err
		}
		t.set = append(t.set, headerValue{name: s.Name, value: v})
	}
	return t, nil
}

// Name is what the configuration calls the trunk.
func (t *Trunk) Name() string { return t.cfg.Name }

// Config returns the settings. Their slices must not be changed.
func (t *Trunk) Config() TrunkConfig { return t.cfg }

// MediaRanges are the addresses media may come from and go to; none means any.
// The slice must not be changed.
func (t *Trunk) MediaRanges() []netip.Prefix { return t.ranges }

// Up reports whether new calls may go to the trunk: it has a host or phones
// that register, is not known to be down and has not asked to be left alone.
func (t *Trunk) Up(now time.Time) bool {
	return (t.cfg.Peer.Host != "" || t.phones != nil) && t.health.up(now)
}

// Condition returns how the trunk is, as the monitor last found.
func (t *Trunk) Condition() Condition { return t.health.load() }

// Unavailable notes a 503 of the trunk that said how long to stay away (RFC 3261
// §21.5.4); new calls prefer other targets until then. It does nothing if the
// trunk's settings ignore such wishes.
func (t *Trunk) Unavailable(now time.Time, retryAfter time.Duration) {
	if t.cfg.Reroute.RetryAfter && retryAfter > 0 {
		t.health.leave(now.Add(min(retryAfter, maxRetryAfter)))
	}
}

// Unproved notes that a call could not be sent to the trunk because its certificate
// was refused; any other err, and nil, are no news. It shows in the condition until
// the trunk is reached again.
func (t *Trunk) Unproved(now time.Time, err error) {
	if errors.Is(err, transport.ErrCertificate) {
		t.health.unproved.Store(&refusedCertificate{ended: endOf(now, err), reason: "INVITE: " + err.Error()})
	}
}

// Proved notes that the trunk was reached.
func (t *Trunk) Proved() { t.health.unproved.Store(nil) }

// maxRetryAfter bounds how long one response keeps calls away.
const maxRetryAfter = 5 * time.Minute

// kind is the transport of the trunk, 0 for any.
func (t *Trunk) kind() transport.Kind {
	k, _ := transport.ParseKind(string(t.cfg.Peer.Transport))
	return k
}

// Destination is where requests to the trunk go, for [transport.Transport.Resolve].
func (t *Trunk) Destination() transport.Destination {
	p := t.cfg.Peer
	d := transport.Destination{
		Host: p.Host, Port: p.Port, Kind: t.kind(), Secure: t.kind().Secure(),
		Name: p.ServerName, Profile: p.TLS, Listener: p.Listener,
	}
	if p.Proxy != "" {
		d.Host, d.Port, _ = splitHostPort(p.Proxy)
	}
	return d
}

// Trunks is all trunks of a configuration. It is immutable and safe for
// concurrent use.
type Trunks struct {
	list      []*Trunk // as configured, the disabled ones left out
	byName    map[string]*Trunk
	prefixes  []source // longest first
	names     map[string]*Trunk
	listeners map[string]*Trunk
	left      *atomic.Uint64
}

// A source is a range of addresses and whose it is.
type source struct {
	prefix netip.Prefix
	trunk  *Trunk
}

// newTrunks makes trunks ready. Those that old has as well, by name, keep their
// health.
func newTrunks(configs []TrunkConfig, old *Trunks) (*Trunks, error) {
	s := &Trunks{
		byName:    make(map[string]*Trunk, len(configs)),
		names:     make(map[string]*Trunk),
		listeners: make(map[string]*Trunk),
		left:      new(atomic.Uint64),
	}
	if old != nil {
		s.left = old.left
	}
	for i := range configs {
		c := configs[i]
		if c.Disabled {
			continue
		}
		h, was := newHealth(), old.Named(c.Name)
		if was != nil {
			h = was.health
		}
		t, err := newTrunk(c, h)
		if err != nil {
			return nil, err
		}
		t.phones = phonesOf(c.Phones, was)
		t.left = s.left
		s.list = append(s.list, t)
		s.byName[c.Name] = t
		s.index(t)
	}
	slices.SortStableFunc(s.prefixes, func(a, b source) int {
		return cmp.Compare(b.prefix.Bits(), a.prefix.Bits())
	})
	return s, nil
}

// index notes whom the trunk is known by.
func (s *Trunks) index(t *Trunk) {
	p := &t.cfg.Peer
	addresses := p.Addresses
	if _, err := netip.ParseAddr(p.Host); err == nil && len(addresses) == 0 {
		addresses = []string{p.Host}
	}
	for _, a := range addresses {
		if prefix, err := parsePrefix(a); err == nil {
			s.prefixes = append(s.prefixes, source{prefix, t})
		}
	}
	for _, n := range p.Names {
		s.names[strings.ToLower(n)] = t
	}
	if p.byListener() {
		s.listeners[p.Listener] = t
	}
}

// All returns the trunks in the order of the configuration. The slice must not
// be changed.
func (s *Trunks) All() []*Trunk {
	if s == nil {
		return nil
	}
	return s.list
}

// LeftOut is how many header values a rule would have let pass and that were
// too many, too long or not text.
func (s *Trunks) LeftOut() uint64 { return s.left.Load() }

// Named returns the trunk of that name, nil if there is none.
func (s *Trunks) Named(name string) *Trunk {
	if s == nil {
		return nil
	}
	return s.byName[name]
}

// Of returns the trunk a flow belongs to, nil for a stranger. A name proved by
// a certificate decides before the address, the longest range before a shorter
// one, and the listener of a trunk of browser phones last. A trunk that is
// known by TLS names, or speaks TLS, is not known by its address alone where
// that proves less (RFC 5922 §7).
func (s *Trunks) Of(f transport.Flow) *Trunk {
	if s == nil {
		return nil
	}
	if f.Identity != nil {
		for _, n := range f.Identity.Names {
			if t := s.bearing(n); t != nil {
				return t
			}
		}
	}
	addr := f.Remote.Addr().Unmap().WithZone("")
	for _, p := range s.prefixes {
		if p.prefix.Contains(addr) && p.trunk.cfg.Peer.byAddress(f.Kind) {
			return p.trunk
		}
	}
	if t := s.listeners[f.Listener]; t != nil && (f.Kind.Secure() || !t.cfg.Peer.secure()) {
		return t
	}
	return nil
}

// bearing returns the trunk of a TLS name, which may stand for its domain by one
// label "*" (RFC 6125 §6.4.3).
func (s *Trunks) bearing(name string) *Trunk {
	name = strings.ToLower(name)
	if t := s.names[name]; t != nil {
		return t
	}
	if _, domain, found := strings.Cut(name, "."); found {
		return s.names["*."+domain]
	}
	return nil
}

// Known reports whether an address is that of a trunk, so that the gate lets it
// pass before strangers.
func (s *Trunks) Known(addr netip.Addr) bool {
	addr = addr.Unmap().WithZone("")
	return slices.ContainsFunc(s.prefixes, func(p source) bool { return p.prefix.Contains(addr) })
}
