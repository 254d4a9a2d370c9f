package sbc

import (
	"fmt"
	"strings"
)

// A rewrite is a text with places for what a call says: "+1$1", "${called}".
// It is parsed once and used for any call. The zero value changes nothing.
//
// What it yields is text of a stranger put into ours; whoever writes it on the
// wire escapes or refuses it there.
type rewrite struct{ parts []rewritePart }

// A rewritePart is a piece of text, or a place.
type rewritePart struct {
	text  string
	catch int    // 1 to 9: what a group of the pattern caught
	name  string // "called", "caller", "trunk" or "route"
}

// A callText is what a rewrite may name.
type callText struct {
	called, caller, trunk, route string
	caught                       []string // of the pattern, [0] is the whole
}

// parseRewrite reads a rewriting. It refuses $n beyond catches, names that
// mean nothing, and control characters.
func parseRewrite(s string, catches int) (rewrite, error) {
	var r rewrite
	if !isPlain(s) {
		return r, fmt.Errorf("a control character, or more than %d bytes", maxText)
	}
	for s != "" {
		before, after, found := strings.Cut(s, "$")
		if before != "" {
			r.parts = append(r.parts, rewritePart{text: before})
		}
		if !found {
			break
		}
		part, rest, err := parsePlace(after, catches)
		if err != nil {
			return rewrite{}, err
		}
		r.parts = append(r.parts, part)
		s = rest
	}
	return r, nil
}

// parsePlace reads what follows a dollar sign.
func parsePlace(s string, catches int) (rewritePart, string, error) {
	inner, rest := s, ""
	if after, braced := strings.CutPrefix(s, "{"); braced {
		var closed bool
		if inner, rest, closed = strings.Cut(after, "}"); !closed {
			return rewritePart{}, "", fmt.Errorf("${%s is not closed; write ${name}", after)
		}
	} else if s != "" {
		inner, rest = s[:1], s[1:]
	}
	switch inner {
	case "called", "caller", "trunk", "route":
		return rewritePart{name: inner}, rest, nil
	case "$":
		return rewritePart{text: "$"}, rest, nil
	}
	if len(inner) == 1 && inner[0] >= '1' && inner[0] <= '9' {
		n := int(inner[0] - '0')
		if n > catches {
			return rewritePart{}, "", fmt.Errorf("$%d is more than the pattern catches (%d)", n, catches)
		}
		return rewritePart{catch: n}, rest, nil
	}
	return rewritePart{}, "", fmt.Errorf("$%s means nothing; use $1 to $9, ${called}, ${caller}, ${trunk}, ${route}, or $$ for a dollar sign", inner)
}

// empty reports whether the rewrite changes nothing.
func (r rewrite) empty() bool { return len(r.parts) == 0 }

// apply writes the text for one call.
func (r rewrite) apply(t callText) string {
	var b strings.Builder
	for _, p := range r.parts {
		switch {
		case p.catch > 0 && p.catch < len(t.caught):
			b.WriteString(t.caught[p.catch])
		case p.name == "called":
			b.WriteString(t.called)
		case p.name == "caller":
			b.WriteString(t.caller)
		case p.name == "trunk":
			b.WriteString(t.trunk)
		case p.name == "route":
			b.WriteString(t.route)
		default:
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// or applies the rewrite, or keeps s if it changes nothing.
func (r rewrite) or(s string, t callText) string {
	if r.empty() {
		return s
	}
	return r.apply(t)
}
