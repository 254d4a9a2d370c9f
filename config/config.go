package config

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/tandem-voip/tandem/sip/transport"
)

// Config is the whole configuration: the sections of the rooms side by side.
type Config struct {
	// SIP is where and how SIP is spoken.
	SIP transport.Config

	// Log is what the process writes to standard error.
	Log Log

	// Process is how the program itself behaves.
	Process Process
}

// DefaultConfig returns the configuration of an empty file.
func DefaultConfig() Config {
	return Config{
		SIP:     transport.DefaultConfig(),
		Log:     Log{Level: slog.LevelInfo, Format: FormatText},
		Process: defaultProcess(),
	}
}

// Validate returns what is wrong, every finding of every room joined, each
// beginning with its key; nil when nothing is.
func (c Config) Validate() error {
	return errors.Join(
		within("sip", c.SIP.Validate()),
		within("log", c.Log.Validate()),
		within("process", c.Process.Validate()),
	)
}

// within puts the key of a section before the keys in a room's findings.
func within(section string, err error) error {
	all := flatten(err)
	for i, e := range all {
		all[i] = fmt.Errorf("%s.%w", section, e)
	}
	return errors.Join(all...)
}
