package media

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/media/dtmf"
)

const (
	headerLen = 12 // of RTP without contributing sources (RFC 3550 §5.1)
	// maxPacketPayload is the longest payload sent, in octets: what a datagram
	// holds besides header, tag and key identifier.
	maxPacketPayload = maxDatagram - headerLen - sealRoom
	// sealRoom is for the tag and the key identifier of SRTP, in octets.
	sealRoom = 160
	// usualPacket holds 20 ms of G.711, sealed, in octets.
	usualPacket = headerLen + 160 + sealRoom
	// eventClock is that of event durations between endpoints.
	eventClock = 8000
)

// The reasons why a packet was not sent. They are counted.
var (
	errNowhere = errors.New("send rtp: no address to send to yet")
	errHeld    = errors.New("send rtp: the far side wants nothing now")
	errTooLong = errors.New("send rtp: payload longer than a packet takes")
	errUsedUp  = errors.New("send rtp: the key has protected all it may")
)

// WriteRTP sends a packet to the far side: see PacketWriter. It is safe for
// concurrent use, but two sources at a time make no sense.
func (e *Endpoint) WriteRTP(now time.Time, p *rtp.Packet) error {
	e.mu.Lock()
	err := e.forward(now, p)
	e.unlock()
	return err
}

// forward translates a packet of a source and sends it. The caller holds mu.
func (e *Endpoint) forward(now time.Time, p *rtp.Packet) error {
	if p.PayloadType == PayloadEvent && e.keepsEvent(now, p) {
		e.out.skip(p.SSRC, p.SequenceNumber)
		return nil
	}
	d, to, err := e.path(now)
	if err != nil {
		e.stats.Unroutable++
		e.out.skip(p.SSRC, p.SequenceNumber)
		return err
	}
	if !e.speaks(p.PayloadType) {
		e.out.skip(p.SSRC, p.SequenceNumber)
		return nil
	}
	pt := d.agreed.Send.Type
	switch {
	case p.PayloadType == PayloadEvent:
		return e.forwardEvent(now, d, to, p)
	case p.PayloadType != PayloadNoise:
	case d.agreed.ComfortNoise.Clock > 0:
		pt = d.agreed.ComfortNoise.Send
	default: // the far side cannot say silence: it hears a pause, or what fills it
		e.writer.hiss.set(p.Payload)
		e.out.skip(p.SSRC, p.SequenceNumber)
		return nil
	}
	st, ok := e.out.next(now, p.SSRC, p.SequenceNumber, p.Timestamp)
	if !ok {
		return nil
	}
	e.writer.heard(now)
	return e.send(now, d, to, outgoing{pt: pt, marker: p.Marker || st.marker, stamp: st, payload: p.Payload})
}

// speaks says whether a packet of a source goes out: not while a digit of ours
// takes its place, nor speech before the answer where that is not wanted.
func (e *Endpoint) speaks(kind uint8) bool {
	if e.pressing.busy() || e.writer.sounding() {
		return false
	}
	return kind == PayloadEvent || e.selected || !e.opts.MuteUntilSelected
}

// path is the dialog we speak to and where it is.
func (e *Endpoint) path(now time.Time) (*dialog, netip.AddrPort, error) {
	d := e.talk()
	if e.closed || d == nil {
		return nil, netip.AddrPort{}, ErrClosed
	}
	if !d.agreed.Direction.Sends() {
		return nil, netip.AddrPort{}, errHeld
	}
	to, ok := e.target(now, d, componentRTP)
	if !ok {
		return nil, netip.AddrPort{}, errNowhere
	}
	if d.agreed.Secure() && d.keys.out == nil {
		return nil, netip.AddrPort{}, errNoKey
	}
	if d.keys.usedUp(&d.agreed.Keys.Send) {
		return nil, netip.AddrPort{}, errUsedUp
	}
	return d, to, nil
}

// outgoing is a packet but for what is the same in all of them.
type outgoing struct {
	pt      uint8
	marker  bool
	stamp   stamp
	payload []byte
}

// send writes a packet to the wire. The caller holds mu: packets leave in the
// order of their numbers, and the socket does not wait.
func (e *Endpoint) send(now time.Time, d *dialog, to netip.AddrPort, o outgoing) error {
	if len(o.payload) > maxPacketPayload {
		e.stats.Unroutable++
		return errTooLong
	}
	if room := headerLen + len(o.payload) + sealRoom; cap(e.outBuf) < room {
		e.outBuf = make([]byte, 0, maxDatagram)
	}
	b := append(e.outBuf[:0], 2<<6, o.pt&0x7f)
	if o.marker {
		b[1] |= 0x80
	}
	b = binary.BigEndian.AppendUint16(b, o.stamp.seq)
	b = binary.BigEndian.AppendUint32(b, o.stamp.ts)
	b = binary.BigEndian.AppendUint32(b, e.out.ssrc)
	b = append(b, o.payload...)
	if d.agreed.Secure() {
		sealed, err := d.keys.seal(b, &e.header)
		if err != nil {
			e.stats.SendErrors++
			return err
		}
		b = sealed
		e.wear(now, d, &d.keys.sent, &d.agreed.Keys.Send, "ours")
	}
	if !e.write(componentRTP, b, to) {
		return errNowhere
	}
	e.stats.Sent.Packets++
	e.stats.Sent.Octets += uint64(len(o.payload))
	e.reports.sent = now
	return nil
}

// write sends a datagram from the socket of a component.
func (e *Endpoint) write(component uint8, b []byte, to netip.AddrPort) bool {
	conn := e.rtp
	if component == componentRTCP && e.rtcp != nil {
		conn = e.rtcp
	}
	if _, err := conn.WriteToUDPAddrPort(b, to); err != nil {
		e.stats.SendErrors++
		return false
	}
	return true
}

// eventOut is the event on its way from the source to the far side.
type eventOut struct {
	live bool
	end  bool
	ssrc uint32
	code uint8
	src  uint32 // timestamp of the segment in the source
	out  uint32 // timestamp on our side
	base uint32 // of segments before, in 1/8000 s
	dur  uint32 // of this segment
}

// forwardEvent sends a telephone event on with the far side's payload type and
// clock. All packets of a digit keep one timestamp (RFC 4733 §2.5.1.2).
func (e *Endpoint) forwardEvent(now time.Time, d *dialog, to netip.AddrPort, p *rtp.Packet) error {
	ev, err := dtmf.ParseEvent(p.Payload)
	if err != nil {
		e.out.skip(p.SSRC, p.SequenceNumber)
		return err
	}
	st, ok := e.out.next(now, p.SSRC, p.SequenceNumber, p.Timestamp)
	if !ok {
		return nil
	}
	first := e.pressing.last.follow(p.SSRC, p.Timestamp, st.ts, ev)
	stamped, duration := e.pressing.last.at(d.agreed.Event.Clock)
	st.ts = stamped
	ev.Duration = duration
	e.writer.heard(now)
	var payload [4]byte
	return e.send(now, d, to, outgoing{
		pt: d.agreed.Event.Send, marker: first, stamp: st, payload: ev.Append(payload[:0]),
	})
}

// follow takes one packet of the source; true when it begins a digit. A digit
// held for long comes in segments, each with the timestamp at which the one
// before ended (RFC 4733 §2.5.1.3): it stays one digit.
func (o *eventOut) follow(ssrc, src, out uint32, ev dtmf.Event) bool {
	same := o.live && o.ssrc == ssrc && o.code == ev.Code
	switch {
	case same && src == o.src:
		o.dur = max(o.dur, uint32(ev.Duration))
		o.end = o.end || ev.End
		return false
	case same && !o.end && o.dur >= segmentFull && int32(src-o.src) > 0:
		o.base += o.dur
		o.src, o.dur = src, uint32(ev.Duration)
		o.end = ev.End
		return false
	}
	*o = eventOut{live: true, end: ev.End, ssrc: ssrc, code: ev.Code, src: src, out: out, dur: uint32(ev.Duration)}
	return true
}

// segmentFull is the shortest duration, in 1/8000 s, at which a segment may have
// been full: that of 65535 units at 48000.
const segmentFull = 0xFFFF / 6

// at is the timestamp and the duration on a far side with that event clock.
func (o *eventOut) at(clock int) (uint32, uint16) {
	units := uint64(o.base+o.dur) * uint64(clock) / eventClock
	full := max(units, 1) - 1
	full /= 0xFFFF
	return o.out + uint32(full*0xFFFF), uint16(units - full*0xFFFF)
}
