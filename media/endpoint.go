package media

import (
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/media/ice"
)

// maxDatagram is the longest datagram looked at and sent, in octets. Telephone
// audio is far below it; what is longer is cut and so fails to parse.
const maxDatagram = 1500

// maxRejected bounds the list of sources in Stats.
const maxRejected = 8

// An Endpoint is our end of one RTP session. Whoever opened it owns it and
// closes it. It is safe for concurrent use.
type Endpoint struct {
	// set once
	pool  *Pool
	opts  Options
	rtp   socket
	rtcp  socket // nil: RTCP shares the port (RFC 5761)
	local netip.AddrPort
	cname string
	log   *slog.Logger

	// owned by the pool, guarded by its mutex
	due    time.Time // when advance is to be called; zero: never
	heapAt int       // place in the pool's queue, -1: not there

	// atomic
	farLoss atomic.Int32 // percent of what we send that the far side's last report calls lost

	mu sync.Mutex
	// guarded by mu
	closed   bool
	dst      PacketWriter
	dialogs  []*dialog
	heard    *dialog // the dialog latch; nil: nobody yet
	selected bool    // a final answer chose heard
	agent    *ice.Agent
	out      stamper
	outBuf   []byte // one datagram
	header   rtp.Header
	hide     hider
	writer   generator // digits and fillings of our own
	pressing pressing  // digits we send
	reports  reports
	quiet    quiet
	tones    toneDetector
	stats    Stats
	wake     time.Time // to be passed to the pool
	notes    []Notice  // to be told when mu is free
	spawn    []func()  // handshakes to be started when mu is free
}

// quiet is what silence is measured with.
type quiet struct {
	since time.Time // the last packet, or when it became due; zero: nothing was applied
	told  bool
}

// Local is what to put into SDP: the address advertised, the RTP port, and the
// RTCP port, which equals the RTP port when there is no second socket.
func (e *Endpoint) Local() (addr netip.Addr, rtp, rtcp uint16) {
	rtp = e.local.Port()
	if e.rtcp == nil {
		return e.local.Addr(), rtp, rtp
	}
	return e.local.Addr(), rtp, rtp + 1
}

// Connect sends what is heard on to dst, until the next Connect; nil ends it.
// Whoever connects two endpoints calls it on both. A packet under way may still
// reach the one connected before. dst is called by one goroutine at a time.
func (e *Endpoint) Connect(dst PacketWriter) {
	e.mu.Lock()
	e.dst = dst
	if e.heard != nil {
		e.heard.changed = false
	}
	e.unlock()
}

// RestartICE gives our side new credentials, as a restart by either side needs
// (RFC 8839 §4.4.1.1.1). It does nothing without ICE.
func (e *Endpoint) RestartICE(c ICE) {
	e.mu.Lock()
	if e.agent != nil {
		e.agent.Restart(c.Ufrag, c.Pwd)
	}
	e.unlock()
}

// Quiet is how long nothing was heard from the far side, counted from the first
// Apply at the earliest. 0 while the far side is held or switched off: hold is
// not silence.
func (e *Endpoint) Quiet(now time.Time) time.Duration {
	e.mu.Lock()
	defer e.unlock()
	return e.quietFor(now)
}

func (e *Endpoint) quietFor(now time.Time) time.Duration {
	d := e.talk()
	if d == nil || e.quiet.since.IsZero() || !d.agreed.Direction.Receives() || !d.agreed.Remote.IsValid() {
		return 0
	}
	return max(now.Sub(e.quiet.since), 0)
}

// Close says goodbye by RTCP, closes the sockets and frees the ports. No notice
// comes after it has returned, except from a call of Notify under way.
func (e *Endpoint) Close(now time.Time) {
	e.mu.Lock()
	if e.closed {
		e.unlock()
		return
	}
	e.goodbye(now)
	e.closed = true
	e.dst, e.notes = nil, nil
	for _, d := range e.dialogs {
		d.dtls.close()
	}
	e.tally()
	stats := e.stats
	e.unlock()
	e.closeSockets()
	e.pool.forget(now, e, stats)
}

// unlock releases mu, then does what must not be done under it: notices are
// told and the pool is woken.
func (e *Endpoint) unlock() {
	notes, wake, spawn := e.notes, e.wake, e.spawn
	e.notes, e.wake, e.spawn = nil, time.Time{}, nil
	e.mu.Unlock()
	for _, f := range spawn {
		e.pool.spawn(f)
	}
	if !wake.IsZero() {
		e.pool.schedule(e, wake)
	}
	if e.opts.Notify == nil {
		return
	}
	for _, n := range notes {
		e.opts.Notify(n)
	}
}

// tell puts a notice in line. The caller holds mu.
func (e *Endpoint) tell(n Notice) {
	if !e.closed && e.opts.Notify != nil {
		e.notes = append(e.notes, n)
	}
}

// wakeAt asks for advance at that time at the latest. The caller holds mu.
func (e *Endpoint) wakeAt(at time.Time) {
	if !at.IsZero() && (e.wake.IsZero() || at.Before(e.wake)) {
		e.wake = at
	}
}

// reject counts a packet of a source that was not accepted. The caller holds mu.
func (e *Endpoint) reject(now time.Time, src netip.AddrPort, reason string) {
	e.stats.Rejected++
	for i := range e.stats.Sources {
		if s := &e.stats.Sources[i]; s.Addr == src {
			s.Packets++
			s.Reason = reason
			return
		}
	}
	if len(e.stats.Sources) == maxRejected {
		return
	}
	e.stats.Sources = append(e.stats.Sources, RejectedSource{Addr: src, Reason: reason, Packets: 1})
	e.tell(Notice{Kind: NoticeRejected, At: now, Addr: src, Reason: reason})
}

// A hider takes packets out of the stream that is passed on without leaving a
// gap in its sequence. Core.
type hider struct {
	ssrc   uint32
	hidden uint16
	floor  uint16 // highest that was hidden
	any    bool
}

// number returns the sequence number to pass on; false drops a packet that is
// older than one that was hidden.
func (h *hider) number(ssrc uint32, seq uint16) (uint16, bool) {
	if ssrc != h.ssrc {
		*h = hider{ssrc: ssrc}
	}
	if h.any && int16(seq-h.floor) <= 0 && int16(seq-h.floor) > -maxMisorder {
		return 0, false
	}
	return seq - h.hidden, true
}

// drop hides a packet.
func (h *hider) drop(ssrc uint32, seq uint16) {
	if _, ok := h.number(ssrc, seq); ok {
		h.hidden++
		h.floor, h.any = seq, true
	}
}
