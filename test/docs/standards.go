package docs

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Standards writes the list of standards and where each is implemented, from
// the comments that cite them: docs/standards.md.
func Standards(root string) ([]byte, error) {
	all, err := files(root)
	if err != nil {
		return nil, err
	}
	cited := map[int]map[string]map[string]bool{} // RFC, section, file
	for _, f := range all {
		for _, g := range f.ast.Comments {
			for _, c := range citations(g.Text()) {
				if cited[c.rfc] == nil {
					cited[c.rfc] = map[string]map[string]bool{}
				}
				if cited[c.rfc][c.section] == nil {
					cited[c.rfc][c.section] = map[string]bool{}
				}
				cited[c.rfc][c.section][f.path] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("# Standards\n\n*Generated from the comments by `make docs`; do not edit.*\n\n" +
		"Where the code cites an RFC, a section of it, and in which file. A citation stands\n" +
		"at the line that decides; it is no claim that all of a section is implemented.\n")
	for _, rfc := range slices.Sorted(maps.Keys(cited)) {
		fmt.Fprintf(&b, "\n## RFC %d\n\n", rfc)
		for _, s := range slices.SortedFunc(maps.Keys(cited[rfc]), bySection) {
			name := "§" + s
			if s == "" {
				name = "as a whole"
			}
			fmt.Fprintf(&b, "- %s: %s\n", name, strings.Join(slices.Sorted(maps.Keys(cited[rfc][s])), ", "))
		}
	}
	return []byte(b.String()), nil
}

type citation struct {
	rfc     int
	section string
}

// citations finds "RFC 3261 §13.3.1.4" and "RFC 7362 §4 and §5" in a comment.
func citations(text string) []citation {
	rfc := regexp.MustCompile(`RFC (\d{3,5})`)
	section := regexp.MustCompile(`^(?:[ ,]|and|to|or|step \d+)*§\s?([0-9A-Z]+(?:\.[0-9]+)*)`)
	text = strings.Join(strings.Fields(text), " ")
	var out []citation
	for _, m := range rfc.FindAllStringSubmatchIndex(text, -1) {
		n, err := strconv.Atoi(text[m[2]:m[3]])
		if err != nil {
			continue
		}
		rest, found := text[m[1]:], false
		for {
			s := section.FindStringSubmatchIndex(rest)
			if s == nil {
				break
			}
			out, found = append(out, citation{n, rest[s[2]:s[3]]}), true
			rest = rest[s[1]:]
		}
		if !found {
			out = append(out, citation{rfc: n})
		}
	}
	return out
}

// bySection orders 9.2 before 10.1.
func bySection(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		x, errX := strconv.Atoi(as[i])
		y, errY := strconv.Atoi(bs[i])
		if errX != nil || errY != nil {
			if c := cmp.Compare(as[i], bs[i]); c != 0 {
				return c
			}
			continue
		}
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(as), len(bs))
}
