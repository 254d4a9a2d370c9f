package media

import (
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/dtmf"
)

const (
	// heldPresses and heldTime bound the digits that wait for a far side.
	heldPresses = 32
	heldTime    = 10 * time.Second
)

// pressing is the digits of ours that are on their way out.
type pressing struct {
	events *dtmf.Sender // nil: none was ever sent
	clock  int          // of events
	ts     uint32       // of the digit being sent
	held   []heldPress  // waiting for somebody to send them to
	early  *dtmf.Receiver
	last   eventOut
}

// A heldPress waits for the first packet of the far side.
type heldPress struct {
	press dtmf.Press
	until time.Time
}

// busy reports whether event packets of our own are being sent.
func (p *pressing) busy() bool { return p.events != nil && p.events.Busy() }

// eventIn is the event being received, where its clock is not that of the audio.
type eventIn struct {
	any bool
	src uint32
	out uint32 // on the time line of the audio
}

// hearEvent takes a telephone event packet: the digit is told once it is over,
// and the packet is made fit to be passed on. The caller holds mu.
func (e *Endpoint) hearEvent(now time.Time, d *dialog, p *rtp.Packet) bool {
	ev, err := dtmf.ParseEvent(p.Payload)
	if err != nil {
		e.stats.Malformed++
		return false
	}
	clock := d.agreed.Event.Clock
	if d.digits == nil {
		d.digits = dtmf.NewReceiver(clock)
	}
	before := d.digits.Active()
	if press, over := d.digits.Receive(now, p.Timestamp, ev); over {
		e.digit(now, d, press, FromEvents)
	}
	if !before && d.digits.Active() {
		e.wakeAt(d.digits.Deadline())
	}
	if clock != d.hears.ClockRate {
		p.Timestamp = d.event.place(now, d, p.Timestamp)
	}
	ev.Duration = uint16(int(ev.Duration) * eventClock / clock)
	p.Payload = ev.Append(p.Payload[:0])
	return true
}

// place puts an event on the time line of the audio, where it began.
func (v *eventIn) place(now time.Time, d *dialog, ts uint32) uint32 {
	if !v.any || v.src != ts {
		*v = eventIn{any: true, src: ts, out: d.audioTS}
		if !d.audioAt.IsZero() {
			v.out += uint32(now.Sub(d.audioAt).Microseconds() * int64(d.hears.ClockRate) / 1e6)
		}
	}
	return v.out
}

func (e *Endpoint) digit(now time.Time, d *dialog, press dtmf.Press, from DigitSource) {
	e.stats.Digits++
	e.tell(Notice{Kind: NoticeDigit, At: now, Dialog: d.name, Press: press, Source: from})
}

// endDigits ends the digits whose last packets were lost.
func (e *Endpoint) endDigits(now time.Time) {
	if d := e.heard; d != nil && d.digits != nil {
		if press, over := d.digits.Advance(now); over {
			e.digit(now, d, press, FromEvents)
		}
		e.wakeAt(d.digits.Deadline())
	}
	if early := e.pressing.early; early != nil {
		if press, over := early.Advance(now); over {
			e.hold(now, press)
		}
		e.wakeAt(early.Deadline())
	}
}

// keepsEvent says whether an event packet of the source is not to be sent on as
// one. Where the far side takes digits by INFO or as tones its owner sends them.
// Where it has sent nothing yet, or did not agree to events, the digit is
// collected: it waits for the far side's first packet, or is sounded.
func (e *Endpoint) keepsEvent(now time.Time, p *rtp.Packet) bool {
	if e.opts.Digits != DigitsEvent {
		return true
	}
	d, early := e.talk(), e.pressing.early
	mute := d != nil && d.agreed.Event.Clock == 0
	if !mute && e.mayPress() && (early == nil || !early.Active()) {
		return false
	}
	if early == nil {
		early = dtmf.NewReceiver(eventClock)
		e.pressing.early = early
	}
	ev, err := dtmf.ParseEvent(p.Payload)
	if err != nil {
		return true
	}
	if press, over := early.Receive(now, p.Timestamp, ev); over {
		e.hold(now, press)
	}
	e.wakeAt(early.Deadline())
	return true
}

// SendDigit puts a digit in line to be sent as the far side's kind demands,
// telephone-event packets or a tone in the audio; a tone too where events were
// not agreed. The line is bounded: false means it was full, or the kind is
// DigitsInfo, or there is nothing to say it with. Before the final answer a
// digit goes to the dialog that is heard alone and waits for its first packet
// for a bounded time.
func (e *Endpoint) SendDigit(now time.Time, p dtmf.Press) bool {
	e.mu.Lock()
	defer e.unlock()
	if e.closed || e.opts.Digits == DigitsInfo {
		return false
	}
	if !e.mayPress() {
		return e.hold(now, p)
	}
	return e.press(now, p)
}

// SoundDigit puts a digit in line to be sounded in the audio, whatever the far
// side's kind: for people to hear. The line is bounded: false means it was full,
// or there is nothing to say it with.
func (e *Endpoint) SoundDigit(now time.Time, p dtmf.Press) bool {
	e.mu.Lock()
	defer e.unlock()
	if e.closed || !e.writer.ready(e.pool.deps.Codecs) {
		return false
	}
	e.wakeAt(now)
	return e.writer.press(now, p)
}

// DetectTones is Options.DetectTones from now on.
func (e *Endpoint) DetectTones() {
	e.mu.Lock()
	defer e.unlock()
	e.opts.DetectTones = true
}

// mayPress reports whether somebody is known to hear a digit.
func (e *Endpoint) mayPress() bool {
	d := e.talk()
	return d != nil && (e.selected || !d.first.IsZero())
}

// hold keeps a digit until somebody is heard.
func (e *Endpoint) hold(now time.Time, p dtmf.Press) bool {
	if e.mayPress() {
		return e.press(now, p)
	}
	if len(e.pressing.held) == heldPresses {
		return false
	}
	until := now.Add(heldTime)
	e.pressing.held = append(e.pressing.held, heldPress{p, until})
	e.wakeAt(until)
	return true
}

// releasePresses sends the digits that waited, in order.
func (e *Endpoint) releasePresses(now time.Time) {
	held := e.pressing.held
	e.pressing.held = nil
	for _, h := range held {
		if now.Before(h.until) {
			e.press(now, h.press)
		}
	}
}

// expirePresses forgets those that waited in vain.
func (e *Endpoint) expirePresses(now time.Time) {
	held := e.pressing.held
	for len(held) > 0 && !now.Before(held[0].until) {
		held = held[1:]
	}
	e.pressing.held = held
	if len(held) > 0 {
		e.wakeAt(held[0].until)
	}
}

// press puts a digit into the line of event packets, or of tones.
func (e *Endpoint) press(now time.Time, p dtmf.Press) bool {
	d := e.talk()
	if e.opts.Digits == DigitsEvent && d.agreed.Event.Clock > 0 {
		if e.pressing.events == nil || e.pressing.clock != d.agreed.Event.Clock {
			e.pressing.clock = d.agreed.Event.Clock
			e.pressing.events = dtmf.NewSender(e.pressing.clock)
		}
		e.wakeAt(now)
		return e.pressing.events.Press(now, p)
	}
	if !e.writer.ready(e.pool.deps.Codecs) {
		return false
	}
	e.wakeAt(now)
	return e.writer.press(now, p)
}

// sendPresses sends the event packets that are due.
func (e *Endpoint) sendPresses(now time.Time) {
	s := e.pressing.events
	if s == nil {
		return
	}
	for {
		pk, ok := s.Next(now)
		if !ok {
			break
		}
		d, to, err := e.path(now)
		if err != nil {
			e.stats.Unroutable++
			continue
		}
		st := e.out.insert(now)
		if pk.First {
			e.pressing.ts = st.ts
		}
		st.ts = e.pressing.ts
		var payload [4]byte
		_ = e.send(now, d, to, outgoing{ // counted
			pt: d.agreed.Event.Send, marker: pk.First, stamp: st, payload: pk.Event.Append(payload[:0]),
		})
	}
	e.wakeAt(s.Deadline())
}

// toneRate is the sampling rate at which tones are listened for.
const toneRate = 8000

// A toneDetector finds digits in the audio received.
type toneDetector struct {
	of       codec.Params
	decoder  codec.Decoder // nil: there is none for that codec
	detector *dtmf.Detector
	pcm      []int16
}

// detect listens to a packet and reports whether a tone sounds in it. The
// caller holds mu.
func (e *Endpoint) detect(now time.Time, d *dialog, p *rtp.Packet) bool {
	t := &e.tones
	if !t.of.Same(d.hears) {
		*t = toneDetector{of: d.hears, detector: dtmf.NewDetector(toneRate), pcm: t.pcm}
		if c := e.pool.deps.Codecs.Find(d.hears); c != nil {
			t.decoder, _ = c.NewDecoder(toneRate) // nil without, and nothing is detected
		}
	}
	if t.decoder == nil {
		return false
	}
	pcm, err := t.decoder.Decode(t.pcm[:0], p.Payload)
	t.pcm = pcm[:0]
	if err != nil {
		return false
	}
	if press, over := t.detector.Process(pcm, false); over {
		e.digit(now, d, press, FromTones)
	}
	return t.detector.Sounding()
}
