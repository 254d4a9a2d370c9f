package config

import "reflect"

// WalkSection calls visit for every key of one section, a struct such as a
// trunk's, with keys relative to it and its values in place of the defaults.
func WalkSection(section any, visit func(Field)) {
	walk(reflect.ValueOf(section), "", 0, visit)
}
