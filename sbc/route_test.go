package sbc

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// routed is a dialplan with trunks west, east, north and south and the routes.
func routed(t *testing.T, routes ...RouteConfig) *Dialplan {
	t.Helper()
	c := DefaultConfig()
	for i, name := range []string{"west", "east", "north", "south"} {
		c.Trunks = append(c.Trunks, namedTrunk(name, "192.0.2."+string(rune('1'+i))))
	}
	c.Routes = routes
	return ready(t, c)
}

func to(names ...string) []TargetConfig {
	var out []TargetConfig
	for _, n := range names {
		out = append(out, TargetConfig{Trunk: n})
	}
	return out
}

func hops(p Plan) string {
	var out []string
	for _, h := range p.Hops {
		out = append(out, h.String())
	}
	return strings.Join(out, " ")
}

// The first route whose whole match fits decides.
func TestFirstMatchingRouteDecides(t *testing.T) {
	d := routed(t,
		RouteConfig{Name: "emergency", Match: MatchConfig{Numbers: []string{"112", "911"}}, Targets: to("north")},
		RouteConfig{Name: "barred", Match: MatchConfig{Prefixes: []string{"+1900"}}},
		RouteConfig{Name: "hidden", Match: MatchConfig{Callers: []string{"anonymous"}}, Refuse: 433},
		RouteConfig{Name: "from-east", Match: MatchConfig{Trunks: []string{"east"}, Prefixes: []string{"+1"}}, Targets: to("west")},
		RouteConfig{Name: "boss", Match: MatchConfig{Callers: []string{"+15550100"}, Pattern: `\+1555(\d+)`}, Targets: to("south")},
		RouteConfig{Match: MatchConfig{Prefixes: []string{"+1", "+44"}}, Targets: to("east", "north")},
	)
	west, east := d.Trunks.Named("west"), d.Trunks.Named("east")
	for _, tc := range []struct {
		from           *Trunk
		called, caller string
		route, hops    string
		refused        int
	}{
		{west, "112", "+1555", "emergency", "north", 0},
		{west, "+19005550100", "+1555", "barred", "", 403},
		{west, "+15550199", "", "hidden", "", 433},
		{east, "+15550199", "+44", "from-east", "west", 0},
		{west, "+15550199", "+155501001", "boss", "south", 0},
		{west, "+15550199", "+44", "route-6", "east north", 0},
		{west, "+15550199x", "+155501001", "route-6", "east north", 0},
	} {
		p, err := d.Router.Plan(Query{Trunk: tc.from, Called: tc.called, Caller: tc.caller})
		var refusal *Refusal
		if errors.As(err, &refusal) {
			p.Route = refusal.Route
		}
		if p.Route != tc.route || hops(p) != tc.hops || (refusal != nil) != (tc.refused != 0) || refusal != nil && refusal.Status != tc.refused {
			t.Errorf("%s from %s: %s to %q (%v), want %s to %q", tc.called, tc.caller, p.Route, hops(p), err, tc.route, tc.hops)
		}
	}
	if _, err := d.Router.Plan(Query{Trunk: west, Called: "+49", Caller: "+1"}); !errors.Is(err, ErrNoRoute) {
		t.Errorf("an unknown number: %v, want no route", err)
	}
}

// Numbers are rewritten by the route, then by the target, from what the pattern
// caught.
func TestRoutesRewriteNumbers(t *testing.T) {
	d := routed(t, RouteConfig{
		Match:  MatchConfig{Pattern: `9(\d{2})(\d+)`},
		Called: "+1$1$2", Caller: "+1555${caller}",
		Targets: []TargetConfig{
			{Trunk: "east"}, {Trunk: "north", Called: "00$2", Caller: "0"}, {Internal: InternalRoom, Room: "r-${called}"},
		},
	})
	p, err := d.Router.Plan(Query{Called: "9123456", Caller: "0100"})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"+1123456 +15550100 ", "003456 0 ", "+1123456 +15550100 r-+1123456"}
	for i, h := range p.Hops {
		if got := h.Called + " " + h.Caller + " " + h.Room; got != want[i] {
			t.Errorf("hop %d: %q, want %q", i, got, want[i])
		}
	}
}

// A trunk that is down is passed over while another is up; when none is, all
// are tried.
func TestRoutesPassOverTrunksThatAreDown(t *testing.T) {
	targets := to("west", "east", "north")
	targets[0].WithNext = true
	d := routed(t, RouteConfig{Targets: targets})
	without := func(down ...string) (string, [][]int) {
		p, err := d.Router.Plan(Query{Called: "1", Up: func(t *Trunk) bool { return !slices.Contains(down, t.Name()) }})
		if err != nil {
			t.Fatal(err)
		}
		return hops(p), p.Groups()
	}
	for _, tc := range []struct {
		down   []string
		hops   string
		groups int
	}{
		{nil, "west east north", 2},
		{[]string{"west"}, "east north", 2},
		{[]string{"east"}, "west north", 2},
		{[]string{"west", "east", "north"}, "west east north", 2},
	} {
		got, groups := without(tc.down...)
		if got != tc.hops || len(groups) != tc.groups {
			t.Errorf("without %v: %s in %v, want %s in %d groups", tc.down, got, groups, tc.hops, tc.groups)
		}
	}
}

// Weighted neighbours come first in proportion to their weights, the same roll
// gives the same order, and each is in it once.
func TestWeightsShareCalls(t *testing.T) {
	targets := to("west", "east", "north", "south")
	targets[0].Weight, targets[1].Weight = 30, 10
	d := routed(t, RouteConfig{Targets: targets})
	first := map[string]int{}
	for roll := range uint64(4000) {
		p, err := d.Router.Plan(Query{Called: "1", Roll: roll})
		if err != nil {
			t.Fatal(err)
		}
		again, _ := d.Router.Plan(Query{Called: "1", Roll: roll})
		if hops(p) != hops(again) {
			t.Fatalf("roll %d gave %s and %s", roll, hops(p), hops(again))
		}
		if got := hops(p); got != "west east north south" && got != "east west north south" {
			t.Fatalf("roll %d: %s", roll, got)
		}
		first[p.Hops[0].String()]++
	}
	if w := first["west"]; w < 2850 || w > 3150 {
		t.Errorf("west came first %d times of 4000, want about 3000", w)
	}
}

// Only the statuses of a target lead to the next, and no 6xx ever does (RFC 3261
// §21.6).
func TestReroutingIsByStatus(t *testing.T) {
	targets := to("west", "east")
	targets[1].Codes = []int{486}
	d := routed(t, RouteConfig{Targets: targets})
	p, err := d.Router.Plan(Query{Called: "1"})
	if err != nil {
		t.Fatal(err)
	}
	for status, want := range map[int][2]bool{
		408: {true, false}, 503: {true, false}, 504: {true, false},
		486: {false, true}, 404: {}, 603: {}, 600: {}, 200: {},
	} {
		if got := [2]bool{p.Hops[0].Reroutes(status), p.Hops[1].Reroutes(status)}; got != want {
			t.Errorf("%d: %v, want %v", status, got, want)
		}
	}
}

// A target whose trunk is out of use is passed over; a route that has no other
// is closed for now.
func TestRoutesPassOverDisabledTrunks(t *testing.T) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{
		namedTrunk("west", "192.0.2.1"),
		namedTrunk("east", "192.0.2.2", func(c *TrunkConfig) { c.Disabled = true }),
	}
	c.Routes = []RouteConfig{
		{Match: MatchConfig{Numbers: []string{"1"}}, Targets: to("east", "west")},
		{Match: MatchConfig{Numbers: []string{"2"}}, Targets: to("east")},
	}
	d := ready(t, c)
	if p, err := d.Router.Plan(Query{Called: "1"}); err != nil || hops(p) != "west" {
		t.Errorf("%q, %v; want west alone", hops(p), err)
	}
	var refusal *Refusal
	if _, err := d.Router.Plan(Query{Called: "2"}); !errors.As(err, &refusal) || refusal.Status != 503 {
		t.Errorf("%v, want a refusal with 503", err)
	}
}

// A plan is as long as the configuration allows and no longer, so that a call
// cannot be made to try for ever.
func TestPlansAreBounded(t *testing.T) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1")}
	c.Routes = []RouteConfig{{}}
	for range maxTargets + 1 {
		c.Routes[0].Targets = append(c.Routes[0].Targets, TargetConfig{Trunk: "west"})
	}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "routes[0].targets") {
		t.Errorf("%v, want the number of targets refused", err)
	}
}

// A route takes a few microseconds, however many there are before it.
func BenchmarkPlan(b *testing.B) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{namedTrunk("west", "192.0.2.1"), namedTrunk("east", "192.0.2.2")}
	for range 50 {
		c.Routes = append(c.Routes, RouteConfig{Match: MatchConfig{Prefixes: []string{"+999"}}, Targets: to("west")})
	}
	c.Routes = append(c.Routes, RouteConfig{Match: MatchConfig{Pattern: `\+1(\d{10})`}, Called: "$1", Targets: to("east", "west")})
	d, err := NewDialplan(c, nil)
	if err != nil {
		b.Fatal(err)
	}
	q := Query{
		Trunk: d.Trunks.Named("west"), Called: "+15550100199", Caller: "+15550100100",
		Up: func(t *Trunk) bool { return t.Up(time.Time{}) },
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Router.Plan(q); err != nil {
			b.Fatal(err)
		}
	}
}
