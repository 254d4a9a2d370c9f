package media

import (
	"container/heap"
	"slices"
	"time"
)

// advance does what is due at now and returns when there is something again;
// zero when there is not. The pool's housekeeper calls it.
func (e *Endpoint) advance(now time.Time) time.Time {
	e.mu.Lock()
	if e.closed {
		e.unlock()
		return time.Time{}
	}
	e.sendPresses(now)
	e.generate(now)
	e.report(now)
	e.endDigits(now)
	e.expirePresses(now)
	e.checkSilence(now)
	e.dropLate(now)
	if e.agent != nil {
		for _, ev := range e.agent.Advance(now) {
			if d := e.find(ev.Dialog); d != nil && ev.Moved {
				e.moved(now, d, "consent for the path before ran out")
			}
		}
		e.wakeAt(e.agent.Deadline())
	}
	next := e.wake
	e.wake = time.Time{}
	e.unlock()
	return next
}

// checkSilence tells the owner when nothing was heard for too long.
func (e *Endpoint) checkSilence(now time.Time) {
	limit := e.pool.cfg.Silence
	if limit == 0 || e.quiet.since.IsZero() {
		return
	}
	d := e.quietFor(now)
	if d < limit {
		e.wakeAt(now.Add(limit - d))
		return
	}
	if !e.quiet.told {
		e.quiet.told = true
		e.tell(Notice{Kind: NoticeSilent, At: now, For: d})
	}
	e.wakeAt(now.Add(limit))
}

// dropLate forgets the dialogs that lost, after their late packets.
func (e *Endpoint) dropLate(now time.Time) {
	for _, d := range slices.Backward(e.dialogs) {
		switch {
		case d.until.IsZero():
		case now.Before(d.until):
			e.wakeAt(d.until)
		default:
			e.drop(now, d, "another answered")
		}
	}
}

// A queue is the endpoints that have something due, soonest first. It is
// guarded by the pool's mutex.
type queue []*Endpoint

func (q queue) Len() int           { return len(q) }
func (q queue) Less(i, j int) bool { return q[i].due.Before(q[j].due) }
func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].heapAt, q[j].heapAt = i, j
}

// Push and Pop are for package heap.
func (q *queue) Push(x any) {
	e, ok := x.(*Endpoint)
	if !ok {
		return
	}
	e.heapAt = len(*q)
	*q = append(*q, e)
}

// Pop removes the last endpoint.
func (q *queue) Pop() any {
	old := *q
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	e.heapAt = -1
	return e
}

// schedule asks for advance of e at that time, unless it is due sooner anyway.
func (p *Pool) schedule(e *Endpoint, at time.Time) {
	p.mu.Lock()
	first := p.put(e, at)
	p.mu.Unlock()
	if first {
		select {
		case p.stirred <- struct{}{}:
		default: // the housekeeper is about to look anyway
		}
	}
}

// put queues e and reports whether it is the first due. The caller holds mu.
func (p *Pool) put(e *Endpoint, at time.Time) bool {
	switch {
	case !p.has(e):
		return false // closed meanwhile
	case e.heapAt < 0:
		e.due = at
		heap.Push(&p.queue, e)
	case at.Before(e.due):
		e.due = at
		heap.Fix(&p.queue, e.heapAt)
	default:
		return false
	}
	return p.queue[0] == e
}

func (p *Pool) has(e *Endpoint) bool {
	_, ok := p.endpoints[e]
	return ok
}

// takeDue removes the first endpoint that is due at now; nil and the time of
// the next when none is.
func (p *Pool) takeDue(now time.Time) (*Endpoint, time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return nil, time.Time{}
	}
	e := p.queue[0]
	if e.due.After(now) {
		return nil, e.due
	}
	heap.Pop(&p.queue)
	return e, time.Time{}
}
