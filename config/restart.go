package config

import (
	"reflect"
	"strings"
)

// Restart returns the keys in which now differs from was and that a reload does
// not apply: all but those of trunks, routes, limits, calls, the gate and
// certificates. A list counts as one key.
func Restart(was, now Config) []string {
	values := map[string]any{}
	Walk(was, func(f Field) {
		if f.Kind != Section {
			values[f.Key] = f.Value.Interface()
		}
	})
	var out []string
	Walk(now, func(f Field) {
		top, _, _ := strings.Cut(f.Key, ".")
		switch {
		case f.Kind == Section || strings.Contains(f.Key, "[]"):
			return // its parts are walked, or the list as a whole is
		case top == "trunks" || top == "routes" || top == "limits" || top == "call":
			return
		case f.Key == "sip.profiles" || strings.HasPrefix(f.Key, "sip.gate."):
			return
		}
		if !reflect.DeepEqual(values[f.Key], f.Value.Interface()) {
			out = append(out, f.Key)
		}
	})
	return out
}
