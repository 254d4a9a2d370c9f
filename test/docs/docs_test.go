package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tandem-voip/tandem/config"
)

const root = "../.."

func TestExampleWorksAsItIs(t *testing.T) {
	b, err := Example(root)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "tandem.yaml")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(path); err != nil {
		t.Errorf("%v\n%s", err, b)
	}
}

func TestEveryKeyIsExplained(t *testing.T) {
	all, err := files(root)
	if err != nil {
		t.Fatal(err)
	}
	comments, keys := declarations(all), keyNames()
	config.Walk(config.DefaultConfig(), func(f config.Field) {
		if fieldComment(comments, keys, f) == "" {
			t.Errorf("%s (%s.%s) has no comment", f.Key, f.Struct, f.GoName)
		}
	})
}

func TestCitationsAreFoundInComments(t *testing.T) {
	got := citations("See RFC 7362 §4 and §5; RFC 4961. Also RFC 3261 §13.3.1.4,\n§14.1 (RFC 3264).")
	want := []citation{{7362, "4"}, {7362, "5"}, {4961, ""}, {3261, "13.3.1.4"}, {3261, "14.1"}, {3264, ""}}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("citation %d is %v, want %v", i, got[i], want[i])
		}
	}
}
