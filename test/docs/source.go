package docs

import (
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

const module = "github.com/tandem-voip/tandem"

// A file is a parsed Go file of a room, tests left out.
type file struct {
	path string // from the root, with slashes
	room string
	fset *token.FileSet
	ast  *ast.File
}

// files parses the tree below root, in order of path. Rooms for tests are left
// out.
func files(root string) ([]*file, error) {
	var all []*file
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains([]string{"test", "testdata", "node_modules"}, d.Name())) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		f := &file{path: rel, room: path.Dir(rel), fset: token.NewFileSet()}
		f.ast, err = parser.ParseFile(f.fset, p, nil, parser.ParseComments)
		all = append(all, f)
		return err
	})
	return all, err
}

// declarations finds comments by name: "Type", "Type.Field", "func" and
// "Type.method", each with its package's path before it and a dot.
func declarations(all []*file) map[string]string {
	out := map[string]string{}
	for _, f := range all {
		pkg := module + "/" + f.room + "."
		for _, d := range f.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				out[pkg+funcName(d)] = d.Doc.Text()
			case *ast.GenDecl:
				types(out, pkg, d)
			}
		}
	}
	return out
}

// funcName is "name" or "Type.name".
func funcName(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return d.Name.Name
	}
	t := d.Recv.List[0].Type
	if s, ok := t.(*ast.StarExpr); ok {
		t = s.X
	}
	if g, ok := t.(*ast.IndexExpr); ok {
		t = g.X
	}
	if id, ok := t.(*ast.Ident); ok {
		return id.Name + "." + d.Name.Name
	}
	return d.Name.Name
}

// types notes the comments of struct types and their fields.
func types(out map[string]string, pkg string, d *ast.GenDecl) {
	for _, s := range d.Specs {
		t, ok := s.(*ast.TypeSpec)
		if !ok {
			continue
		}
		text := t.Doc.Text()
		if text == "" {
			text = d.Doc.Text()
		}
		out[pkg+t.Name.Name] = text
		st, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		// A comment above several fields in a row is about all of them.
		last := ""
		for i, f := range st.Fields.List {
			text := f.Doc.Text()
			if text == "" {
				text = f.Comment.Text()
			}
			if text == "" && i > 0 {
				text = last
			}
			last = text
			for _, n := range f.Names {
				out[pkg+t.Name.Name+"."+n.Name] = text
			}
		}
	}
}

// plain is a comment without the brackets of links, as Markdown paragraphs.
func plain(text string) string {
	var p comment.Parser
	var b strings.Builder
	for i, block := range p.Parse(text).Content {
		if i > 0 {
			b.WriteString("\n\n")
		}
		pr := comment.Printer{}
		b.WriteString(strings.TrimSpace(string(pr.Text(&comment.Doc{Content: []comment.Block{block}}))))
	}
	return b.String()
}
