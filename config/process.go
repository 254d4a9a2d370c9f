package config

import (
	"errors"
	"fmt"
	"log/slog"
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
	// GCPercent is how much the heap may grow at the most over what is live
	// before the garbage collector runs, in percent. More costs memory and saves
	// processor time. While collecting costs next to nothing the heap is kept
	// smaller. GOGC in the environment wins over it.
	GCPercent int

	// MemoryLimit is the size in mebibytes near which the garbage collector
	// works harder whatever GCPercent says. 0 means no limit. GOMEMLIMIT in the
	// environment wins over it.
	MemoryLimit int
}

func defaultProcess() Process {
	return Process{GCPercent: 400}
}

// Validate returns what is wrong with the section, or nil.
func (p Process) Validate() error {
	var all []error
	if p.GCPercent < 10 || p.GCPercent > 10000 {
		all = append(all, fmt.Errorf("gc_percent: %d is not within 10 and 10000", p.GCPercent))
	}
	if p.MemoryLimit < 0 {
		all = append(all, fmt.Errorf("memory_limit: %d is negative, expected mebibytes, 0 for no limit", p.MemoryLimit))
	}
	return errors.Join(all...)
}

// Validate returns what is wrong with the section, or nil.
func (l Log) Validate() error {
	if l.Format != FormatText && l.Format != FormatJSON {
		return fmt.Errorf("format: %q is not %q or %q", l.Format, FormatText, FormatJSON)
	}
	return nil
}
