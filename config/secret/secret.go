package secret

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// mask is what is written in place of a secret.
const mask = "***"

// A String is a text that does not print. The zero value is the empty secret.
// It is comparable with ==; what a stranger sends is compared with
// [String.Equal].
type String struct {
	text string
}

// New returns the secret whose text is text.
func New(text string) String { return String{text: text} }

// Reveal returns the text itself. Hand the result to the code that needs it
// and keep no copy.
func (s String) Reveal() string { return s.text }

// Empty reports whether there is no text.
func (s String) Empty() bool { return s.text == "" }

// Equal reports whether text is the secret, in a time that does not depend on
// where the two differ.
func (s String) Equal(text string) bool {
	return subtle.ConstantTimeCompare([]byte(s.text), []byte(text)) == 1
}

// String returns three stars, or nothing for the empty secret.
func (s String) String() string {
	if s.text == "" {
		return ""
	}
	return mask
}

// Format writes what String returns, whatever the verb, so that not even %#v
// or %x shows the text.
func (s String) Format(f fmt.State, _ rune) {
	// A fmt.State has nowhere to report a write error to.
	_, _ = io.WriteString(f, s.String())
}

// LogValue keeps the text out of log/slog.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText keeps the text out of encoders, encoding/json among them.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text from a configuration.
func (s *String) UnmarshalText(b []byte) error {
	s.text = string(b)
	return nil
}
