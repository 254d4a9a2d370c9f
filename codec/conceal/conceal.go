package conceal

import "slices"

// Pitch is sought between these frequencies, where voices are (G.711
// Appendix I §I.2.2 looks from 66 to 200 Hz; higher voices repeat at a multiple
// of their period).
const (
	lowestHz  = 66
	highestHz = 400
)

// A Concealer stands in for lost samples of one stream.
type Concealer struct {
	history []int16 // the last good samples, oldest first
	heard   int     // how many of them are of the stream, the newest ones

	period []int16 // what is repeated during a gap
	at     int     // next sample of period
	lost   int     // samples concealed in this gap, 0 outside one

	minLag, maxLag int
	full, silent   int // lost samples after which it fades, and is silent
	blend          int // samples over which the stream fades back in
}

// New returns a Concealer for a stream of rate samples per second.
func New(rate int) *Concealer {
	maxLag := rate / lowestHz
	return &Concealer{
		history: make([]int16, 3*maxLag),
		period:  make([]int16, 0, maxLag),
		minLag:  rate / highestHz,
		maxLag:  maxLag,
		full:    rate / 100,
		silent:  rate * 6 / 100,
		blend:   rate * 5 / 1000,
	}
}

// Good takes samples that were received. After a gap it changes the first
// 5 ms of them, fading out what was made up.
func (c *Concealer) Good(pcm []int16) {
	if c.lost > 0 {
		n := min(c.blend, len(pcm))
		for i := range n {
			made := int(c.next())
			pcm[i] = int16((made*(n-i) + int(pcm[i])*i) / n)
		}
		c.lost = 0
	}
	if len(pcm) >= len(c.history) {
		copy(c.history, pcm[len(pcm)-len(c.history):])
	} else {
		copy(c.history, c.history[len(pcm):])
		copy(c.history[len(c.history)-len(pcm):], pcm)
	}
	c.heard = min(c.heard+len(pcm), len(c.history))
}

// Append appends n samples to dst in place of lost ones.
func (c *Concealer) Append(dst []int16, n int) []int16 {
	if c.lost == 0 {
		c.begin()
	}
	dst = slices.Grow(dst, n)
	for range n {
		dst = append(dst, c.next())
	}
	return dst
}

// next is one made-up sample, scaled by how long the gap has lasted.
func (c *Concealer) next() int16 {
	c.lost++
	if len(c.period) == 0 || c.lost >= c.silent {
		return 0
	}
	s := int(c.period[c.at])
	if c.at++; c.at == len(c.period) {
		c.at = 0
	}
	if c.lost > c.full {
		s = s * (c.silent - c.lost) / (c.silent - c.full)
	}
	return int16(s)
}

// begin finds the pitch period that the gap repeats. Its last quarter is faded
// into what came before it, so that the repetition has no seam.
func (c *Concealer) begin() {
	c.period, c.at = c.period[:0], 0
	if c.heard < len(c.history) {
		return // too little heard to know a pitch: silence
	}
	lag := c.lag()
	end := len(c.history)
	c.period = append(c.period, c.history[end-lag:]...)
	q := lag / 4
	for i := range q {
		now, before := int(c.period[lag-q+i]), int(c.history[end-2*lag+lag-q+i])
		c.period[lag-q+i] = int16((now*(q-i) + before*i) / q)
	}
}

// lag is the distance at which the newest samples resemble older ones most: the
// peak of the normalised correlation, every second sample, then refined.
func (c *Concealer) lag() int {
	best, bestScore := c.maxLag, -1.0
	for lag := c.minLag; lag <= c.maxLag; lag += 2 {
		if s := c.likeness(lag, 2); s > bestScore {
			best, bestScore = lag, s
		}
	}
	bestScore = -1
	for lag, coarse := max(best-1, c.minLag), best; lag <= min(coarse+1, c.maxLag); lag++ {
		if s := c.likeness(lag, 1); s > bestScore {
			best, bestScore = lag, s
		}
	}
	return best
}

// likeness compares the newest maxLag samples with those lag earlier.
func (c *Concealer) likeness(lag, step int) float64 {
	end := len(c.history)
	var dot, energy int64
	for i := end - c.maxLag; i < end; i += step {
		a, b := int64(c.history[i]), int64(c.history[i-lag])
		dot += a * b
		energy += b * b
	}
	if dot <= 0 || energy == 0 {
		return 0
	}
	return float64(dot) * float64(dot) / float64(energy)
}
