package transport

import (
	"net/netip"
	"time"
)

// A Gate admits or drops what arrives before it is parsed. Strangers have a
// bucket of messages each and share one in all; a known source has its own and
// is never held up by strangers. The table is bounded. Core.
type Gate struct {
	cfg   GateConfig
	known func(netip.Addr) bool
	total bucket
	// Two generations of buckets. A source seen moves to the young one; when that
	// is full or old enough the old one is forgotten. By then its buckets are full
	// again, unless more sources came than the table holds: then the shared bucket
	// alone bounds them.
	young, old map[netip.Addr]bucket
	turned     time.Time
	trusted    map[netip.Addr]bucket
	answers    bucket
}

// answersPerSecond bounds what we say to strangers whose messages we could not
// read. It is small: such an answer helps only an honest mistake.
const answersPerSecond = 50

// A Verdict is what a Gate says of one message.
type Verdict uint8

// The verdicts. All but Admitted mean: drop, silently.
const (
	Admitted   Verdict = iota
	OverSource         // more than its source may send
	OverTotal          // more than all strangers may send
	OverKnown          // more than this trunk's source may send
	Oversize           // larger than a message may be
)

// NewGate makes a gate. known reports trunks; nil knows nobody.
func NewGate(cfg GateConfig, known func(netip.Addr) bool) *Gate {
	if known == nil {
		known = func(netip.Addr) bool { return false }
	}
	return &Gate{
		cfg:     cfg,
		known:   known,
		young:   map[netip.Addr]bucket{},
		trusted: map[netip.Addr]bucket{},
	}
}

// Apply takes up other limits; what sources have used stays used.
func (g *Gate) Apply(cfg GateConfig) { g.cfg = cfg }

// Admit decides on one message, or one new connection, of size bytes from src.
func (g *Gate) Admit(now time.Time, src netip.Addr, size int) Verdict {
	if size > maxMessage {
		return Oversize
	}
	if g.known(src) {
		return g.admitKnown(now, src)
	}
	g.turn(now)
	key := sourceOf(src)
	b, ok := g.young[key]
	if !ok {
		b = g.old[key]
	}
	fits := b.take(now, g.cfg.Rate, g.cfg.Burst)
	g.young[key] = b
	switch {
	case !fits:
		return OverSource
	case !g.total.take(now, g.cfg.TotalRate, g.cfg.TotalBurst):
		return OverTotal
	}
	return Admitted
}

func (g *Gate) admitKnown(now time.Time, src netip.Addr) Verdict {
	if g.cfg.KnownRate <= 0 {
		return Admitted
	}
	b, ok := g.trusted[src]
	if !ok && len(g.trusted) >= g.cfg.Sources {
		clear(g.trusted) // a trunk may be a network; its buckets begin anew
	}
	fits := b.take(now, g.cfg.KnownRate, max(g.cfg.KnownBurst, 1))
	g.trusted[src] = b
	if !fits {
		return OverKnown
	}
	return Admitted
}

// Answer reports whether one more stateless answer to a malformed request may be
// given to src now.
func (g *Gate) Answer(now time.Time, src netip.Addr) bool {
	return g.known(src) || g.answers.take(now, answersPerSecond, answersPerSecond)
}

// turn begins a new generation when it is time.
func (g *Gate) turn(now time.Time) {
	refilled := time.Duration(float64(g.cfg.Burst) / g.cfg.Rate * float64(time.Second))
	if len(g.young) < max(g.cfg.Sources/2, 1) && now.Sub(g.turned) < refilled {
		return
	}
	g.young, g.old = map[netip.Addr]bucket{}, g.young
	g.turned = now
}

// sourceOf is whom an address belongs to: itself, or for IPv6 its /64, of which
// one host may use every address. RFC 4291 §2.5.4.
func sourceOf(a netip.Addr) netip.Addr {
	if a.Is4() || a.Is4In6() {
		return a.Unmap()
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// A bucket holds the messages a source may still send. The zero value is full.
type bucket struct {
	used float64 // 0 is full
	at   time.Time
}

func (b *bucket) take(now time.Time, rate float64, burst int) bool {
	b.used = max(0, b.used-now.Sub(b.at).Seconds()*rate)
	b.at = now
	if b.used+1 > float64(burst) {
		return false
	}
	b.used++
	return true
}
