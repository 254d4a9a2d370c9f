//go:build defence

package defence

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Every test the table names passes as the code stands.
func TestNamedTestsPass(t *testing.T) {
	of := map[string][]named{}
	for _, d := range table(t) {
		for _, n := range d.tests {
			if !slices.Contains(of[n.pkg], n) {
				of[n.pkg] = append(of[n.pkg], n)
			}
		}
	}
	for pkg, tests := range of {
		t.Run(pkg, func(t *testing.T) {
			t.Parallel()
			binary := build(t, pkg)
			for _, n := range tests {
				if said, ok := n.run(t, binary); !ok {
					t.Errorf("%s fails as the code stands, or is not there:\n%s", n.name, said)
				}
			}
		})
	}
}

// Every test the table names fails, by an assertion of its own, when its defence
// is taken out.
func TestNoDefenceGoesUnnoticed(t *testing.T) {
	for _, d := range table(t) {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			overlay := d.overlay(t)
			for _, n := range d.tests {
				said, passed := n.run(t, build(t, n.pkg, "-overlay", overlay))
				switch found := assertion.FindStringSubmatch(said); {
				case passed:
					t.Errorf("%s passes without the defence", n.name)
				case found == nil || crash.MatchString(said) || !strings.Contains(said, "--- FAIL: "+n.name+" "):
					t.Errorf("%s fails without the defence, but by no assertion of its own:\n%s", n.name, said)
				default:
					t.Logf("%s: %s", n.name, found[1])
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

// overlay writes the files without the defence, and the file that tells the
// compiler of them.
func (d *defence) overlay(t *testing.T) string {
	t.Helper()
	dir, replace := t.TempDir(), map[string]string{}
	for i := range d.edits {
		e := &d.edits[i]
		text, err := e.out()
		if err != nil {
			t.Fatal(err)
		}
		was, err := filepath.Abs(filepath.Join(root, e.file))
		if err != nil {
			t.Fatal(err)
		}
		replace[was] = filepath.Join(dir, filepath.Base(e.file))
		write(t, replace[was], []byte(text))
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	write(t, name, list)
	return name
}

func write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// build compiles the tests of a package.
func build(t *testing.T, pkg string, flags ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "tests")
	args := append([]string{"test", "-c", "-ldflags=-s -w", "-o", binary}, flags...)
	cmd := exec.CommandContext(t.Context(), "go", append(args, "./"+pkg)...)
	cmd.Dir = root
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, said)
	}
	return binary
}

// run runs the test and returns what it printed, and whether it ran and passed.
func (n named) run(t *testing.T, binary string) (string, bool) {
	t.Helper()
	only := "^" + strings.ReplaceAll(n.name, "/", "$/^") + "$"
	cmd := exec.CommandContext(t.Context(), binary, "-test.v", "-test.timeout=1m", "-test.run="+only)
	cmd.Dir = filepath.Join(root, n.pkg)
	said, err := cmd.CombinedOutput()
	return string(said), err == nil && strings.Contains(string(said), "--- PASS: "+n.name+" ")
}
