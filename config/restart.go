package config

import (
	"reflect"
	"strings"
)

// Restart returns the keys in which now differs from what runs and that a reload
// does not apply: all but those of [Applied]. A list counts as one key.
func Restart(runs, now Config) []string {
	return differences(runs, now, func(key string) bool { return !reloadable(key) })
}

// Applied returns the keys in which now differs from was and that a reload
// applies. A list counts as one key.
func Applied(was, now Config) []string { return differences(was, now, reloadable) }

// reloadable reports whether a reload applies a key: those of trunks, routes,
// limits, calls, the gate and certificates.
func reloadable(key string) bool {
	top, _, _ := strings.Cut(key, ".")
	switch top {
	case "trunks", "routes", "limits", "call":
		return true
	}
	return key == "sip.profiles" || strings.HasPrefix(key, "sip.gate.")
}

// differences returns the keys, of those that count, in which two configurations
// differ.
func differences(was, now Config, counts func(key string) bool) []string {
	values := map[string]any{}
	Walk(was, func(f Field) {
		if f.Kind != Section {
			values[f.Key] = f.Value.Interface()
		}
	})
	out := []string{}
	Walk(now, func(f Field) {
		if f.Kind == Section || strings.Contains(f.Key, "[]") || !counts(f.Key) {
			return // its parts are walked, or the list as a whole is
		}
		if !reflect.DeepEqual(values[f.Key], f.Value.Interface()) {
			out = append(out, f.Key)
		}
	})
	return out
}
