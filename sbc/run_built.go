package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/media"
)

// play starts the goroutine that plays what of ours answered a call. It ends
// with the call; there is one for each call to an internal tone.
func (b *B2BUA) play(what *built, p *media.Player) {
	stopped := what.stopped
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
