package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Flows writes the list of call flows, which is the list of what is supported
// and tested: docs/flows.md. A flow that does not begin with a comment is an
// error.
func Flows(root string) ([]byte, error) {
	paths, err := filepath.Glob(filepath.Join(root, "test", "flow", "*", "*.txt"))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString("# Call flows\n\n*Generated from the flows by `make docs`; do not edit.*\n\n" +
		"Each is a ladder in `test/flow` that is run against the whole appliance; package\n" +
		"`test/flow` documents the language.\n")
	topic := ""
	for _, p := range paths {
		script, err := os.ReadFile(p)
		if err != nil {
			return nil, err
		}
		said := opening(string(script))
		name := strings.TrimSuffix(filepath.Base(p), ".txt")
		if said == "" {
			return nil, fmt.Errorf("%s: the first lines are to say in a comment what the flow shows", p)
		}
		if t := filepath.Base(filepath.Dir(p)); t != topic {
			topic = t
			fmt.Fprintf(&b, "\n## %s\n\n", topic)
		}
		fmt.Fprintf(&b, "- [%s](../test/flow/%s/%s.txt): %s\n", name, topic, name, said)
	}
	return []byte(b.String()), nil
}

// opening is the comment that a script begins with, as one paragraph.
func opening(script string) string {
	var words []string
	for l := range strings.Lines(script) {
		text, ok := strings.CutPrefix(l, "#")
		if !ok {
			break
		}
		words = append(words, strings.Fields(text)...)
	}
	return strings.Join(words, " ")
}
