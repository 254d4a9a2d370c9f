package appliance

import (
	"context"
	"runtime/debug"
	"time"
)

// idleLook is the time between two looks at whether calls have stopped coming.
const idleLook = 10 * time.Second

// giveBack gives the memory of past calls back to the system when none have come
// for a while. The appliance starts it; it ends with ctx.
func (a *Appliance) giveBack(ctx context.Context) error {
	t := time.NewTicker(idleLook)
	defer t.Stop()
	var i idle
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
			if s := a.b2bua.Stats(); i.due(s.Calls, s.Up) {
				debug.FreeOSMemory()
			}
		}
	}
}
