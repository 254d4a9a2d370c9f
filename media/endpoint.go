package media

import (
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/sdp"
)

// An Endpoint is our end of one RTP session. Whoever opened it owns it and
// closes it. It is safe for concurrent use.
type Endpoint struct {
	pool *Pool
	opts Options
}

// Local is what to put into SDP: the address advertised, the RTP port, and the
// RTCP port, which equals the RTP port when there is no second socket.
func (e *Endpoint) Local() (addr netip.Addr, rtp, rtcp uint16) { return netip.Addr{}, 0, 0 }

// Apply takes over what an offer and an answer came to, as often as they do.
// dialog tells the early dialogs of one INVITE apart, by the remote tag; for a
// leg that cannot fork it is any constant. The first Apply of a name makes the
// dialog known. Each Apply opens the latch for a while (RFC 7362 §4).
//
// Errors: ErrClosed; one that says too many early dialogs are kept already; one
// that says what of the keys does not fit.
func (e *Endpoint) Apply(now time.Time, dialog string, a sdp.Agreed) error { return nil }

// Select says that a final answer came from dialog, which is heard and spoken
// to from now on, whoever was before. The others are given up.
func (e *Endpoint) Select(now time.Time, dialog string) {}

// End gives up an early dialog that was refused or cancelled. If it was heard,
// the next that streams will be.
func (e *Endpoint) End(now time.Time, dialog string) {}

// Connect sends what is heard on to dst, until the next Connect; nil ends it.
// Whoever connects two endpoints calls it on both. When it returns no packet
// is under way to the one that was connected before.
func (e *Endpoint) Connect(dst PacketWriter) {}

// WriteRTP sends a packet to the far side: see PacketWriter.
func (e *Endpoint) WriteRTP(now time.Time, p *rtp.Packet) error { return nil }

// SendDigit puts a digit in line to be sent as the far side's kind demands,
// telephone-event packets or a tone in the audio. The line is bounded: false
// means it was full, or the kind is DigitsInfo, or there is nothing to say it
// with. Before the final answer a digit goes to the dialog that is heard alone
// and waits for its first packet for a bounded time.
func (e *Endpoint) SendDigit(now time.Time, p dtmf.Press) bool { return false }

// Quiet is how long nothing was heard from the far side, counted from the first
// Apply at the earliest. 0 while the far side is held or switched off: hold is
// not silence.
func (e *Endpoint) Quiet(now time.Time) time.Duration { return 0 }

// Stats returns a copy of the figures.
func (e *Endpoint) Stats() Stats { return Stats{} }

// Close says goodbye by RTCP, closes the sockets and frees the ports. No notice
// comes after it has returned, except from a call of Notify under way.
func (e *Endpoint) Close(now time.Time) {}
