package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// parse reads a value of type t from the text it has in the file or in the
// environment. The text counts as it was written: +1555 is a number to dial and
// not the integer 1555, "no" is a text and not false.
func parse(t reflect.Type, s string) (reflect.Value, error) {
	v := reflect.New(t).Elem()
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		if err := u.UnmarshalText([]byte(s)); err != nil {
			return v, refused(t, s, err)
		}
		return v, nil
	}
	return v, parseKind(v, t, s)
}

// refused says that a type did not take a text. What the types of the standard
// library say is for programmers; those of the rooms know what they expected.
func refused(t reflect.Type, s string, err error) error {
	if !strings.Contains(t.PkgPath(), ".") {
		return fmt.Errorf("%q is not %s", s, expected(t))
	}
	return err
}

func parseKind(v reflect.Value, t reflect.Type, s string) error {
	bad := func() error { return fmt.Errorf("%q is not %s", s, expected(t)) }
	switch t.Kind() {
	case reflect.Bool:
		if s != "true" && s != "false" {
			return bad()
		}
		v.SetBool(s == "true")
	case reflect.String:
		v.SetString(s)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n, err := parseInt(t, s)
		if err != nil || v.OverflowInt(n) {
			return bad()
		}
		v.SetInt(n)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n, err := strconv.ParseUint(s, 10, t.Bits())
		if err != nil {
			return bad()
		}
		v.SetUint(n)
	case reflect.Float32, reflect.Float64:
		n, err := strconv.ParseFloat(s, t.Bits())
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return bad()
		}
		v.SetFloat(n)
	case reflect.Slice:
		return parseList(v, t, s)
	case reflect.Pointer:
		e, err := parse(t.Elem(), s)
		if err != nil {
			return err
		}
		v.Set(reflect.New(t.Elem()))
		v.Elem().Set(e)
	default:
		return bad()
	}
	return nil
}

// parseList reads elements separated by commas.
func parseList(v reflect.Value, t reflect.Type, s string) error {
	if strings.TrimSpace(s) == "" {
		v.Set(reflect.MakeSlice(t, 0, 0))
		return nil
	}
	for part := range strings.SplitSeq(s, ",") {
		e, err := parse(t.Elem(), strings.TrimSpace(part))
		if err != nil {
			return err
		}
		v.Set(reflect.Append(v, e))
	}
	return nil
}

func parseInt(t reflect.Type, s string) (int64, error) {
	if t == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(s)
		return int64(d), err
	}
	return strconv.ParseInt(s, 10, 64)
}

// expected says in words what a value of type t looks like.
func expected(t reflect.Type) string {
	switch t.String() {
	case "time.Duration":
		return `a duration such as "20ms", "30s" or "5m"`
	case "netip.AddrPort":
		return `an address with port such as "192.0.2.10:5060" or "[2001:db8::1]:5060"`
	case "netip.Addr":
		return `an IP address such as "192.0.2.10" or "2001:db8::1"`
	case "netip.Prefix":
		return `a network such as "192.0.2.0/24"`
	case "slog.Level":
		return `"debug", "info", "warn" or "error"`
	}
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return fmt.Sprintf("a whole number from 0 to %d", uint64(1)<<t.Bits()-1)
	case reflect.Uint64:
		return "a whole number from 0"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list of which each is " + expected(t.Elem())
	case reflect.Map, reflect.Struct:
		return "a section of keys"
	case reflect.Pointer:
		return expected(t.Elem())
	default:
		return "a text"
	}
}
