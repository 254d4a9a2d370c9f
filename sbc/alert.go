package sbc

import (
	"crypto/rand"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media"
)

// ringingTone is the ringing tone as ITU-T E.180 §5 recommends it.
func ringingTone() media.Tone {
	return media.Tone{Frequency: 425, On: time.Second, Off: 4 * time.Second}
}

// An alert is the ringing tone that we play to the side that stays in a transfer.
// It is in a dialog, where no 180 can make its phone ring. Its packets are made
// by a goroutine of its own. The zero alert plays nothing.
type alert struct {
	to      *media.Endpoint
	codec   codec.Params
	stopped chan struct{} // closed to end the goroutine
}

// alerted reports whether the side that stays in a transfer is to hear ringing:
// a target rings, and none is heard.
func (c *Call) alerted() bool {
	return c.search.stays() != nil && c.search.rings && c.search.audible() == nil
}

// ring plays the ringing tone, or ends it, as things stand now.
func (c *Call) ring() {
	var want alert
	if c.alerted() {
		if a, ok := c.search.stays().current(); ok {
			want = alert{to: c.search.stays().end, codec: a.Send.Codec}
		}
	}
	if want.to == c.alert.to && want.codec == c.alert.codec {
		return
	}
	c.stopAlert()
	c.alert = want
	made := c.b2b.codecs.Find(want.codec)
	if want.to == nil || made == nil {
		return
	}
	player, err := media.NewPlayer(made, ringingTone(), want.to, rand.Reader)
	if err != nil {
		c.log.Error("no ringing tone", "err", err)
		return
	}
	c.alert.stopped = make(chan struct{})
	c.b2b.play(player, c.alert.stopped)
}

// stopAlert ends the ringing tone.
func (c *Call) stopAlert() {
	if c.alert.stopped != nil {
		close(c.alert.stopped)
	}
	c.alert = alert{}
}
