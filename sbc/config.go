package sbc

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Config is the sbc section: whom we exchange calls with, where calls go and
// how many there may be. It is plain data; [NewDialplan] turns it into what
// calls use, and a reload does so again.
type Config struct {
	// Trunks are the peers calls come from and go to, each with a name of its
	// own.
	Trunks []TrunkConfig
	// Routes say where a call goes. They are tried in order; the first that
	// matches decides.
	Routes []RouteConfig
	// Limits bound the calls of all trunks together and the calls to numbers
	// that are expensive.
	Limits LimitsConfig
	// Call says how calls are treated whatever their trunks.
	Call CallConfig
}

// DefaultConfig returns a configuration without trunks and routes, with which
// every call is refused.
func DefaultConfig() Config {
	return Config{Limits: DefaultLimits(), Call: DefaultCallConfig()}
}

// A Finding is one thing that is wrong with a configuration.
type Finding struct {
	Key  string // the key, as "trunks[0].media.ptime"
	Text string // what is wrong and what would be right
}

// Error returns the key and the text.
func (f *Finding) Error() string { return f.Key + ": " + f.Text }

// findings collects what is wrong, each with its key.
type findings struct{ list []error }

func (f *findings) add(key, format string, args ...any) {
	f.list = append(f.list, &Finding{Key: key, Text: fmt.Sprintf(format, args...)})
}

// oneOf finds fault with a value that is not among those allowed.
func oneOf[T ~string](f *findings, key string, v T, allowed ...T) {
	names := make([]string, len(allowed))
	for i, a := range allowed {
		if v == a {
			return
		}
		names[i] = string(a)
	}
	f.add(key, "%q is unknown; use %s", string(v), strings.Join(names, ", "))
}

// between finds fault with a value outside low to high, both included.
func between[T int | uint16](f *findings, key string, v, low, high T) {
	if v < low || v > high {
		f.add(key, "%d is out of range; use %d to %d", v, low, high)
	}
}

// trunk finds fault with a name that is no trunk's.
func (f *findings) trunk(key, name string, trunks map[string]int) {
	if _, known := trunks[name]; !known {
		f.add(key, "%s", NoTrunk(name, slices.Sorted(maps.Keys(trunks))))
	}
}

// NoTrunk says that there is no trunk of a name, and which of those there are may
// be meant.
func NoTrunk(name string, names []string) string {
	text := fmt.Sprintf("there is no trunk %q", name)
	if near := Nearest(name, names); near != "" {
		text += fmt.Sprintf(", did you mean %q?", near)
	}
	return text
}

// Validate says what is wrong with c, all of it, each as a [Finding]; nil if
// nothing is.
func (c Config) Validate() error {
	var f findings
	names := make(map[string]int, len(c.Trunks))
	for i := range c.Trunks {
		key := fmt.Sprintf("trunks[%d]", i)
		t := &c.Trunks[i]
		if j, taken := names[t.Name]; taken {
			f.add(key+".name", "%q is already the name of trunks[%d]; give each trunk its own", t.Name, j)
		}
		names[t.Name] = i
		t.validate(&f, key)
	}
	c.validatePeers(&f)
	c.validateRoutes(&f, names)
	c.Limits.validate(&f, "limits", names)
	return errors.Join(append(f.list, c.Call.Validate())...)
}

func (c Config) validateRoutes(f *findings, trunks map[string]int) {
	names := make(map[string]int, len(c.Routes))
	for i := range c.Routes {
		key := fmt.Sprintf("routes[%d]", i)
		r := &c.Routes[i]
		if j, taken := names[r.Name]; taken && r.Name != "" {
			f.add(key+".name", "%q is already the name of routes[%d]; give each route its own", r.Name, j)
		}
		names[r.Name] = i
		r.validate(f, key, trunks)
	}
}
