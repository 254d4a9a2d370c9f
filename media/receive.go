package media

import (
	"errors"
	"net/netip"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/media/ice"
	"github.com/tandem-voip/tandem/media/sdp"
)

// The two components of a stream (RFC 8445 §13).
const (
	componentRTP  uint8 = 1
	componentRTCP uint8 = 2
)

// A reader is what is needed to take what comes to one socket. One goroutine at
// a time uses it.
type reader struct {
	e         *Endpoint
	component uint8
	failed    bool   // to read, and it was logged
	plain     []byte // what was decrypted, and what is answered to STUN; made when needed
	pkt       rtp.Packet
}

// Receive implements udp.Receiver.
func (r *reader) Receive(now time.Time, b []byte, src netip.AddrPort) {
	r.e.receive(now, r, b, src)
}

// Failed implements udp.Receiver. A want of memory, say: the socket is as good
// as before.
func (r *reader) Failed(err error) {
	if r.e.readFailed() && !r.failed {
		r.failed = true
		r.e.log.Warn("read media socket", "err", err)
	}
}

// scratch is the second buffer of a reader: only secured and checked streams
// have one.
func (r *reader) scratch() []byte {
	if r.plain == nil {
		r.plain = make([]byte, 0, maxDatagram)
	}
	return r.plain
}

// receive takes one datagram. What it is, the first octet tells (RFC 7983 §7,
// RFC 5761 §4).
func (e *Endpoint) receive(now time.Time, r *reader, b []byte, src netip.AddrPort) {
	src = unmap(src)
	switch {
	case len(b) < 2:
		e.malformed()
	case b[0] < 4:
		e.receiveSTUN(now, r, b, src)
	case b[0] >= 20 && b[0] < 64:
		e.receiveDTLS(now, r, b, src)
	case b[0] < 128 || b[0] >= 192:
		e.malformed()
	case b[1] >= 192 && b[1] < 224:
		e.receiveRTCP(now, r, b, src)
	case r.component == componentRTP:
		e.receiveRTP(now, r, b, src)
	default:
		e.malformed()
	}
}

func (e *Endpoint) malformed() {
	e.mu.Lock()
	e.stats.Malformed++
	e.unlock()
}

// receiveRTP accepts a packet and passes it on, on this goroutine, in one run.
func (e *Endpoint) receiveRTP(now time.Time, r *reader, b []byte, src netip.AddrPort) {
	n, err := r.pkt.Header.Unmarshal(b)
	e.mu.Lock()
	var dst PacketWriter
	switch {
	case err != nil:
		e.stats.Malformed++
	case !e.closed:
		if d, plain, ok := e.admit(now, r, b, n, src); ok && e.hearRTP(now, d, &r.pkt, plain[n:], src) {
			dst = e.dst
		}
	}
	e.unlock()
	if dst != nil {
		_ = dst.WriteRTP(now, &r.pkt) // the writer counts what it cannot send
	}
}

// admit finds the dialog a packet is of, authenticates it and asks the latch.
// It returns the packet as plain RTP. The caller holds mu.
func (e *Endpoint) admit(now time.Time, r *reader, b []byte, n int, src netip.AddrPort) (*dialog, []byte, bool) {
	if e.agent != nil {
		if _, checked := e.agent.Dialog(componentRTP, src); checked {
			return e.admitChecked(now, r, b, n, src)
		}
	}
	reason := "nothing was agreed yet"
	for _, exact := range [...]bool{true, false} {
		for _, d := range e.dialogs {
			if d.awaitsChecks() {
				reason = "no connectivity check came from it"
				continue
			}
			if exact != d.latch.names(src) {
				continue
			}
			plain, verdict := e.judge(now, d, r, b, n, src)
			switch verdict {
			case Latched:
				e.tell(Notice{Kind: NoticePathLatched, At: now, Dialog: d.name, Addr: src, Reason: d.latch.Reason()})
				return d, plain, true
			case Accepted:
				return d, plain, true
			case Learning:
				return nil, nil, false
			case Rejected:
				reason = d.latch.Reason()
			}
		}
	}
	e.reject(now, src, reason)
	return nil, nil, false
}

// judge asks the latch of one dialog, with SRTP only about what is authentic:
// the latch is not to see the rest.
func (e *Endpoint) judge(now time.Time, d *dialog, r *reader, b []byte, n int, src netip.AddrPort) ([]byte, Verdict) {
	if !d.latch.names(src) && !d.latch.allowed(src) {
		return nil, Rejected
	}
	if _, _, known := d.kind(r.pkt.PayloadType); !known {
		return nil, d.latch.reject("its payload type was not agreed")
	}
	if !d.agreed.Secure() {
		return b, d.latch.Accept(now, src, r.pkt.SSRC, r.pkt.SequenceNumber, false)
	}
	plain, err := d.keys.open(now, r, b, n)
	if err != nil {
		e.stats.Unauthentic++
		return nil, d.latch.reject(authReason(err))
	}
	return plain, d.latch.Accept(now, src, r.pkt.SSRC, r.pkt.SequenceNumber, true)
}

// admitChecked is admit for a source that passed a connectivity check, which is
// proof enough of a path (RFC 8445 §12.2); its keys are asked for besides. Forks
// may be behind one address: then the key that authenticates a packet tells whose
// it is, and the SSRC which key to try first.
func (e *Endpoint) admitChecked(now time.Time, r *reader, b []byte, n int, src netip.AddrPort) (*dialog, []byte, bool) {
	reason := "checked, but its answer has not come"
	var failed error
	for _, known := range [...]bool{true, false} {
		for _, d := range e.dialogs {
			if known != (d.source == r.pkt.SSRC) || !e.agent.Checked(d.name, componentRTP, src) {
				continue
			}
			if _, _, agreed := d.kind(r.pkt.PayloadType); !agreed {
				reason = "its payload type was not agreed"
				continue
			}
			plain := b
			if d.agreed.Secure() {
				var err error
				if plain, err = d.keys.open(now, r, b, n); err != nil {
					reason, failed = authReason(err), err
					continue
				}
			}
			d.source = r.pkt.SSRC
			e.agent.Heard(now, componentRTP, src)
			return d, plain, true
		}
	}
	if failed != nil {
		e.stats.Unauthentic++
	}
	e.reject(now, src, reason)
	return nil, nil, false
}

// errNoKey is a packet before its DTLS handshake was over.
var errNoKey = errors.New("no key yet")

func authReason(err error) string {
	if errors.Is(err, errNoKey) {
		return "it is not keyed yet"
	}
	return "it is not authentic"
}

// kind says what a payload type carries, and for audio in which format.
func (d *dialog) kind(pt uint8) (uint8, sdp.Format, bool) {
	switch a := &d.agreed; {
	case a.Event.Clock > 0 && pt == a.Event.Receive:
		return PayloadEvent, sdp.Format{}, true
	case a.ComfortNoise.Clock > 0 && pt == a.ComfortNoise.Receive:
		return PayloadNoise, sdp.Format{}, true
	default:
		f, ok := a.Received(pt)
		return PayloadAudio, f, ok
	}
}

// hearRTP takes an accepted packet into account and makes of it what is passed
// on; false passes nothing on. The caller holds mu.
func (e *Endpoint) hearRTP(now time.Time, d *dialog, p *rtp.Packet, payload []byte, src netip.AddrPort) bool {
	if d.first.IsZero() {
		d.first = now
		if e.stats.FirstHeard.IsZero() {
			e.stats.FirstHeard = now
		}
		e.tell(Notice{Kind: NoticeFirstMedia, At: now, Dialog: d.name, Addr: src})
	}
	e.wear(now, d, &d.keys.received, &d.agreed.Keys.Receive, "the far side's")
	heard := e.heardFrom(now, d, src)
	d.last = now
	if !heard {
		return false
	}
	e.stats.LastHeard = now
	if len(e.pressing.held) > 0 {
		e.releasePresses(now)
	}
	e.quiet = quiet{since: now}

	payload, ok := unpad(p, payload)
	kind, format, _ := d.kind(p.PayloadType)
	if !ok || !e.count(now, d, p, kind) {
		e.stats.Malformed++
		return false
	}
	e.stats.Received.Packets++
	e.stats.Received.Octets += uint64(len(payload))
	p.Payload, p.PayloadType = payload, kind
	p.Extension, p.Extensions, p.CSRC = false, p.Extensions[:0], p.CSRC[:0]

	pass := d.agreed.Direction.Receives()
	switch kind {
	case PayloadAudio:
		pass = e.hearAudio(now, d, p, format) && pass
	case PayloadEvent:
		pass = e.hearEvent(now, d, p) && pass
	}
	seq, inOrder := e.hide.number(p.SSRC, p.SequenceNumber)
	p.SequenceNumber = seq
	return pass && inOrder
}

// hearAudio says whether audio is passed on: not when its codec is another than
// the path was made for, nor while a tone sounds that travels as a digit.
func (e *Endpoint) hearAudio(now time.Time, d *dialog, p *rtp.Packet, f sdp.Format) bool {
	if !f.Codec.Same(d.hears) {
		d.hears, d.changed = f.Codec, true
		e.tell(Notice{Kind: NoticeCodec, At: now, Dialog: d.name, Codec: f.Codec})
	}
	if d.changed {
		return false
	}
	d.audioTS, d.audioAt = p.Timestamp, now
	if e.opts.DetectTones && e.detect(now, d, p) {
		e.hide.drop(p.SSRC, p.SequenceNumber)
		return false
	}
	return true
}

// count is the bookkeeping of RFC 3550 §A.1 and §A.8; false for a packet whose
// number is out of all bounds.
func (e *Endpoint) count(now time.Time, d *dialog, p *rtp.Packet, kind uint8) bool {
	r := &d.in
	if !r.started || r.ssrc != p.SSRC {
		d.lost += r.lost()
		r.begin(now, p.SSRC, max(d.hears.ClockRate, 8000), p.SequenceNumber)
	}
	if !r.count(p.SequenceNumber) {
		return false
	}
	if kind == PayloadAudio {
		r.arrive(now, p.Timestamp)
	}
	return true
}

// unpad takes the padding off a payload (RFC 3550 §5.1); false when it is
// longer than the packet.
func unpad(p *rtp.Packet, payload []byte) ([]byte, bool) {
	if !p.Padding {
		return payload, true
	}
	p.Padding = false
	if len(payload) == 0 {
		return nil, false
	}
	pad := int(payload[len(payload)-1])
	if pad == 0 || pad > len(payload) {
		return nil, false
	}
	return payload[:len(payload)-pad], true
}

// receiveSTUN answers connectivity checks (RFC 8445 §7.3).
func (e *Endpoint) receiveSTUN(now time.Time, r *reader, b []byte, src netip.AddrPort) {
	e.mu.Lock()
	defer e.unlock()
	if e.agent == nil || e.closed {
		e.stats.Malformed++
		return
	}
	reply, ev := e.agent.Receive(now, r.component, src, b, r.scratch())
	if len(reply) > 0 {
		e.write(r.component, reply, src)
	}
	e.wakeAt(e.agent.Deadline())
	switch ev.Kind {
	case ice.Dropped:
		e.stats.Malformed++
	case ice.Checked, ice.Nominated:
		e.checked(now, ev)
	case ice.Nothing, ice.Expired:
	}
}

// checked follows a path that came into use.
func (e *Endpoint) checked(now time.Time, ev ice.Event) {
	d := e.find(ev.Dialog)
	if ev.Component != componentRTP || !ev.Moved || d == nil {
		return
	}
	reason := "checked, of the highest priority"
	if ev.Kind == ice.Nominated {
		reason = "nominated"
	}
	e.moved(now, d, reason)
}

// moved tells that the path of a dialog with ICE is another than before.
func (e *Endpoint) moved(now time.Time, d *dialog, reason string) {
	if to, ok := e.target(now, d, componentRTP); ok {
		e.tell(Notice{Kind: NoticePathLatched, At: now, Dialog: d.name, Addr: to, Reason: reason})
	}
	e.shake(now, d)
}
