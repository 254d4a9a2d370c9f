package docs

import (
	"cmp"
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// Goroutines writes the list of goroutines from the run files:
// docs/goroutines.md. A goroutine whose function has no comment is an error.
func Goroutines(root string) ([]byte, error) {
	all, err := files(root)
	if err != nil {
		return nil, err
	}
	comments := declarations(all)
	slices.SortStableFunc(all, func(a, b *file) int { return cmp.Compare(a.room, b.room) })
	var b strings.Builder
	b.WriteString("# Goroutines\n\n*Generated from the run files by `make docs`; do not edit.*\n\n" +
		"Every goroutine the appliance starts, with who starts it and when it ends.\n" +
		"Libraries start some of their own.\n")
	room, last := "", ""
	for _, f := range all {
		for _, s := range starts(f) {
			text := s.comment(comments, f.room)
			if text == "" {
				return nil, fmt.Errorf("%s:%d: the goroutine started in %s has no comment", f.path, s.line, s.by)
			}
			if s.by+text == last {
				continue
			}
			last = s.by + text
			if f.room != room {
				room = f.room
				fmt.Fprintf(&b, "\n## %s\n", room)
			}
			fmt.Fprintf(&b, "\nStarted by `%s` in %s:\n%s\n", s.by, f.path, plain(text))
		}
	}
	return []byte(b.String()), nil
}

// A start is a place where goroutines begin.
type start struct {
	by   string // the function that starts it
	run  string // the function that it runs, "" for a literal
	line int
}

// comment is that of the function that the goroutine runs, if its name alone
// tells which that is, else of the one that starts it.
func (s start) comment(comments map[string]string, room string) string {
	prefix := module + "/" + room + "."
	var found []string
	for name := range comments {
		if in, ok := strings.CutPrefix(name, prefix); ok && s.run != "" && !strings.Contains(in, "/") &&
			(in == s.run || strings.HasSuffix(in, "."+s.run)) {
			found = append(found, comments[name])
		}
	}
	if len(found) == 1 && found[0] != "" {
		return found[0]
	}
	return comments[prefix+s.by]
}

// starts finds go statements and calls of Go, one for each function they run.
func starts(f *file) []start {
	var out []start
	seen := map[[2]string]bool{}
	for _, d := range f.ast.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(fn, func(n ast.Node) bool {
			var run ast.Expr
			switch n := n.(type) {
			case *ast.GoStmt:
				run = n.Call.Fun
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" && len(n.Args) == 1 {
					run = n.Args[0]
				}
			}
			if run == nil {
				return true
			}
			s := start{by: funcName(fn), run: called(run), line: f.fset.Position(n.Pos()).Line}
			if k := [2]string{s.by, s.run}; !seen[k] {
				seen[k] = true
				out = append(out, s)
			}
			return true
		})
	}
	return out
}

// called is the function that a goroutine runs: by name, or the only call in a
// literal.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.FuncLit:
		if len(e.Body.List) != 1 {
			return ""
		}
		if x, ok := e.Body.List[0].(*ast.ExprStmt); ok {
			if c, ok := x.X.(*ast.CallExpr); ok {
				return called(c.Fun)
			}
		}
	}
	return ""
}
