package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/tandem-voip/tandem/config/secret"
)

// envPrefix begins the name of every environment variable that sets a key.
const envPrefix = "TANDEM_"

// fileSuffix makes, of the key of a secret, the key of the file that holds it.
const fileSuffix = "_file"

// envFileSuffix is the same of the variable of a secret.
const envFileSuffix = "_FILE"

// A Kind says how the value of a key is written.
type Kind uint8

// The kinds of values.
const (
	// Scalar is one value: a number, a text, a duration, an address.
	Scalar Kind = iota
	// Scalars is a list of such values.
	Scalars
	// Texts is a map from a text to a text.
	Texts
	// Section is a group of keys.
	Section
	// Sections is a list of such groups, each with a name.
	Sections
)

// A Field is one key of the configuration, for those who document it.
type Field struct {
	// Key is the whole key: "media.port_min", "trunks[].name".
	Key string
	// Name is the last part of Key.
	Name string
	// Env is the environment variable that sets the key; empty for sections
	// and for keys inside a list.
	Env string
	// Kind says how the value is written.
	Kind Kind
	// Depth is the number of sections the key is in.
	Depth int
	// Type is the Go type of the value.
	Type reflect.Type
	// Struct and GoName find the field's declaration, and so its comment.
	Struct reflect.Type
	GoName string
	// Value is the default. For a key inside a list it is that of a new element.
	Value reflect.Value
}

// Text is the default as one would write it in the file; empty for sections.
func (f Field) Text() string {
	if f.Kind == Section || f.Kind == Sections {
		return ""
	}
	return text(f.Value)
}

// Secret reports whether the value is a secret, which may also be given as the
// path of a file under the key with "_file" at its end.
func (f Field) Secret() bool { return f.Type == reflect.TypeFor[secret.String]() }

// Walk calls visit for every key in the order of the declarations, a section
// before what is in it. A list of sections is walked once, as a new element.
func Walk(c Config, visit func(Field)) {
	walk(reflect.ValueOf(c), "", 0, visit)
}

func walk(v reflect.Value, prefix string, depth int, visit func(Field)) {
	t := v.Type()
	for i := range t.NumField() {
		sf := t.Field(i)
		if !sf.IsExported() {
			continue
		}
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			walk(v.Field(i), prefix, depth, visit)
			continue
		}
		f := Field{
			Key: prefix + snake(sf.Name), Name: snake(sf.Name), Kind: kindOf(sf.Type), Depth: depth,
			Type: sf.Type, Struct: t, GoName: sf.Name, Value: v.Field(i),
		}
		if f.Kind < Section && !strings.Contains(prefix, "[]") {
			f.Env = envName(f.Key)
		}
		visit(f)
		switch f.Kind {
		case Section:
			walk(f.Value, f.Key+".", depth+1, visit)
		case Sections:
			walk(element(sf.Type.Elem(), nil), f.Key+"[].", depth+1, visit)
		case Scalar, Scalars, Texts:
		}
	}
}

// kindOf says how a value of type t is written.
func kindOf(t reflect.Type) Kind {
	switch {
	case isText(t):
		return Scalar
	case t.Kind() == reflect.Struct:
		return Section
	case t.Kind() == reflect.Map:
		return Texts
	case t.Kind() == reflect.Slice && kindOf(t.Elem()) == Section:
		return Sections
	case t.Kind() == reflect.Slice:
		return Scalars
	}
	return Scalar
}

// isText reports whether values of type t read themselves from text.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// snake turns the name of a field into the name of its key: PortMin is
// port_min, RTPPort is rtp_port, TrunkURIs is trunk_uris.
func snake(name string) string {
	r := []rune(name)
	var b strings.Builder
	for i, c := range r {
		if i > 0 && unicode.IsUpper(c) {
			next := i+1 < len(r) && unicode.IsLower(r[i+1]) && !plural(r, i+1)
			if !unicode.IsUpper(r[i-1]) || next {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}

// plural reports whether the letter at i is the s of an initialism: URIs.
func plural(r []rune, i int) bool {
	return r[i] == 's' && i >= 2 && unicode.IsUpper(r[i-2]) && (i+1 == len(r) || unicode.IsUpper(r[i+1]))
}

// envName is the environment variable of a key.
func envName(key string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// text writes a value the way parse reads it.
func text(v reflect.Value) string {
	if m, ok := reflect.TypeAssert[encoding.TextMarshaler](v); ok {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	switch x := v.Interface().(type) {
	case time.Duration:
		return duration(x)
	case fmt.Stringer:
		return x.String()
	}
	switch v.Kind() {
	case reflect.Slice:
		all := make([]string, v.Len())
		for i := range all {
			all[i] = text(v.Index(i))
		}
		return strings.Join(all, ", ")
	case reflect.Pointer:
		if v.IsNil() {
			return ""
		}
		return text(v.Elem())
	case reflect.Float32, reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	default:
		return fmt.Sprint(v.Interface())
	}
}

// duration writes d without the zero units time.Duration ends in: 1m0s is 1m.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
