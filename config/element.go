package config

import "reflect"

// element returns a new element for a list of sections, with its defaults.
func element(t reflect.Type) reflect.Value {
	return reflect.New(t).Elem()
}
