package config

import "log/slog"

// Config is the whole configuration: the sections of the rooms side by side.
type Config struct {
	// Log is what the process writes to standard error.
	Log Log

	// Process is how the program itself behaves.
	Process Process
}

// DefaultConfig returns the configuration of an empty file.
func DefaultConfig() Config {
	return Config{
		Log:     Log{Level: slog.LevelInfo, Format: FormatText},
		Process: defaultProcess(),
	}
}

// Validate returns what is wrong, every finding of every room, each beginning
// with its key; nil when nothing is.
func (c Config) Validate() error {
	return c.Process.Validate()
}
