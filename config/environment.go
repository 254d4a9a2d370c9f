package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/tandem-voip/tandem/sbc"
)

// environ returns the variables of an environment, as [os.Environ] gives it, that
// are ours by their name. One that is empty counts as not set.
func environ(all []string) map[string]string {
	out := map[string]string{}
	for _, entry := range all {
		if name, value, _ := strings.Cut(entry, "="); strings.HasPrefix(name, envPrefix) && value != "" {
			out[name] = value
		}
	}
	return out
}

// environment checks the variables and returns those that set a key, a secret's
// file read. One that sets nothing is a finding: who set it relies on it.
func (r *reader) environment(base Config, env map[string]string) map[string]string {
	out := map[string]string{}
	var known []string
	Walk(base, func(f Field) {
		if f.Env == "" {
			return
		}
		known = append(known, f.Env)
		if f.Secret() {
			known = append(known, f.Env+envFileSuffix)
			r.environmentFile(out, f, env)
		}
		s := env[f.Env]
		if s == "" {
			return
		}
		out[f.Env] = s
		if f.Kind == Texts {
			return
		}
		if _, err := parse(f.Type, s); err != nil {
			r.note(Finding{Key: f.Env, Text: err.Error()})
		}
	})
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if slices.Contains(known, name) || foreign(name) {
			continue
		}
		text := "no such variable"
		if near := sbc.Nearest(name, known); near != "" {
			text += `, did you mean "` + near + `"?`
		} else {
			text += ": it would set nothing; lists of sections are set in the file alone"
		}
		r.note(Finding{Key: name, Text: text})
	}
	return out
}

// environmentFile reads a secret from the file that a variable names.
func (r *reader) environmentFile(out map[string]string, f Field, env map[string]string) {
	name := f.Env + envFileSuffix
	switch path := env[name]; {
	case path == "":
	case env[f.Env] != "":
		r.note(Finding{Key: name, Text: "is given here and by " + f.Env + ", expected one of them"})
	default:
		text, err := readSecret(path)
		if err != nil {
			r.note(Finding{Key: name, Text: err.Error()})
			return
		}
		out[f.Env] = text
	}
}

// foreign reports whether a variable is set by others under our name: Kubernetes
// sets some for a service called tandem, and shells for completion.
func foreign(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	port, isPort := strings.CutPrefix(rest, "PORT")
	return isPort && (port == "" || len(port) > 1 && port[0] == '_' && port[1] >= '0' && port[1] <= '9') ||
		strings.HasPrefix(rest, "SERVICE_HOST") || strings.HasPrefix(rest, "SERVICE_PORT") ||
		rest == "ACTIVE_HELP" || rest == "COMPLETION_DESCRIPTIONS"
}
