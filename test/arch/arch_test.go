package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// A source is one parsed Go file.
type source struct {
	path string // from the root of the repository, with slashes
	room string // its folder
	fset *token.FileSet
	file *ast.File
}

func (s *source) test() bool  { return strings.HasSuffix(s.path, "_test.go") }
func (s *source) shell() bool { return strings.HasPrefix(filepath.Base(s.path), "run") }
func (s *source) line(p token.Pos) int {
	return s.fset.Position(p).Line
}

// tree is every Go file of the repository.
func tree(t *testing.T) []*source {
	t.Helper()
	all, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// parsed is parseTree, once.
var parsed = sync.OnceValues(parseTree)

func parseTree() ([]*source, error) {
	const root = "../.."
	var all []*source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || name == "tools") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		s := &source{path: filepath.ToSlash(rel), fset: token.NewFileSet()}
		s.room = filepath.ToSlash(filepath.Dir(rel))
		s.file, err = parser.ParseFile(s.fset, path, nil, parser.ParseComments)
		if err == nil {
			all = append(all, s)
		}
		return err
	})
	if err == nil && len(all) < 10 {
		err = fmt.Errorf("found %d Go files: the walk is wrong", len(all))
	}
	return all, err
}

func TestRoomsAreListedAndDocumented(t *testing.T) {
	t.Parallel()
	table, documented := rooms(), map[string]bool{}
	present := map[string]bool{}
	for _, s := range tree(t) {
		present[s.room] = true
		if _, ok := table[s.room]; !ok {
			t.Errorf("%s: room %q is not in the table of test/arch", s.path, s.room)
		}
		base := filepath.Base(s.path)
		if s.file.Doc != nil && (base == "doc.go" || (base == "main.go" && s.file.Name.Name == "main")) {
			documented[s.room] = true
		}
	}
	for room := range present {
		if !documented[room] {
			t.Errorf("%s has no doc.go with a package comment", room)
		}
	}
}

// Test files may import what they like: a room is tested against its
// neighbours and against other implementations.
func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	table := rooms()
	for _, s := range tree(t) {
		if s.test() {
			continue
		}
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			to, ours := strings.CutPrefix(path, module)
			switch {
			case !ours:
				if row := door(path); row != "" && !lists(row, s.room) && !strings.HasPrefix(s.room, "test/") {
					t.Errorf("%s:%d: %s may be imported by %s only", s.path, s.line(i.Pos()), path, row)
				}
			case to == "config/secret" || lists(table[s.room], to):
				if strings.HasPrefix(to, "test/") && !strings.HasPrefix(s.room, "test/") {
					t.Errorf("%s:%d: %s is for tests only", s.path, s.line(i.Pos()), to)
				}
			default:
				t.Errorf("%s:%d: %s may not import %s", s.path, s.line(i.Pos()), s.room, to)
			}
		}
	}
}

// door finds the row of a library, "" when it is open to all.
func door(path string) string {
	best, row := 0, ""
	for prefix, r := range doors() {
		if (path == prefix || strings.HasPrefix(path, prefix+"/")) && len(prefix) > best {
			best, row = len(prefix), r
		}
	}
	return row
}

func TestGoroutinesAndClockOnlyInRunFiles(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		if s.test() || s.shell() {
			continue
		}
		pkg := importName(s.file, "time")
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s:%d: go statement outside run*.go", s.path, s.line(n.Pos()))
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Go" && len(n.Args) == 1 {
					t.Errorf("%s:%d: goroutine started outside run*.go", s.path, s.line(n.Pos()))
				}
			case *ast.SelectorExpr:
				if readsClock(n, pkg) {
					t.Errorf("%s:%d: time.%s outside run*.go: a core is given now", s.path, s.line(n.Pos()), n.Sel.Name)
				}
			}
			return true
		})
	}
}

// Real sleeping makes tests slow and flaky; in a bubble it is exact and free.
func TestTestsSleepInBubblesOnly(t *testing.T) {
	t.Parallel()
	bubbles := map[string]bool{}
	for _, s := range tree(t) {
		bubbles[s.room] = bubbles[s.room] || importName(s.file, "testing/synctest") != ""
	}
	for _, s := range tree(t) {
		if !s.test() || bubbles[s.room] || realTime(s.room) {
			continue
		}
		pkg := importName(s.file, "time")
		ast.Inspect(s.file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" && readsClock(sel, pkg) {
				t.Errorf("%s:%d: time.Sleep outside a bubble", s.path, s.line(n.Pos()))
			}
			return true
		})
	}
}

func TestFilesAndFunctionsKeepTheirSize(t *testing.T) {
	t.Parallel()
	excused := tooLong()
	for _, s := range tree(t) {
		if ast.IsGenerated(s.file) {
			continue
		}
		if n := s.line(s.file.FileEnd); n > fileLimit+1 {
			t.Errorf("%s has %d lines, %d are allowed: split it by concern", s.path, n, fileLimit)
		}
		if s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || isTable(f) {
				continue
			}
			n, name := s.line(f.End())-s.line(f.Pos())+1, s.path+":"+f.Name.Name
			if excused[name] != (n > funcLimit) {
				t.Errorf("%s:%d: %s has %d lines, %d are allowed (excused: %v)",
					s.path, s.line(f.Pos()), f.Name.Name, n, funcLimit, excused[name])
			}
			delete(excused, name)
		}
	}
	for name := range excused {
		t.Errorf("%s is excused and does not exist", name)
	}
}

// isTable reports whether a function is nothing but a switch whose cases each
// return a value: a table, which may be as long as it is.
func isTable(f *ast.FuncDecl) bool {
	if f.Body == nil || len(f.Body.List) == 0 || len(f.Body.List) > 2 {
		return false
	}
	sw, ok := f.Body.List[0].(*ast.SwitchStmt)
	if !ok {
		return false
	}
	for _, c := range sw.Body.List {
		clause, ok := c.(*ast.CaseClause)
		if !ok || len(clause.Body) != 1 {
			return false
		}
		if _, ok := clause.Body[0].(*ast.ReturnStmt); !ok {
			return false
		}
	}
	return true
}

func TestCodeNamesNoMachinePath(t *testing.T) {
	t.Parallel()
	for _, s := range tree(t) {
		b, err := os.ReadFile(filepath.Join("../..", filepath.FromSlash(s.path)))
		if err != nil {
			t.Fatal(err)
		}
		for _, bad := range []string{"/ro" + "ot/", "/wo" + "rk/", "/ho" + "me/"} {
			if i := strings.Index(string(b), "\""+bad); i >= 0 {
				t.Errorf("%s:%d: names a path of one machine", s.path, 1+strings.Count(string(b[:i]), "\n"))
			}
		}
	}
}

// readsClock reports whether a selector is one of package time's clock.
func readsClock(n *ast.SelectorExpr, pkg string) bool {
	x, ok := n.X.(*ast.Ident)
	return ok && pkg != "" && x.Name == pkg && strings.Contains(clock, " "+n.Sel.Name+" ")
}

// importName is the name a file uses for an import, "" when it has none.
func importName(f *ast.File, path string) string {
	for _, i := range f.Imports {
		if i.Path.Value != strconv.Quote(path) {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path[strings.LastIndex(path, "/")+1:]
	}
	return ""
}
