package docs

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the documents")

func TestDocumentsAreFresh(t *testing.T) {
	for _, d := range []struct {
		path string
		make func(root string) ([]byte, error)
	}{
		{"docs/configuration.md", Configuration},
		{"config/tandem.example.yaml", Example},
		{"docs/standards.md", Standards},
		{"docs/goroutines.md", Goroutines},
		{"docs/flows.md", Flows},
	} {
		t.Run(d.path, func(t *testing.T) {
			want, err := d.make(root)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(root, filepath.FromSlash(d.path))
			if *update {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, want, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s is stale: run `make docs` (%v)", d.path, err)
			}
		})
	}
}
