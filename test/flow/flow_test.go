package flow

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
)

var showLadder = flag.Bool("ladder", false, "print the ladder of each flow, and its messages")

func TestFlows(t *testing.T) {
	files, err := filepath.Glob("*/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("flows: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.ToSlash(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			script, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			run(t, string(script))
		})
	}
}

// run runs one script in a bubble and shows the ladder when it fails.
func run(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		o := Options{Dir: dir}
		if *showLadder {
			o.Log = t.Output()
		}
		ladder, err := Run(t.Context(), script, o)
		if *showLadder || err != nil {
			t.Logf("\n%s", ladder)
		}
		if err != nil {
			t.Errorf("%v", err)
		}
	})
}
