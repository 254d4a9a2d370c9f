package config

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/go-viper/mapstructure/v2"
	"github.com/spf13/viper"
)

// Load reads the file at path over the defaults, then the environment, and
// validates the whole. What is wrong with the content is returned as [Errors].
func Load(path string) (Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Config{}, err
	}
	if info.Size() > maxFile {
		return Config{}, fmt.Errorf("%s has more than %d bytes, expected a configuration", path, maxFile)
	}
	source, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return Config{}, err
	}
	c, err := parseConfig(path, source, environ(os.Environ()))
	if err == nil && len(c.SIP.Listeners) == 0 {
		return Config{}, Errors{{File: path, Key: "sip.listeners", Text: "there is none, so that nobody could reach the gateway: " +
			`expected at least one such as {name: udp, transport: udp, address: "192.0.2.1:5060"}`}}
	}
	return c, err
}

// Defaults returns the built-in configuration c with the environment over it,
// validated. What is wrong is returned as [Errors].
func Defaults(c Config) (Config, error) {
	return over(c, newReader("", nil), nil, environ(os.Environ()))
}

// parseConfig is Load without the file system's part.
func parseConfig(file string, source []byte, env map[string]string) (Config, error) {
	r := newReader(file, source)
	tree := r.tree(source, reflect.TypeFor[Config]())
	return over(DefaultConfig(), r, tree, env)
}

// over lays the tree of a file and the environment over base.
func over(base Config, r *reader, tree map[string]any, env map[string]string) (Config, error) {
	env = r.environment(base, env)
	if len(r.findings) > 0 {
		return Config{}, r.errors()
	}
	c, err := decode(base, tree, env)
	if err != nil {
		return Config{}, err
	}
	r.validate(c)
	if len(r.findings) > 0 {
		return Config{}, r.errors()
	}
	return c, nil
}

// decode merges defaults, file and environment, in that order.
//
// The defaults are registered key by key, since viper looks into the
// environment only for keys it knows.
func decode(base Config, tree map[string]any, env map[string]string) (Config, error) {
	v := viper.New()
	Walk(base, func(f Field) {
		if f.Kind == Section || strings.Contains(f.Key, "[]") {
			return
		}
		v.SetDefault(f.Key, f.Value.Interface())
	})
	if err := v.MergeConfigMap(tree); err != nil {
		return Config{}, fmt.Errorf("merge configuration: %w", err)
	}
	Walk(base, func(f Field) {
		if s := env[f.Env]; f.Env != "" && s != "" {
			v.Set(f.Key, s)
		}
	})
	c := base
	if err := decodeInto(&c, v.AllSettings()); err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	return c, nil
}

// decodeInto fills the section target points to from a tree. A key that the
// section does not have is an error.
func decodeInto(target any, tree any) error {
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:      target,
		ErrorUnused: true,
		Squash:      true,
		MatchName:   func(key, field string) bool { return key == snake(field) },
		DecodeHook:  mapstructure.DecodeHookFuncValue(hook),
	})
	if err != nil {
		return err
	}
	return d.Decode(tree)
}

// hook parses texts, and gives the elements of a list their defaults.
func hook(from, to reflect.Value) (any, error) {
	t := to.Type()
	if from.Type() == t {
		return from.Interface(), nil
	}
	if from.Type() == reflect.TypeFor[string]() && kindOf(t) < Texts {
		v, err := parse(t, from.String())
		if err != nil {
			return nil, err
		}
		return v.Interface(), nil
	}
	list, ok := reflect.TypeAssert[[]any](from)
	if !ok || kindOf(t) != Sections {
		return from.Interface(), nil
	}
	out := reflect.MakeSlice(t, 0, len(list))
	for _, tree := range list {
		e := element(t.Elem(), tree)
		if err := decodeInto(e.Addr().Interface(), tree); err != nil {
			return nil, err
		}
		out = reflect.Append(out, e)
	}
	return out.Interface(), nil
}

// validate asks the rooms and finds the places their findings speak of.
func (r *reader) validate(c Config) {
	for _, err := range flatten(c.Validate()) {
		key, text := splitKey(err.Error())
		f := Finding{File: r.file, Key: key, Text: text}
		for k := key; k != ""; k = parent(k) {
			if p := r.where[k]; p != nil {
				f.Line, f.Column = p.Line, p.Column
				break
			}
		}
		r.note(f)
	}
}

// errors returns the findings in the order of the file.
func (r *reader) errors() Errors {
	slices.SortStableFunc(r.findings, func(a, b Finding) int { return a.Line - b.Line })
	return r.findings
}

// flatten takes joined errors apart.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var many interface{ Unwrap() []error }
	if !errors.As(err, &many) {
		return []error{err}
	}
	var out []error
	for _, e := range many.Unwrap() {
		out = append(out, flatten(e)...)
	}
	return out
}

// splitKey takes the key off the front of a finding: "media.port_min: 7 is odd".
func splitKey(s string) (key, text string) {
	key, text, ok := strings.Cut(s, ": ")
	if !ok || strings.ContainsAny(key, " \"") {
		return "", s
	}
	return key, text
}

// parent is the key of the section a key is in; empty at the top.
func parent(key string) string {
	i := strings.LastIndexAny(key, ".[")
	if i < 0 {
		return ""
	}
	return key[:i]
}
