package sbc

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A Query is what routing looks at.
type Query struct {
	Trunk  *Trunk // the call came in on; nil for a call of our own making
	Called string // the number asked for, as [Arrival] has it
	Caller string // the caller's number; empty for one who has none
	// Roll decides among weighted targets: a random number, the same for the same
	// choice.
	Roll uint64
	// Up says whether calls may go to a trunk now; nil means to any. A target
	// whose trunk is down is left out unless all are.
	Up func(*Trunk) bool
}

// A Plan is where a call goes: hops to try one after the other until one
// answers.
type Plan struct {
	Route string // its name
	Hops  []Hop
}

// Groups returns the indices of the hops that ring together, one group to be
// tried after the other.
func (p Plan) Groups() [][]int {
	var groups [][]int
	for i := range p.Hops {
		if i > 0 && p.Hops[i-1].WithNext {
			groups[len(groups)-1] = append(groups[len(groups)-1], i)
			continue
		}
		groups = append(groups, []int{i})
	}
	return groups
}

// A Hop is one place to try. Either Trunk or Internal is set.
type Hop struct {
	Trunk    *Trunk
	Internal Internal
	Room     string // for InternalRoom
	Called   string // the number to ask for, before the trunk writes it its way
	Caller   string // the caller's number, likewise; empty is none
	Route    string // the route it is from, for records and headers
	// WithNext rings the hop together with the next one.
	WithNext bool
	// Timeout is how long it may ring; 0 is [CallConfig.RingTime].
	Timeout time.Duration
	// Target is the Request-URI of a redirection that is followed; empty asks for
	// Called at the trunk's host.
	Target string

	// Who redirected the call on its way to this hop, the oldest first.
	diverted []Diversion

	by      string           // the caller as he came, before rewriting: whom ceilings count it for
	codes   []int            // final statuses that lead to the next group
	through transport.Target // the phone it goes to, zero for a trunk's host
	absent  bool             // no phone has registered for it
}

// Reroutes reports whether the next group may be tried after a final status of
// this hop. Never after 6xx (RFC 3261 §21.6).
func (h Hop) Reroutes(status int) bool { return status < 600 && slices.Contains(h.codes, status) }

// String names the hop for people.
func (h Hop) String() string {
	switch {
	case h.Trunk != nil:
		return h.Trunk.Name()
	case h.Internal == InternalRoom:
		return "room " + h.Room
	}
	return string(h.Internal)
}

// ErrNoRoute says that no route matches a call: 404.
var ErrNoRoute = errors.New("no route")

// A Refusal says that a route refuses a call.
type Refusal struct {
	Route  string
	Status int // 400 to 699
}

// Error names the route and the status.
func (r *Refusal) Error() string { return fmt.Sprintf("route %s refuses: %d", r.Route, r.Status) }

// A Router says where calls go. It is immutable and safe for concurrent use;
// what it says depends on the query alone.
type Router struct{ routes []route }

// A route is a RouteConfig made ready.
type route struct {
	name           string
	trunks         map[string]bool // by name, so that a trunk of before a reload fits; nil: any
	numbers        map[string]bool
	prefixes       []string
	pattern        *regexp.Regexp // nil: none
	callers        []string
	called, caller rewrite
	targets        []target
	refuse         int
}

// A target is a TargetConfig made ready.
type target struct {
	hop            Hop
	called, caller rewrite
	room           rewrite
	weight         int
}

// NewRouter makes routes ready. The configuration has been validated.
func NewRouter(routes []RouteConfig, trunks *Trunks) (*Router, error) {
	r := &Router{routes: make([]route, 0, len(routes))}
	for i, c := range routes {
		ready, err := newRoute(c, trunks)
		if err != nil {
			return nil, fmt.Errorf("route %d: %w", i, err)
		}
		if ready.name == "" {
			ready.name = fmt.Sprintf("route-%d", i+1)
		}
		for j := range ready.targets {
			ready.targets[j].hop.Route = ready.name
		}
		r.routes = append(r.routes, ready)
	}
	return r, nil
}

func newRoute(c RouteConfig, trunks *Trunks) (route, error) {
	r := route{
		name:     c.Name,
		trunks:   set(c.Match.Trunks),
		numbers:  set(c.Match.Numbers),
		prefixes: c.Match.Prefixes,
		callers:  c.Match.Callers,
		refuse:   c.Refuse,
	}
	if r.refuse == 0 {
		r.refuse = 403
	}
	catches, err := 0, error(nil)
	if c.Match.Pattern != "" {
		// The whole number must fit, whatever anchors the pattern has. RE2 takes
		// time in proportion to the number, whatever the pattern.
		if r.pattern, err = regexp.Compile(`\A(?:` + c.Match.Pattern + `)\z`); err != nil {
			return route{}, err
		}
		catches = r.pattern.NumSubexp()
	}
	if r.called, err = parseRewrite(c.Called, catches); err != nil {
		return route{}, err
	}
	if r.caller, err = parseRewrite(c.Caller, catches); err != nil {
		return route{}, err
	}
	for _, tc := range c.Targets {
		if tc.Trunk != "" && trunks.Named(tc.Trunk) == nil {
			r.refuse = 503 // if none is left: the trunks are out of use
			continue
		}
		t, err := newTarget(tc, trunks, catches)
		if err != nil {
			return route{}, err
		}
		r.targets = append(r.targets, t)
	}
	return r, nil
}

// set makes a set of a list; nil of an empty one.
func set(list []string) map[string]bool {
	if len(list) == 0 {
		return nil
	}
	s := make(map[string]bool, len(list))
	for _, v := range list {
		s[v] = true
	}
	return s
}

func newTarget(c TargetConfig, trunks *Trunks, catches int) (target, error) {
	t := target{
		hop:    Hop{Internal: c.Internal, WithNext: c.WithNext, Timeout: c.Timeout, codes: c.Codes},
		weight: c.Weight,
	}
	if c.Trunk != "" {
		t.hop.Trunk = trunks.Named(c.Trunk)
		if len(c.Codes) == 0 {
			t.hop.codes = t.hop.Trunk.cfg.Reroute.Codes
		}
	}
	var err error
	if t.called, err = parseRewrite(c.Called, catches); err != nil {
		return target{}, err
	}
	if t.caller, err = parseRewrite(c.Caller, catches); err != nil {
		return target{}, err
	}
	t.room, err = parseRewrite(c.Room, catches)
	return t, err
}

// Plan applies the routes to a call: the first that matches decides. The error
// is ErrNoRoute or a *[Refusal].
func (r *Router) Plan(q Query) (Plan, error) {
	for i := range r.routes {
		if caught, ok := r.routes[i].match(q); ok {
			return r.routes[i].plan(q, caught)
		}
	}
	return Plan{}, ErrNoRoute
}

// match reports whether the route is for the call, and what its pattern caught.
func (r *route) match(q Query) ([]string, bool) {
	if r.trunks != nil && (q.Trunk == nil || !r.trunks[q.Trunk.Name()]) {
		return nil, false
	}
	if r.numbers != nil || r.prefixes != nil {
		if !r.numbers[q.Called] && !hasPrefix(q.Called, r.prefixes) {
			return nil, false
		}
	}
	if r.callers != nil && !hasPrefix(q.Caller, r.callers) &&
		(q.Caller != "" || !slices.Contains(r.callers, anonymous)) {
		return nil, false
	}
	if r.pattern == nil {
		return nil, true
	}
	caught := r.pattern.FindStringSubmatch(q.Called)
	return caught, caught != nil
}

// hasPrefix reports whether s begins with one of the prefixes.
func hasPrefix(s string, prefixes []string) bool {
	return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(s, p) })
}

// plan makes the hops of a call the route is for.
func (r *route) plan(q Query, caught []string) (Plan, error) {
	if len(r.targets) == 0 {
		return Plan{}, &Refusal{Route: r.name, Status: r.refuse}
	}
	text := callText{called: q.Called, caller: q.Caller, route: r.name, caught: caught}
	if q.Trunk != nil {
		text.trunk = q.Trunk.Name()
	}
	called, caller := r.called.or(q.Called, text), r.caller.or(q.Caller, text)
	text.called, text.caller = called, caller

	p := Plan{Route: r.name}
	for _, t := range available(r.ordered(q.Roll), q.Up) {
		h := t.hop
		h.by = q.Caller
		h.Called = t.called.or(called, text)
		h.Caller = t.caller.or(caller, text)
		h.Room = t.room.or("", text)
		p.Hops = append(p.Hops, h)
	}
	return p, nil
}

// ordered returns the targets in the order they are tried: each run of
// neighbours with weights is drawn from, without putting back.
func (r *route) ordered(roll uint64) []target {
	out := make([]target, 0, len(r.targets))
	for i := 0; i < len(r.targets); {
		run := i
		for run < len(r.targets) && r.targets[run].weight > 0 {
			run++
		}
		if run == i {
			out = append(out, r.targets[i])
			i++
			continue
		}
		out = draw(out, slices.Clone(r.targets[i:run]), &roll)
		i = run
	}
	return out
}

// draw appends the targets in an order in which each comes first in proportion
// to its weight (as RFC 2782 draws among SRV records). Which of them ring
// together stays with their places.
func draw(out, from []target, roll *uint64) []target {
	together := make([]bool, len(from))
	for i := range from {
		together[i] = from[i].hop.WithNext
	}
	for i := range together {
		sum := uint64(0)
		for _, t := range from {
			sum += uint64(t.weight)
		}
		at := next(roll) % sum
		n := slices.IndexFunc(from, func(t target) bool {
			w := uint64(t.weight)
			if at < w {
				return true
			}
			at -= w
			return false
		})
		t := from[n]
		t.hop.WithNext = together[i]
		out = append(out, t)
		from = slices.Delete(from, n, n+1)
	}
	return out
}

// next spreads a roll over several draws (splitmix64).
func next(roll *uint64) uint64 {
	*roll += 0x9e3779b97f4a7c15
	z := *roll
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// available leaves out the targets whose trunk is down, unless all are: then a
// call is the better test of them.
func available(targets []target, up func(*Trunk) bool) []target {
	if up == nil {
		return targets
	}
	out := make([]target, 0, len(targets))
	for _, t := range targets {
		if t.hop.Trunk == nil || up(t.hop.Trunk) {
			out = append(out, t)
			continue
		}
		// The one before rang together with this one; now with the next, if this
		// one did.
		if n := len(out); n > 0 && out[n-1].hop.WithNext {
			out[n-1].hop.WithNext = t.hop.WithNext
		}
	}
	if len(out) == 0 {
		return targets
	}
	return out
}

// anonymous is how a route names a caller without a number.
const anonymous = "anonymous"
