package sbc

import (
	"context"
	"time"
)

// farewell is how long the monitor waits at the end for registrars to confirm
// that we are gone.
const farewell = 2 * time.Second

// refreshCondition is how often conditions are looked at anew, since some only
// age.
const refreshCondition = time.Minute

// Run watches the trunks until ctx ends, and takes their registrations back.
// It is the trunk monitor's goroutine; there is one, started beside the B2BUA,
// and it ends when ctx has and the registrars have answered or had their time.
func (m *Monitor) Run(ctx context.Context) error {
	m.apply(time.Now())
	timer := time.NewTimer(0)
	defer timer.Stop()
	done := ctx.Done()
	refresh := time.Now().Add(refreshCondition)
	var until time.Time // set while saying farewell
	for {
		now := time.Now()
		if left := m.left(); !until.IsZero() && (left || !now.Before(until)) {
			return nil
		}
		if !now.Before(refresh) {
			refresh = now.Add(refreshCondition)
			for _, w := range m.watched {
				m.publish(now, w)
			}
		}
		next := earliest(refresh, until)
		for _, w := range m.watched {
			next = earliest(next, w.deadline())
		}
		for _, r := range m.leaving {
			next = earliest(next, r.Deadline())
		}
		timer.Reset(time.Until(next))
		select {
		case in := <-m.inbox:
			m.receive(time.Now(), in)
		case <-m.wake:
			m.apply(time.Now())
		case <-timer.C:
			now := time.Now()
			for _, w := range m.watched {
				m.advance(now, w)
			}
			for _, r := range m.leaving {
				r.Advance(now)
			}
		case <-done:
			done = nil
			until = time.Now().Add(farewell)
			m.leave(time.Now())
		}
	}
}
