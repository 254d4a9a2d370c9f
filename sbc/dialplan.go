package sbc

import "fmt"

// A Dialplan is the trunks, routes and limits of one configuration, made ready.
// A reload makes another and swaps it for the first as a whole; a call keeps
// the one it began with. Safe for concurrent use.
type Dialplan struct {
	Trunks *Trunks
	Router *Router
	Limits *Limits
}

// NewDialplan makes a configuration ready. What it says of trunks and ceilings
// that old has as well, by name, goes on from their state: conditions, calls
// that are up, counters. Old is nil at the start. The error is that of
// [Config.Validate].
func NewDialplan(c Config, old *Dialplan) (*Dialplan, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var (
		wasTrunks *Trunks
		wasLimits *Limits
	)
	if old != nil {
		wasTrunks, wasLimits = old.Trunks, old.Limits
	}
	trunks, err := newTrunks(c.Trunks, wasTrunks)
	if err != nil {
		return nil, fmt.Errorf("make trunks: %w", err)
	}
	router, err := NewRouter(c.Routes, trunks)
	if err != nil {
		return nil, fmt.Errorf("make routes: %w", err)
	}
	return &Dialplan{Trunks: trunks, Router: router, Limits: newLimits(c, wasLimits)}, nil
}
