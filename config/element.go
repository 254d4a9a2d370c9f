package config

import (
	"reflect"

	"github.com/tandem-voip/tandem/sbc"
)

// element returns a new element for a list of sections, with its defaults. Those
// of a trunk are its profile's, which the tree of the element may name.
func element(t reflect.Type, tree any) reflect.Value {
	v := reflect.New(t).Elem()
	if t == reflect.TypeFor[sbc.TrunkConfig]() {
		trunk := sbc.DefaultTrunk()
		if m, ok := tree.(map[string]any); ok {
			if p, ok := m["profile"].(sbc.Profile); ok {
				trunk = sbc.ProfileTrunk(p)
			}
		}
		v.Set(reflect.ValueOf(trunk))
	}
	return v
}
