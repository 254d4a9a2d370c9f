package arch

import (
	"go/ast"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/test/defence"
)

// The lines that the table of defences takes out are where it says. Who changes
// them changes the table too, and sees by `make defences` that it still bites.
func TestDefencesStandWhereTheTableSays(t *testing.T) {
	t.Parallel()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	all, err := defence.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	tests := map[defence.Test]bool{}
	for _, s := range tree(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.test() {
				tests[defence.Test{Package: s.room, Name: f.Name.Name}] = true
			}
		}
	}
	for i, d := range all {
		for _, e := range d.Edits {
			if _, err := e.Variant(root, i+1); err != nil {
				t.Errorf("%s: %v", d.Name, err)
			}
		}
		for _, n := range d.Tests {
			_, err := os.Stat(filepath.Join(root, n.Package, strings.TrimPrefix(n.Name, "TestFlows/")+".txt"))
			if err != nil && !tests[n] {
				t.Errorf("%s: %s has no %s", d.Name, n.Package, n.Name)
			}
		}
	}
}
