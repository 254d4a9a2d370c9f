package sip

import (
	"hash/maphash"
	"sync"
	"time"
)

// A remnant is what is kept of a leg that is gone, for messages that still come.
type remnant struct {
	kind remnantKind
	// raw is the response to send again; nil absorbs the request.
	raw []byte
	// uri is the Request-URI of our INVITE; tag that of the dialog that was
	// answered, "" without.
	uri, tag string
}

type remnantKind uint8

const (
	// answered: a request that has its final response. RFC 3261 §17.2.2, Timer J;
	// RFC 6026 §7.1, Timer L.
	answered remnantKind = iota
	// invited: our INVITE, to which final responses may still come: they get
	// their ACK, and a 2xx of another dialog its BYE. RFC 3261 §13.2.2.4.
	invited
)

// remnants is the bounded table of them. All live equally long, so that the
// oldest is the first to go. Safe for concurrent use.
type remnants struct {
	seed maphash.Seed
	max  int
	life time.Duration

	mu    sync.Mutex
	byKey map[uint64]remnant // guarded by mu
	queue []leaving          // guarded by mu; oldest at head
	head  int                // guarded by mu
	lost  uint64             // guarded by mu; pushed out before their time
}

type leaving struct {
	key uint64
	at  time.Time
}

func newRemnants(limit int, life time.Duration) *remnants {
	return &remnants{seed: maphash.MakeSeed(), max: limit, life: life, byKey: make(map[uint64]remnant)}
}

// key names a remnant by what its message will show.
func (r *remnants) key(a, b, c string) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	_, _ = h.WriteString(a)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(b)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(c)
	return h.Sum64()
}

// add keeps m under k.
func (r *remnants) add(now time.Time, k uint64, m remnant) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.byKey[k]; !ok {
		if len(r.byKey) >= r.max {
			r.drop()
			r.lost++
		}
		r.queue = append(r.queue, leaving{k, now.Add(r.life)})
	}
	r.byKey[k] = m
}

// get returns what is kept under k.
func (r *remnants) get(k uint64) (remnant, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.byKey[k]
	return m, ok
}

// sweep lets go what is over, and gives memory back once there is nothing.
func (r *remnants) sweep(now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.head < len(r.queue) && !r.queue[r.head].at.After(now) {
		r.drop()
	}
	switch {
	case r.head == len(r.queue) && cap(r.queue) > 0:
		r.queue, r.head, r.byKey = nil, 0, make(map[uint64]remnant)
	case r.head > len(r.queue)/2 && r.head > 1024:
		r.queue = append([]leaving(nil), r.queue[r.head:]...)
		r.head = 0
	}
}

// drop lets the oldest go. mu is held.
func (r *remnants) drop() {
	delete(r.byKey, r.queue[r.head].key)
	r.head++
}

// count returns how many there are, and how many were pushed out.
func (r *remnants) count() (n int, lost uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.byKey), r.lost
}
