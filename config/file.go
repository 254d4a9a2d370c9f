package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sbc"
)

// Bounds of what is read.
const (
	maxFile     = 4 << 20 // bytes of a configuration
	maxSecret   = 64 << 10
	maxFindings = 50
)

// A reader turns the file into a tree of typed values and remembers where each
// stood. One goroutine.
type reader struct {
	file     string
	lines    []string
	where    map[string]*token.Position // of each key that is set
	hidden   map[int]bool               // lines that may show a secret
	findings Errors
}

// newReader returns a reader of source, which is the content of file.
func newReader(file string, source []byte) *reader {
	lines := strings.Split(strings.TrimSuffix(string(source), "\n"), "\n")
	return &reader{file: file, lines: lines, where: map[string]*token.Position{}, hidden: hiddenLines(lines)}
}

// tree reads source as a section of type t. What is wrong is in r.findings.
func (r *reader) tree(source []byte, t reflect.Type) map[string]any {
	f, err := parser.ParseBytes(source, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil
	}
	var body ast.Node
	for _, d := range f.Docs {
		if d.Body == nil {
			continue
		}
		if body != nil {
			r.found(d.Body.GetToken(), "", "a second document begins here, expected one")
			return nil
		}
		body = d.Body
	}
	if body == nil || body.Type() == ast.NullType {
		return nil // an empty file, or one of comments: the defaults
	}
	return r.section(body, t, "")
}

// syntax notes what the parser could not read.
func (r *reader) syntax(err error) {
	if y, ok := errors.AsType[yaml.Error](err); ok {
		text := "not YAML"
		if at := y.GetToken(); at == nil || !r.hidden[at.Position.Line] {
			text += ": " + y.GetMessage() // which may quote
		}
		r.found(y.GetToken(), "", text)
		return
	}
	r.findings = append(r.findings, Finding{File: r.file, Text: "not YAML: " + err.Error()})
}

// found notes a finding at a token.
func (r *reader) found(at *token.Token, key, text string) {
	f := Finding{File: r.file, Key: key, Text: text}
	if at != nil {
		f.Line, f.Column = at.Position.Line, at.Position.Column
	}
	r.note(f)
}

// note adds a finding with its excerpt.
func (r *reader) note(f Finding) {
	if len(r.findings) >= maxFindings {
		return
	}
	if f.Line > 0 && !r.hidden[f.Line] && !r.hidden[f.Line-1] {
		f.Excerpt = excerpt(r.lines, f.Line, f.Column)
	}
	r.findings = append(r.findings, f)
}

// section reads the keys of a section of type t at path.
func (r *reader) section(n ast.Node, t reflect.Type, path string) map[string]any {
	out := map[string]any{}
	if n.Type() == ast.NullType {
		return out
	}
	pairs, ok := mapping(n)
	if !ok {
		r.found(n.GetToken(), path, "expected a section of keys"+plainOnly(n))
		return out
	}
	fields := keysOf(t)
	seen := map[string]*token.Token{}
	for _, p := range pairs {
		key := p.Key.GetToken()
		name := key.Value
		if first := seen[name]; first != nil {
			r.found(key, join(path, shown(name)), fmt.Sprintf("is set twice, first on line %d", first.Position.Line))
			continue
		}
		seen[name] = key
		r.entry(out, fields, p, path)
	}
	return out
}

// entry reads one key of a section into out.
func (r *reader) entry(out map[string]any, fields map[string]reflect.Type, p *ast.MappingValueNode, path string) {
	key := p.Key.GetToken()
	name := key.Value
	full := join(path, name)
	t, ok := fields[name]
	if !ok {
		r.unknown(p, path, fields)
		return
	}
	if p.Value == nil || p.Value.Type() == ast.NullType {
		return // a key without a value keeps its default
	}
	r.where[full] = p.Value.GetToken().Position
	if kind := kindOf(t); kind == Section || kind == Sections {
		r.where[full] = key.Position
	}
	if base, ok := strings.CutSuffix(name, fileSuffix); ok && fields[base] == reflect.TypeFor[secret.String]() {
		r.secretFile(out, base, p, full)
		return
	}
	if v, ok := r.value(p.Value, t, full); ok {
		if _, twice := out[name]; twice {
			r.found(key, full, "is given here and by "+name+fileSuffix+", expected one of them")
			return
		}
		out[name] = v
	}
}

// secretFile reads a secret from the file that a key names.
func (r *reader) secretFile(out map[string]any, base string, p *ast.MappingValueNode, full string) {
	path, ok := scalar(p.Value)
	if !ok {
		r.found(p.Value.GetToken(), full, "expected the path of a file")
		return
	}
	if _, twice := out[base]; twice {
		r.found(p.Key.GetToken(), full, "is given here and by "+base+", expected one of them")
		return
	}
	text, err := readSecret(path)
	if err != nil {
		r.found(p.Value.GetToken(), full, err.Error())
		return
	}
	out[base] = secret.New(text)
}

// readSecret returns the content of a file without the line end after it.
func readSecret(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return "", p.Err // without the path: it may be the secret itself
	}
	if err != nil {
		return "", err
	}
	if len(b) > maxSecret {
		return "", fmt.Errorf("the file has more than %d bytes, expected a secret", maxSecret)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// value reads the value of a key of type t.
func (r *reader) value(n ast.Node, t reflect.Type, path string) (any, bool) {
	switch kindOf(t) {
	case Section:
		return r.section(n, t, path), true
	case Sections:
		return r.sections(n, t.Elem(), path)
	case Texts:
		return r.texts(n, t, path)
	case Scalars:
		if s, ok := n.(*ast.SequenceNode); ok {
			return r.scalars(s, t, path)
		}
	case Scalar:
	}
	s, ok := scalar(n)
	if !ok {
		r.found(n.GetToken(), path, "expected "+expected(t)+plainOnly(n))
		return nil, false
	}
	v, err := parse(t, s)
	if err != nil {
		r.found(n.GetToken(), path, err.Error())
		return nil, false
	}
	return v.Interface(), true
}

// sections reads a list of sections, which must differ in name.
func (r *reader) sections(n ast.Node, t reflect.Type, path string) (any, bool) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		r.found(n.GetToken(), path, `expected a list, each element beginning with "- "`+plainOnly(n))
		return nil, false
	}
	names := map[string]int{}
	out := make([]any, 0, len(seq.Values))
	for i, e := range seq.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		r.where[at] = e.GetToken().Position
		if pairs, ok := mapping(e); ok && len(pairs) > 0 {
			r.where[at] = pairs[0].Key.GetToken().Position
		}
		m := r.section(e, t, at)
		if name := fmt.Sprint(m["name"]); m["name"] != nil {
			if first, twice := names[name]; twice {
				r.note(Finding{
					File: r.file, Key: at + ".name", Line: r.where[at+".name"].Line, Column: r.where[at+".name"].Column,
					Text: fmt.Sprintf("%q is the name of %s[%d] already", name, path, first),
				})
			}
			names[name] = i
		}
		out = append(out, m)
	}
	return out, true
}

// scalars reads a list of single values.
func (r *reader) scalars(seq *ast.SequenceNode, t reflect.Type, path string) (any, bool) {
	out := reflect.MakeSlice(t, 0, len(seq.Values))
	good := true
	for i, e := range seq.Values {
		at := path + "[" + strconv.Itoa(i) + "]"
		r.where[at] = e.GetToken().Position
		v, ok := r.value(e, t.Elem(), at)
		if !ok {
			good = false
			continue
		}
		out = reflect.Append(out, reflect.ValueOf(v))
	}
	return out.Interface(), good
}

// texts reads a map from texts to texts.
func (r *reader) texts(n ast.Node, t reflect.Type, path string) (any, bool) {
	pairs, ok := mapping(n)
	if !ok {
		r.found(n.GetToken(), path, "expected a section of keys"+plainOnly(n))
		return nil, false
	}
	out := reflect.MakeMap(t)
	for _, p := range pairs {
		name := p.Key.GetToken().Value
		v, ok := r.value(p.Value, t.Elem(), join(path, name))
		if !ok {
			return nil, false
		}
		out.SetMapIndex(reflect.ValueOf(name).Convert(t.Key()), reflect.ValueOf(v))
	}
	return out.Interface(), true
}

// unknown notes a key that the section does not have.
func (r *reader) unknown(p *ast.MappingValueNode, path string, fields map[string]reflect.Type) {
	key := p.Key.GetToken()
	name := shown(key.Value)
	if r.hidden[key.Position.Line] && (p.Value == nil || p.Value.Type() == ast.NullType) {
		name = "..." // a value that was meant for another key
	}
	known := make([]string, 0, len(fields))
	for name := range fields {
		known = append(known, name)
	}
	slices.Sort(known)
	text := "unknown key"
	if near := sbc.Nearest(key.Value, known); near != "" {
		text += fmt.Sprintf(", did you mean %q?", near)
	} else if elsewhere := keyNamed(key.Value); elsewhere != "" {
		text += fmt.Sprintf(", did you mean %q?", elsewhere)
	} else {
		text += ", expected one of " + strings.Join(known, ", ")
	}
	r.found(key, join(path, name), text)
}

// keyNamed returns the first key of the configuration whose last part is name.
func keyNamed(name string) string {
	found := ""
	Walk(Config{}, func(f Field) {
		if found == "" && f.Name == name {
			found = f.Key
		}
	})
	return found
}

// keysOf returns the keys a section of type t may have, with their types.
func keysOf(t reflect.Type) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for f := range t.Fields() {
		if !f.IsExported() {
			continue
		}
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			maps.Copy(out, keysOf(f.Type))
			continue
		}
		name := snake(f.Name)
		out[name] = f.Type
		if f.Type == reflect.TypeFor[secret.String]() {
			out[name+fileSuffix] = reflect.TypeFor[string]()
		}
	}
	return out
}

// mapping returns the pairs of a mapping; a mapping of one pair may be that pair.
func mapping(n ast.Node) ([]*ast.MappingValueNode, bool) {
	switch m := n.(type) {
	case *ast.MappingNode:
		return m.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{m}, true
	}
	return nil, false
}

// scalar returns the text of a single value, as written.
func scalar(n ast.Node) (string, bool) {
	switch s := n.(type) {
	case *ast.StringNode:
		return s.Value, true
	case *ast.LiteralNode:
		return s.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// plainOnly explains why a value that YAML allows is refused here.
func plainOnly(n ast.Node) string {
	if t := n.Type(); t == ast.AnchorType || t == ast.AliasType || t == ast.TagType || t == ast.MergeKeyType {
		return ": anchors, aliases and tags are not read"
	}
	return ""
}

// join makes a key of a section and a name.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
