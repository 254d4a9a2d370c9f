package flow

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/config"
)

// A setup gathers the configuration of the gateway from the lines of a flow.
// It is written as YAML and read by the program's own reader.
type setup struct {
	root   *tree
	trunks []*tree
	routes []*tree
}

// A tree is a section under way: keys in order, values as YAML.
type tree struct {
	keys  []string
	value map[string]string
	sub   map[string]*tree
	raw   string // lines put in as they are
}

func newTree() *tree { return &tree{value: map[string]string{}, sub: map[string]*tree{}} }

// put sets a dotted key.
func (t *tree) put(key, yaml string) {
	head, rest, nested := strings.Cut(key, ".")
	if !slices.Contains(t.keys, head) {
		t.keys = append(t.keys, head)
	}
	if !nested {
		t.value[head] = yaml
		return
	}
	if t.sub[head] == nil {
		t.sub[head] = newTree()
	}
	t.sub[head].put(rest, yaml)
}

// drop takes keys of the section itself out.
func (t *tree) drop(keys ...string) {
	t.keys = slices.DeleteFunc(t.keys, func(k string) bool { return slices.Contains(keys, k) })
}

// get returns the value of a dotted key.
func (t *tree) get(key string) string {
	head, rest, nested := strings.Cut(key, ".")
	switch {
	case !nested:
		return t.value[head]
	case t.sub[head] == nil:
		return ""
	}
	return t.sub[head].get(rest)
}

func (t *tree) write(b *strings.Builder, indent string) {
	for _, k := range t.keys {
		if s := t.sub[k]; s != nil {
			fmt.Fprintf(b, "%s%s:\n", indent, k)
			s.write(b, indent+"  ")
			continue
		}
		fmt.Fprintf(b, "%s%s: %s\n", indent, k, t.value[k])
	}
	for l := range strings.Lines(t.raw) {
		b.WriteString(indent + l)
	}
}

// newSetup is the configuration every flow begins with: the gateway's four
// listeners and its media addresses.
func newSetup(v4, v6 netip.Addr) *setup {
	s := &setup{root: newTree()}
	for _, a := range []netip.Addr{v4, v6} {
		for _, transport := range []string{"udp", "tcp"} {
			s.listen(transport, netip.AddrPortFrom(a, 5060))
		}
	}
	s.root.put("admin.address", quote(netip.AddrPortFrom(v4, 8060).String()))
	s.root.put("admin.token", adminToken)
	s.root.put("media.address", v4.String())
	s.root.put("media.address6", fmt.Sprintf("%q", v6))
	return s
}

// listen adds a listener, named by transport and family: udp4.
func (s *setup) listen(transport string, at netip.AddrPort) {
	family := 4
	if at.Addr().Is6() {
		family = 6
	}
	s.root.put("sip.listeners", s.root.get("sip.listeners")+fmt.Sprintf("\n    - {name: %s%d, transport: %s, address: %q}",
		transport, family, transport, at))
}

// yaml writes the whole.
func (s *setup) yaml() string {
	var b strings.Builder
	s.root.write(&b, "")
	for _, l := range []struct {
		name string
		of   []*tree
	}{{"trunks", s.trunks}, {"routes", s.routes}} {
		if len(l.of) == 0 {
			continue
		}
		b.WriteString(l.name + ":\n")
		for _, t := range l.of {
			b.WriteString("  -\n")
			t.write(&b, "    ")
		}
	}
	return b.String()
}

// trunk adds a trunk, or changes one that is there.
func (s *setup) trunk(name string, at netip.AddrPort, a *args, block string) error {
	i := slices.IndexFunc(s.trunks, func(t *tree) bool { return t.value["name"] == quote(name) })
	var t *tree
	if i < 0 {
		t = newTree()
		t.put("name", quote(name))
		t.put("peer.addresses", "["+quote(at.Addr().String())+"]")
		t.put("peer.host", quote(at.Addr().String()))
		t.put("peer.port", fmt.Sprint(at.Port()))
		s.trunks = append(s.trunks, t)
	} else {
		t = s.trunks[i]
	}
	t.raw += block
	err := pairs(t, keysOf("trunks[]."), a)
	if by := t.get("peer.transport"); by == quote("ws") || by == quote("wss") {
		t.sub["peer"].drop("host", "port") // a browser is reached by the connection it opened
	}
	return err
}

// route adds a rule: [PREFIX] [from TRUNK,...] to TARGET,... [with TARGET...]
// and then keys of a route. A block alone is the rule as YAML.
func (s *setup) route(a *args, block string) error {
	t := newTree()
	t.raw = block
	s.routes = append(s.routes, t)
	if p := a.peek(); p != "" && p != "from" && p != "to" {
		if a.next(); p != "*" {
			t.put("match.prefixes", list(p))
		}
	}
	if a.accept("from") {
		t.put("match.trunks", list(a.next()))
	}
	if a.accept("to") {
		var targets []string
		for n := range strings.SplitSeq(a.next(), ",") {
			targets = append(targets, target(n, false))
		}
		for a.accept("with") {
			targets[len(targets)-1] = strings.TrimSuffix(targets[len(targets)-1], "}") + ", with_next: true}"
			targets = append(targets, target(a.next(), false))
		}
		t.put("targets", "["+strings.Join(targets, ", ")+"]")
	}
	return pairs(t, keysOf("routes[]."), a)
}

func target(name string, with bool) string {
	t := "{trunk: " + quote(name)
	switch name {
	case "echo", "tone", "digits":
		t = "{internal: " + name
	}
	if with {
		t += ", with_next: true"
	}
	return t + "}"
}

// set puts a key of the whole configuration.
func (s *setup) set(a *args) error {
	return pairs(s.root, keysOf(""), a)
}

// pairs reads keys and values. A key may leave out the sections before its
// last name when that is enough to find it.
func pairs(t *tree, keys map[string]reflect.Type, a *args) error {
	for len(a.ws) > 0 {
		key := a.next()
		full, err := resolve(keys, key)
		if err != nil {
			return err
		}
		if len(a.ws) == 0 {
			return fmt.Errorf("%s has no value", key)
		}
		t.put(full, value(keys[full], a.next()))
	}
	return nil
}

// resolve finds a key by its end.
func resolve(keys map[string]reflect.Type, key string) (string, error) {
	if _, ok := keys[key]; ok {
		return key, nil
	}
	var found []string
	for k := range keys {
		if strings.HasSuffix(k, "."+key) {
			found = append(found, k)
		}
	}
	slices.Sort(found)
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("there is no key %q", key)
	}
	return "", fmt.Errorf("key %q is one of %s", key, strings.Join(found, ", "))
}

// keysOf lists the keys below a section, as the program names them, with the
// types of their values.
func keysOf(section string) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	config.Walk(config.DefaultConfig(), func(f config.Field) {
		if key, ok := strings.CutPrefix(f.Key, section); ok && f.Kind != config.Section && !strings.Contains(key, "[]") {
			out[key] = f.Type
		}
	})
	return out
}

// value writes a value for a key of a type.
func value(t reflect.Type, s string) string {
	switch {
	case strings.HasPrefix(s, "[") || strings.HasPrefix(s, "{"):
		return s
	case t.Kind() == reflect.Slice:
		parts := strings.Split(s, ",")
		for i, p := range parts {
			parts[i] = value(t.Elem(), strings.TrimSpace(p))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case t == reflect.TypeFor[time.Duration](), t.Kind() != reflect.String && t.Kind() != reflect.Struct:
		return s
	}
	return quote(s)
}

func quote(s string) string { return fmt.Sprintf("%q", s) }

// list writes a comma list of texts.
func list(s string) string { return value(reflect.TypeFor[[]string](), s) }
