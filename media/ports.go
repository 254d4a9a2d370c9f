package media

import (
	"math/rand/v2"
	"time"
)

// ports are the RTP port pairs of one address: an even port and the odd one
// above it (RFC 3550 §11). Core. They wait in a queue and go out in order, so
// that the pair given out is always the one idle for longest.
type ports struct {
	rest  time.Duration
	queue []restingPort // ring
	head  int
	count int
	total int
}

// A restingPort may be given out once its time has come.
type restingPort struct {
	rtp   uint16
	until time.Time
}

// newPorts makes the pairs within first and last, both included, in an order
// that seed decides: the next port is not to be guessed from the last.
func newPorts(first, last uint16, rest time.Duration, seed uint64) *ports {
	p := &ports{rest: rest}
	for port := (uint32(first) + 1) &^ 1; port+1 <= uint32(last); port += 2 {
		p.queue = append(p.queue, restingPort{rtp: uint16(port)})
	}
	rand.New(rand.NewPCG(seed, seed)).Shuffle(len(p.queue), func(i, j int) { //nolint:gosec // the seed is random
		p.queue[i], p.queue[j] = p.queue[j], p.queue[i]
	})
	p.count = len(p.queue)
	p.total = p.count
	return p
}

// take gives out a pair; false when all are in use or rest.
func (p *ports) take(now time.Time) (uint16, bool) {
	if p.count == 0 || p.queue[p.head].until.After(now) {
		return 0, false
	}
	port := p.queue[p.head].rtp
	p.head = (p.head + 1) % p.total
	p.count--
	return port, true
}

// put takes a pair back; it rests first.
func (p *ports) put(now time.Time, port uint16) {
	p.queue[(p.head+p.count)%p.total] = restingPort{port, now.Add(p.rest)}
	p.count++
}

// used is how many pairs are in use, resting how many were freed and may not
// be given out yet.
func (p *ports) used() int { return p.total - p.count }

func (p *ports) resting(now time.Time) int {
	n := 0
	for i := range p.count {
		if p.queue[(p.head+i)%p.total].until.After(now) {
			n++
		}
	}
	return n
}
