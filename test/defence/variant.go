package defence

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
)

// A Variant is the body of a function without one defence.
type Variant struct {
	At   int // offset in the file, behind the brace that begins the body
	Text string
}

// Variant makes the body of the function that e is in, without the defence. It
// runs, and returns, where the function is entered while the variable defenceOut
// is n. Its lines keep their numbers, so that the compiler's complaints name our
// files and the table. Root is absolute. It fails if the table is out of date.
func (e *Edit) Variant(root string, n int) (Variant, error) {
	file := filepath.Join(root, e.File)
	raw, err := os.ReadFile(file)
	if err != nil {
		return Variant{}, fmt.Errorf("%s:%d: %w", table, e.Line, err)
	}
	text, old := string(raw), "\n"+strings.Join(append(e.old, ""), "\n")
	if found := strings.Count(text, old); found != 1 || len(e.old) == 0 {
		return Variant{}, fmt.Errorf("%s:%d: these lines stand in %s %d times, want once:%s", table, e.Line, e.File, found, old)
	}
	from := strings.Index(text, old) + 1
	to := from + len(old) - 1
	f, begin, end, err := enclosing(raw, from, to)
	if err != nil {
		return Variant{}, fmt.Errorf("%s:%d: %s: %w", table, e.Line, e.File, err)
	}
	line := func(offset int) string {
		return fmt.Sprintf("\n//line %s:%d\n", file, strings.Count(text[:offset], "\n")+1)
	}
	body := line(begin) + text[begin:from] +
		fmt.Sprintf("\n//line %s:%d\n", filepath.Join(root, table), e.Line) + strings.Join(e.left, "\n") +
		line(to) + text[to:end]
	if f.Type.Results == nil {
		body += "\nreturn\n"
	}
	return Variant{begin, fmt.Sprintf("\nif defenceOut == \"%d\" {%s}%s", n, body, line(begin))}, nil
}

// enclosing finds the function whose body holds the text between two offsets,
// and where that body begins and ends.
func enclosing(source []byte, from, to int) (f *ast.FuncDecl, begin, end int, err error) {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, "", source, 0)
	if err != nil {
		return nil, 0, 0, err
	}
	for _, decl := range tree.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Body == nil {
			continue
		}
		begin, end = set.Position(f.Body.Lbrace).Offset+1, set.Position(f.Body.Rbrace).Offset
		if begin <= from && to <= end {
			return f, begin, end, nil
		}
	}
	return nil, 0, 0, errors.New("the lines are within no function")
}
