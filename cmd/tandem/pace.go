package main

const (
	// paceLow is the least the heap may grow over what is live, in percent.
	paceLow = 25
	// paceShare is how much of a processor the garbage collector may take.
	paceShare = 0.03
)

// A pace decides how much the heap may grow before the garbage collector runs.
// What little a call allocates while it is up, and what it left when it was set
// up, is collected soon; when calls come fast, collecting as often would cost
// more than the memory is worth. Core.
type pace struct {
	percent int // how much the heap may grow over what is live
	high    int // the most it may
}

// newPace returns a pace that lets the heap grow by high percent at the most.
func newPace(high int) *pace { return &pace{percent: min(paceLow, high), high: high} }

// next takes the share of a processor that the collector took since the last
// call and returns how much the heap may grow from now on. The collector's work
// falls as the heap may grow, about in proportion.
func (p *pace) next(share float64) int {
	switch {
	case share > paceShare:
		p.percent = int(min(float64(p.percent)*share/paceShare, float64(p.high)))
	case share < paceShare/4:
		p.percent = max(p.percent/2, min(paceLow, p.high))
	}
	return p.percent
}
