// Package secret is a string that does not print.
//
// Passwords, tokens and keys of the configuration are of type [String]. Every
// usual way of writing a value (fmt with any verb, log/slog, encoding/json, a
// text marshaler) writes three stars instead; the one way to the text is
// [String.Reveal], which is easy to search for.
//
// The package is open to all rooms and imports none. Its values are immutable
// and safe for concurrent use.
package secret
