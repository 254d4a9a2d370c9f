package sbc

import "slices"

// A hunt is the search for somebody who takes the call: groups of targets, one
// group after the other, those of a group called at once. It knows targets by
// their index in the plan. Core.
//
// RFC 3261 §16.6 and §16.7.
type hunt struct {
	groups  [][]int
	current int   // index in groups of the one being called; -1 before the first
	live    []int // targets being called
	due     []int // of live: in place of others, not yet returned by next
	// then has, for a target that another was redirected to, those to be called
	// after it, best first.
	then  map[int][]int
	best  failure
	final bool // somebody said what no other target may change
}

// A failure is a target and the status with which it ended.
type failure struct {
	target int
	status int
}

// A verdict is what a failure means for the call.
type verdict uint8

const (
	verdictWait   verdict = iota + 1 // others of the group are still being called
	verdictNext                      // call the next targets
	verdictOver                      // give up with the best of the failures
	verdictCancel                    // nobody else may be called: end the others of the group
)

// newHunt returns a hunt through the groups, which it keeps.
func newHunt(groups [][]int) *hunt {
	return &hunt{groups: groups, current: -1, best: failure{target: -1}, then: make(map[int][]int)}
}

// next returns the targets to call now, nil when there are no more.
func (h *hunt) next() []int {
	if due := h.due; len(due) > 0 {
		h.due = nil
		return due
	}
	if h.current+1 >= len(h.groups) {
		return nil
	}
	h.current++
	h.live = append(h.live[:0], h.groups[h.current]...)
	return h.groups[h.current]
}

// more reports whether a group is left.
func (h *hunt) more() bool { return h.current+1 < len(h.groups) }

// failed notes that a target ended with status. Reroute says whether its route
// lets the next target be tried after such a status.
func (h *hunt) failed(target, status int, reroute bool) verdict {
	h.drop(target)
	if better(status, h.best.status) {
		h.best = failure{target: target, status: status}
	}
	// A target that says no says it for the callee; only one that could not be
	// reached lets another be tried. A 6xx speaks for all of them at once
	// (RFC 3261 §16.7 step 5).
	if !reroute {
		h.final = true
	}
	if rest := h.rest(target); status < 600 && len(rest) > 0 {
		h.try(rest)
		return verdictNext
	}
	switch {
	case status >= 600 && len(h.live) > 0:
		return verdictCancel
	case len(h.live) > 0:
		return verdictWait
	case h.final || !h.more():
		return verdictOver
	}
	return verdictNext
}

// redirected puts those a target pointed to in its place, best first. Whatever
// one of them answers, but for a 6xx, the one after it is called; next returns the
// first of them (RFC 3261 §8.1.3.4).
func (h *hunt) redirected(target int, to []int) {
	h.drop(target)
	h.try(append(slices.Clip(to), h.rest(target)...))
}

// try calls the first of targets, and leaves the others for after it.
func (h *hunt) try(targets []int) {
	first := targets[0]
	h.live, h.due = append(h.live, first), append(h.due, first)
	h.then[first] = targets[1:]
}

// rest returns, and forgets, the targets that are to be called after one.
func (h *hunt) rest(target int) []int {
	rest := h.then[target]
	delete(h.then, target)
	return rest
}

func (h *hunt) drop(target int) {
	for i, t := range h.live {
		if t == target {
			h.live = append(h.live[:i], h.live[i+1:]...)
			return
		}
	}
}

// better reports whether status is to be preferred to old as the answer to the
// caller: 6xx before all, else the lowest class, and in 4xx those that tell the
// caller what to change (RFC 3261 §16.7 step 6). In 5xx the later one is kept,
// so that the caller learns of the last target.
func better(status, old int) bool {
	switch {
	case old == 0:
		return true
	case status >= 600 || old >= 600:
		return status >= 600 && old < 600
	case status/100 != old/100:
		return status/100 < old/100
	case status/100 == 4:
		return helpful(status) && !helpful(old) || old == 408 || old == 487
	}
	return true
}

// helpful reports whether a 4xx tells the caller how to come again.
func helpful(status int) bool {
	switch status {
	case 401, 407, 415, 420, 484:
		return true
	}
	return false
}
