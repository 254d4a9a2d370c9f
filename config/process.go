package config

import (
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// A Format is how log lines are written: FormatText or FormatJSON.
type Format string

// The formats of log lines.
const (
	// FormatText is key=value.
	FormatText Format = "text"
	// FormatJSON is one JSON object a line.
	FormatJSON Format = "json"
)

// Log is the log section.
type Log struct {
	// Level is the least severe level that is written: "debug", "info", "warn"
	// or "error". At "debug" telephone numbers are written whole; above it they
	// are masked.
	Level slog.Level

	// Format is "text" (key=value) or "json" (one object a line).
	Format Format
}

// Process is the process section.
type Process struct {
	// Grace is how long calls may go on after the first SIGTERM, while new ones
	// are refused with 503. The rest are released then. A second SIGTERM ends
	// the grace at once.
	Grace time.Duration

	// GCPercent is how much the heap may grow over what is live before the
	// garbage collector runs, in percent. More costs memory and saves processor
	// time. GOGC in the environment wins over it.
	GCPercent int

	// MemoryLimit is the size in mebibytes near which the garbage collector
	// works harder whatever GCPercent says. 0 means no limit. GOMEMLIMIT in the
	// environment wins over it.
	MemoryLimit int
}

func defaultProcess() Process {
	return Process{Grace: 30 * time.Second, GCPercent: 400}
}

// Validate returns what is wrong with the section, or nil.
func (p Process) Validate() error {
	var all []error
	if p.Grace < 0 {
		all = append(all, fmt.Errorf("process.grace: %v is negative, expected 0s or more", p.Grace))
	}
	if p.GCPercent < 10 || p.GCPercent > 10000 {
		all = append(all, fmt.Errorf("process.gc_percent: %d is not within 10 and 10000", p.GCPercent))
	}
	if p.MemoryLimit < 0 {
		all = append(all, fmt.Errorf("process.memory_limit: %d is negative, expected mebibytes, 0 for no limit", p.MemoryLimit))
	}
	return errors.Join(all...)
}
