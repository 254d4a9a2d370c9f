//go:build defence

package defence

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository.
const root = "../.."

// A defence is one entry of the table.
type defence struct {
	name  string // id and claim
	edits []edit // what takes it out
	tests []named
}

// An edit replaces lines of a file.
type edit struct {
	file      string
	old, left []string
}

// A named test is one of a package, by its full name.
type named struct{ pkg, name string }

// table reads defences.txt.
func table(t *testing.T) []defence {
	t.Helper()
	raw, err := os.ReadFile("defences.txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []defence
	fresh := true
	for i, line := range strings.Split(string(raw), "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
		case line == "":
			fresh = true
		case fresh:
			all = append(all, defence{name: line})
			fresh = false
		default:
			if err := all[len(all)-1].read(line); err != nil {
				t.Fatalf("defences.txt:%d: %v", i+1, err)
			}
		}
	}
	for _, d := range all {
		if len(d.edits) == 0 || len(d.tests) == 0 {
			t.Fatalf("defences.txt: %q has no edit or no test", d.name)
		}
	}
	return all
}

// read takes a line of an entry after the first.
func (d *defence) read(line string) error {
	kind, text := line[0], line[1:]
	if strings.IndexByte("-+ ", kind) < 0 {
		if words := strings.Fields(line); words[0] == "test" && len(words) == 3 {
			d.tests = append(d.tests, named{words[1], words[2]})
			return nil
		}
		d.edits = append(d.edits, edit{file: line})
		return nil
	}
	if len(d.edits) == 0 {
		return fmt.Errorf("%q comes before its file", line)
	}
	e := &d.edits[len(d.edits)-1]
	if kind != '+' {
		e.old = append(e.old, text)
	}
	if kind != '-' {
		e.left = append(e.left, text)
	}
	return nil
}

// out is the file without the defence.
func (e *edit) out() (string, error) {
	raw, err := os.ReadFile(filepath.Join(root, e.file))
	if err != nil {
		return "", err
	}
	lines := func(of []string) string { return "\n" + strings.Join(append(of, ""), "\n") }
	if n := strings.Count(string(raw), lines(e.old)); n != 1 || len(e.old) == 0 {
		return "", fmt.Errorf("%s: the defence stands there %d times, want once: defences.txt is out of date\n%s",
			e.file, n, strings.Join(e.old, "\n"))
	}
	return strings.Replace(string(raw), lines(e.old), lines(e.left), 1), nil
}
