package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/sip"
)

// An unpracked is a reliable provisional response that the caller was sent and
// has not acknowledged: the called side's response that it passes on, whose own
// PRACK waits for his. The zero value is one of ours alone. RFC 3262.
type unpracked struct {
	side   *side
	dialog string
}

// tell sends the caller a provisional response.
func (c *Call) tell(now time.Time, status int, body []byte, headers []sip.Header) {
	before := c.a.leg.Unacknowledged()
	c.a.leg.Progress(now, status, body, sip.Extra{Headers: c.recvInfo(headers)})
	if c.a.leg.Unacknowledged() > before {
		c.unpracked = append(c.unpracked, unpracked{})
	}
}

// acknowledge sees to the PRACK of a provisional response where the trunk leaves
// it to the call: when the caller acknowledges what he was told, at once where
// that was nothing he acknowledges. RFC 3262 §4 sets the UAC no time but what the
// UAS waits, 64*T1, after which the caller's own response has failed as well.
func (c *Call) acknowledge(now time.Time, s *side, e sip.Progressed, told bool) {
	switch {
	case !e.Reliable || e.Delayed || !s.trunk.cfg.Dialog.ReliableRelay:
	case told:
		c.unpracked[len(c.unpracked)-1] = unpracked{side: s, dialog: e.Dialog}
	default:
		s.leg.Prack(now, e.Dialog, nil)
	}
}

// pracked takes the caller's PRACK of the oldest response.
func (c *Call) pracked(now time.Time, s *side) {
	if s != c.a || len(c.unpracked) == 0 {
		return
	}
	u := c.unpracked[0]
	c.unpracked = c.unpracked[1:]
	if u.side != nil {
		u.side.leg.Prack(now, u.dialog, nil)
	}
}
