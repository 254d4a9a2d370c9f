package sbc

import (
	"fmt"
	"regexp"
	"time"
)

// RouteConfig is one rule of where calls go. All that a match says must hold
// for the route to be taken.
type RouteConfig struct {
	// Name is what records and logs call the route: letters, digits, "-", "_"
	// and ".", at most 64. Empty names it by its place.
	Name string
	// Match says which calls it is for. An empty one is for all.
	Match MatchConfig
	// Called and Caller rewrite the numbers before targets are tried. $1 to $9
	// stand for what the pattern caught, ${called} and ${caller} for the numbers
	// as they are. Empty leaves them.
	Called string
	Caller string
	// Targets are tried in order until one answers. None refuses the call with
	// Refuse.
	Targets []TargetConfig
	// Refuse is the status a call is refused with when there are no targets, 403
	// unless set.
	Refuse int
}

// MatchConfig is what a route looks at.
type MatchConfig struct {
	// Trunks are those the call may come in on. Empty is any.
	Trunks []string
	// Numbers are whole numbers asked for, Prefixes their beginnings. If either
	// is given, one of either must fit.
	Numbers  []string
	Prefixes []string
	// Pattern is a regular expression (RE2) the whole number asked for fits,
	// from its first to its last character.
	Pattern string
	// Callers are beginnings of the caller's number, one of which must fit.
	// "anonymous" fits a caller without one.
	Callers []string
}

// TargetConfig is one place a call may go. Exactly one of Trunk and Internal is
// given.
type TargetConfig struct {
	// Trunk is the name of the trunk it goes to.
	Trunk string
	// Internal answers the call ourselves: echo, tone (1004 Hz), digits (sounded
	// back as tones) or room.
	Internal Internal
	// Room is the name of the room for internal room. ${called} stands for the
	// number asked for.
	Room string
	// Called and Caller rewrite the numbers for this target alone, after those of
	// the route, in the same way.
	Called string
	Caller string
	// Weight shares calls among neighbouring targets that have one: each is
	// tried first in proportion to it. 0 keeps the target's place.
	Weight int
	// WithNext rings this target and the next at the same time.
	WithNext bool
	// Timeout is how long it may ring. 0 uses call.ring_time.
	Timeout time.Duration
	// Codes are the final statuses after which the next target is tried, in
	// place of those of the trunk.
	Codes []int
}

// Internal is what answers a call inside.
type Internal string

// What there is.
const (
	InternalNone   Internal = ""
	InternalEcho   Internal = "echo"
	InternalTone   Internal = "tone"
	InternalDigits Internal = "digits"
	InternalRoom   Internal = "room"
)

// Bounds of a route, which also bound what one call can set in motion.
const (
	maxTargets = 32   // targets of a route, hence hops of a plan
	maxMatches = 4096 // numbers or prefixes of a route
)

func (r *RouteConfig) validate(f *findings, key string, trunks map[string]int) {
	if r.Name != "" && !isName(r.Name) {
		f.add(key+".name", "%q is not a name; use 1 to 64 letters, digits, \"-\", \"_\" or \".\"", r.Name)
	}
	r.Match.validate(f, key+".match", trunks)
	catches := r.Match.catches()
	rewrites(f, key+".called", r.Called, catches)
	rewrites(f, key+".caller", r.Caller, catches)
	if r.Refuse != 0 {
		between(f, key+".refuse", r.Refuse, 400, 699)
	}
	if len(r.Targets) > maxTargets {
		f.add(key+".targets", "are more than %d", maxTargets)
	}
	for i := range r.Targets {
		k := fmt.Sprintf("%s.targets[%d]", key, i)
		r.Targets[i].validate(f, k, trunks, catches)
		if r.Targets[i].WithNext && i == len(r.Targets)-1 {
			f.add(k+".with_next", "is set on the last target; there is no next")
		}
	}
}

func (m *MatchConfig) validate(f *findings, key string, trunks map[string]int) {
	for i, t := range m.Trunks {
		f.trunk(fmt.Sprintf("%s.trunks[%d]", key, i), t, trunks)
	}
	for k, list := range map[string][]string{"numbers": m.Numbers, "prefixes": m.Prefixes} {
		if len(list) > maxMatches {
			f.add(key+"."+k, "are more than %d", maxMatches)
		}
		for i, n := range list {
			if n == "" || !isUser(n) {
				f.add(fmt.Sprintf("%s.%s[%d]", key, k, i), "%q cannot stand in a call", n)
			}
		}
	}
	if m.Pattern != "" {
		if _, err := regexp.Compile(m.Pattern); err != nil {
			f.add(key+".pattern", "%v", err)
		}
	}
}

// catches is how many groups the pattern has.
func (m *MatchConfig) catches() int {
	re, err := regexp.Compile(m.Pattern)
	if err != nil {
		return 9 // said elsewhere
	}
	return re.NumSubexp()
}

func (t *TargetConfig) validate(f *findings, key string, trunks map[string]int, catches int) {
	switch {
	case (t.Trunk == "") == (t.Internal == InternalNone):
		f.add(key, "names a trunk and an internal target, or neither; give one")
	case t.Trunk != "":
		f.trunk(key+".trunk", t.Trunk, trunks)
	}
	oneOf(f, key+".internal", t.Internal, InternalNone, InternalEcho, InternalTone, InternalDigits, InternalRoom)
	if (t.Internal == InternalRoom) != (t.Room != "") {
		f.add(key+".room", "goes with internal room, and only with it")
	}
	rewrites(f, key+".called", t.Called, catches)
	rewrites(f, key+".caller", t.Caller, catches)
	rewrites(f, key+".room", t.Room, catches)
	between(f, key+".weight", t.Weight, 0, 1000)
	if t.Timeout < 0 || t.Timeout > time.Hour {
		f.add(key+".timeout", "%s is out of range; use up to 1h, or 0 for call.ring_time", t.Timeout)
	}
	statuses(f, key+".codes", t.Codes, 300, 599)
}

// rewrites finds fault with a rewriting that names what the pattern does not
// catch, or would write what no number holds.
func rewrites(f *findings, key, s string, catches int) {
	if _, err := parseRewrite(s, catches); err != nil {
		f.add(key, "%v", err)
	}
}
