package sbc

import (
	"errors"
	"time"
)

// CallConfig is how calls are treated whatever their trunks.
type CallConfig struct {
	// MaxDuration ends a call this long after its answer. 0 means never.
	MaxDuration time.Duration
	// RingTime is how long one target may ring before the next is tried, and
	// the last is given up with 408. 0 means 3 minutes (RFC 3261 §16.6 step 11).
	RingTime time.Duration
	// Grace is how long running calls may go on after a stop was asked for;
	// those that are left then get a BYE. 0 ends them at once.
	Grace time.Duration
	// Forks bounds the targets called at one time for one call.
	Forks int
	// Depth bounds how often one call may be transferred or redirected.
	Depth int
	// Kept is how many ended calls keep their timeline for "tandem call".
	Kept int
}

// DefaultCallConfig returns the values used for what the configuration leaves out.
func DefaultCallConfig() CallConfig {
	return CallConfig{
		RingTime: 3 * time.Minute,
		Grace:    30 * time.Second,
		Forks:    8,
		Depth:    5,
		Kept:     1000,
	}
}

// Validate says what is wrong with c, all of it; nil if nothing is.
func (c CallConfig) Validate() error {
	var errs []error
	if c.MaxDuration < 0 || c.RingTime < 0 || c.Grace < 0 {
		errs = append(errs, errors.New("call: a duration is negative; use 0 for none"))
	}
	if c.Forks < 1 || c.Forks > 32 {
		errs = append(errs, errors.New("call.forks: want 1 to 32"))
	}
	if c.Depth < 0 || c.Depth > 20 {
		errs = append(errs, errors.New("call.depth: want 0 to 20"))
	}
	if c.Kept < 0 || c.Kept > 100_000 {
		errs = append(errs, errors.New("call.kept: want 0 to 100000"))
	}
	return errors.Join(errs...)
}
