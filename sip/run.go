package sip

import (
	"context"
	"time"
)

// Run repeats what is kept of legs that are gone or refused, and lets it go when
// its time is over, until ctx ends; then nothing is served any more. Its caller
// starts it once.
func (u *UA) Run(ctx context.Context) error {
	defer u.handler.Store(nil)
	tick := time.NewTicker(u.cfg.T1)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			u.remnants.sweep(now)
			u.refusals.advance(now)
		}
	}
}
