package sip

import (
	"sync"
	"time"
)

// refusals are the legs that the Handler has refused: nobody's, until their
// final response has its ACK. As 100 was sent, the caller does not repeat its
// INVITE, and a refusal that got lost would let it wait for minutes.
// RFC 3261 §17.2.1. Safe for concurrent use.
type refusals struct {
	mu   sync.Mutex
	legs map[*Leg]struct{} // guarded by mu
}

// maxRefusals bounds them; beyond it a refusal is sent once.
const maxRefusals = 4096

// take refuses with c the call of a leg that nobody else has any more.
func (f *refusals) take(now time.Time, l *Leg, c Cause) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := l.ua
	u.counters.add(countRefused)
	l.Release(now, c, u.advice(c.Status)...)
	if len(f.legs) >= maxRefusals {
		u.table.remove(l.entry)
		return
	}
	if f.legs == nil {
		f.legs = make(map[*Leg]struct{})
	}
	f.legs[l] = struct{}{}
	l.entry.refused.Store(true)
}

// receive gives a message to a leg of these.
func (f *refusals) receive(now time.Time, m Message) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := m.to.leg
	l.Receive(now, m)
	f.drop(l)
}

// advance does what is due in them.
func (f *refusals) advance(now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for l := range f.legs {
		if due(now, l.Deadline()) {
			l.Advance(now)
			f.drop(l)
		}
	}
}

// drop lets a leg go that is over. mu is held.
func (f *refusals) drop(l *Leg) {
	if l.Over() {
		delete(f.legs, l)
	}
}
