package record

import (
	"errors"
	"time"
)

// Config is the records section.
type Config struct {
	// Path is the SQLite file of the call records. Beside it lie its write-ahead
	// log, a lock and the spool. Empty means that no records are kept.
	Path string

	// Keep is how long a record is kept after the call began. 0 means for ever.
	Keep time.Duration

	// Timelines is how long the timeline of a call, which "tandem call" shows, is
	// kept after the call began. It takes about as much room as its record. 0
	// means that none is kept beyond the process.
	Timelines time.Duration

	// Spool bounds the file in which records wait while the database does not
	// take them, in mebibytes. A record is about 2 KiB.
	Spool int
}

// DefaultConfig keeps no records; all else is set.
func DefaultConfig() Config { return Config{Spool: 64, Timelines: 24 * time.Hour} }

// Validate returns what is wrong with the section, or nil.
func (c Config) Validate() error {
	var errs []error
	if c.Keep < 0 {
		errs = append(errs, errors.New("keep: a duration is negative, expected 0s for ever, or more"))
	}
	if c.Timelines < 0 {
		errs = append(errs, errors.New("timelines: a duration is negative, expected 0s for none, or more"))
	}
	if c.Spool < 1 || c.Spool > 1<<14 {
		errs = append(errs, errors.New("spool: expected 1 to 16384 mebibytes"))
	}
	return errors.Join(errs...)
}
