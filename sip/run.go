package sip

import (
	"context"
	"time"
)

// Run serves until ctx ends: requests that belong to no leg go to h, and what
// is kept of legs that are gone or refused is repeated, and let go when its time
// is over. Its caller
// starts it, before transport.Run, once.
func (u *UA) Run(ctx context.Context, h Handler) error {
	u.handler.Store(&h)
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
