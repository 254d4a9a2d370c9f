package defence

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Defence is one entry of the table.
type Defence struct {
	Name  string // id of the attack, and what the defence is
	Edits []Edit // what takes it out
	Tests []Test // each fails then
}

// An Edit replaces lines of a file.
type Edit struct {
	File      string // from the root of the repository
	Line      int    // of its first line in the table
	old, left []string
}

// A Test is one of a package, by its full name.
type Test struct{ Package, Name string }

// table is where the table is, from the root of the repository.
const table = "test/defence/defences.txt"

// Read reads the table of the repository at root. Errors name its line.
func Read(root string) ([]Defence, error) {
	raw, err := os.ReadFile(filepath.Join(root, table))
	if err != nil {
		return nil, fmt.Errorf("read defences: %w", err)
	}
	var all []Defence
	fresh := true
	for i, line := range strings.Split(string(raw), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			fresh = true
		case fresh:
			all = append(all, Defence{Name: line})
			fresh = false
		default:
			if err := all[len(all)-1].read(i+1, line); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", table, i+1, err)
			}
		}
	}
	for _, d := range all {
		if len(d.Edits) == 0 || len(d.Tests) == 0 {
			return nil, fmt.Errorf("%s: %q has no lines or no test", table, d.Name)
		}
	}
	return all, nil
}

// read takes line n of the table, not the first of its entry.
func (d *Defence) read(n int, line string) error {
	kind, text := line[0], line[1:]
	if strings.IndexByte("-+ ", kind) < 0 {
		if words := strings.Fields(line); words[0] == "test" && len(words) == 3 {
			d.Tests = append(d.Tests, Test{words[1], words[2]})
			return nil
		}
		d.Edits = append(d.Edits, Edit{File: line, Line: n + 1})
		return nil
	}
	if len(d.Edits) == 0 {
		return fmt.Errorf("%q comes before its file", line)
	}
	e := &d.Edits[len(d.Edits)-1]
	if kind != '+' {
		e.old = append(e.old, text)
	}
	if kind != '-' {
		e.left = append(e.left, text)
	}
	return nil
}
