package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/media"
)

// play starts the goroutine that plays a tone of ours to a side of a call. It
// ends when stopped is closed, with the call at the latest; there is one for each
// call to an internal tone, and for each side that hears a target ring.
func (b *B2BUA) play(p *media.Player, stopped <-chan struct{}) {
	b.group.Go(func() {
		t := time.NewTicker(media.FrameDuration)
		defer t.Stop()
		for {
			select {
			case now := <-t.C:
				_ = p.Play(now) // the endpoint has counted
			case <-stopped:
				return
			}
		}
	})
}
