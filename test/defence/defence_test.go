//go:build defence

package defence

import (
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// chooser is the variable that says which defence is out, by its place in the
// table from 1.
const chooser = "DEFENCE_OUT"

// Every test the table names passes with its defence, and fails without it.
func TestNoDefenceGoesUnnoticed(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	all, err := Read(root)
	if err != nil {
		t.Fatal(err)
	}
	binaries := build(t, root, all)
	for i, d := range all {
		t.Run(d.Name, func(t *testing.T) {
			t.Parallel()
			for _, n := range d.Tests {
				if said, passed := n.run(t, root, binaries, 0); !passed {
					t.Errorf("%s fails as the code stands, or is not there:\n%s", n.Name, said)
					continue
				}
				said, passed := n.run(t, root, binaries, i+1)
				switch found := assertion.FindStringSubmatch(said); {
				case passed:
					t.Errorf("%s passes without the defence", n.Name)
				case found == nil || crash.MatchString(said) || !strings.Contains(said, "--- FAIL: "+n.Name+" "):
					t.Errorf("%s fails without the defence, but by no assertion of its own:\n%s", n.Name, said)
				default:
					t.Logf("%s: %s", n.Name, found[1])
				}
			}
		})
	}
}

// What a test prints that fails by an assertion, and one that does not.
var (
	assertion = regexp.MustCompile(`(?m)^\s+(\w+_test\.go:\d+: \S.*)$`)
	crash     = regexp.MustCompile(`(?m)^(panic|fatal error|SIG[A-Z]+): `)
)

// build compiles the tests of every package that is named, with all variants,
// and returns where they are.
func build(t *testing.T, root string, all []Defence) string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"test", "-c", "-ldflags=-s -w", "-overlay", overlay(t, root, all), "-o", dir + string(filepath.Separator)}
	for _, d := range all {
		for _, n := range d.Tests {
			if p := "./" + n.Package; !slices.Contains(args, p) {
				args = append(args, p)
			}
		}
	}
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, said)
	}
	return dir
}

// overlay writes the files that the compiler is to read in place of ours, and
// the one that tells it so.
func overlay(t *testing.T, root string, all []Defence) string {
	t.Helper()
	dir, variants := t.TempDir(), map[string][]Variant{}
	for i, d := range all {
		for _, e := range d.Edits {
			v, err := e.Variant(root, i+1)
			if err != nil {
				t.Errorf("%s: %v", d.Name, err)
				continue
			}
			variants[e.File] = append(variants[e.File], v)
		}
	}
	replace := map[string]string{}
	put := func(file, text string) {
		name := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[filepath.Join(root, file)] = name
	}
	for file, vs := range variants {
		raw, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		clause, err := parser.ParseFile(token.NewFileSet(), file, raw, parser.PackageClauseOnly)
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		slices.SortStableFunc(vs, func(a, b Variant) int { return b.At - a.At })
		for _, v := range vs { // from the end, so that offsets stay right
			text = text[:v.At] + v.Text + text[v.At:]
		}
		put(file, text)
		put(path.Dir(file)+"/defence_out.go", fmt.Sprintf(
			"package %s\n\nimport \"os\"\n\nvar defenceOut = os.Getenv(%q)\n", clause.Name.Name, chooser))
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// run runs the test with a defence out, 0 for none, and returns what it printed
// and whether it ran and passed.
func (n Test) run(t *testing.T, root, binaries string, out int) (string, bool) {
	t.Helper()
	only := "^" + strings.ReplaceAll(n.Name, "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), filepath.Join(binaries, path.Base(n.Package)+".test"),
		"-test.v", "-test.timeout=1m", "-test.run="+only)
	cmd.Dir = filepath.Join(root, n.Package)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", chooser, out))
	said, err := cmd.CombinedOutput()
	return string(said), err == nil && strings.Contains(string(said), "--- PASS: "+n.Name+" ")
}
