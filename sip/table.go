package sip

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/tandem-voip/tandem/sip/transport"
)

// An entry is the UA's view of a leg, a registration or a ping: what finds it,
// and where its messages go.
type entry struct {
	// set once
	callID string
	tag    string // ours
	peer   string // name of the trunk
	leg    *Leg   // nil for a registration or a ping
	uas    bool
	// of the INVITE that made a UAS leg: RFC 3261 §8.2.2.2, §9.2
	remoteTag string
	key       string
	seq       uint32

	post    atomic.Pointer[Post]       // nil until the Handler has returned
	source  atomic.Pointer[netip.Addr] // where the dialog's peer is
	refused atomic.Bool                // the leg is the UA's: see refusals
	next    *entry                     // guarded by the shard's mu
}

// deliver posts a message, and reports false if it was not taken.
func (e *entry) deliver(m Message) bool {
	p := e.post.Load()
	return p != nil && (*p)(m)
}

// early reports whether the leg has no owner yet.
func (e *entry) early() bool { return e.post.Load() == nil }

// moved says that the peer of the dialog is at addr.
func (e *entry) moved(addr netip.Addr) {
	if old := e.source.Load(); old == nil || *old != addr {
		e.source.Store(new(addr))
	}
}

// table finds entries by Call-ID. Several legs share one where the peer tries
// again with the same Call-ID. Safe for concurrent use.
type table struct {
	seed   maphash.Seed
	max    int64
	n      atomic.Int64
	shards [64]shard
}

type shard struct {
	mu      sync.Mutex
	entries map[string]*entry // guarded by mu; chained by next
}

func newTable(limit int) *table {
	t := &table{seed: maphash.MakeSeed(), max: int64(limit)}
	for i := range t.shards {
		t.shards[i].entries = make(map[string]*entry)
	}
	return t
}

func (t *table) shard(callID string) *shard {
	return &t.shards[maphash.String(t.seed, callID)%uint64(len(t.shards))]
}

// add inserts e; false: the table is full.
func (t *table) add(e *entry) bool {
	if t.n.Add(1) > t.max {
		t.n.Add(-1)
		return false
	}
	s := t.shard(e.callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.next = s.entries[e.callID]
	s.entries[e.callID] = e
	return true
}

// remove takes e out; doing it again does nothing.
func (t *table) remove(e *entry) {
	s := t.shard(e.callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	var before *entry
	for x := s.entries[e.callID]; x != nil; before, x = x, x.next {
		if x != e {
			continue
		}
		switch {
		case before != nil:
			before.next = x.next
		case x.next != nil:
			s.entries[e.callID] = x.next
		default:
			delete(s.entries, e.callID)
		}
		t.n.Add(-1)
		return
	}
}

// find returns the entry of callID for which match holds, nil without one.
func (t *table) find(callID string, match func(*entry) bool) *entry {
	s := t.shard(callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.entries[callID]; e != nil; e = e.next {
		if match(e) {
			return e
		}
	}
	return nil
}

// byTag returns the entry with our tag.
func (t *table) byTag(callID, tag string) *entry {
	s := t.shard(callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	for e := s.entries[callID]; e != nil; e = e.next {
		if e.tag == tag {
			return e
		}
	}
	return nil
}

// all returns the entries of callID.
func (t *table) all(callID string) []*entry {
	s := t.shard(callID)
	s.mu.Lock()
	defer s.mu.Unlock()
	var es []*entry
	for e := s.entries[callID]; e != nil; e = e.next {
		es = append(es, e)
	}
	return es
}

// from reports whether a request on flow f may belong to e's dialog: it comes
// from the address the dialog lives on, or from one that the Handler gives the
// same name. Tags alone are not enough: they travel in clear.
func (e *entry) from(f transport.Flow, h Handler) bool {
	if a := e.source.Load(); a != nil && *a == f.Remote.Addr() {
		return true
	}
	if h == nil || e.peer == "" {
		return false
	}
	p, ok := h.Peer(f)
	return ok && p.Name == e.peer
}
