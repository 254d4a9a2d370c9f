package media

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/ice"
	"github.com/tandem-voip/tandem/media/sdp"
)

// linger is how long the dialogs that lost are still known after the final
// answer, so that their late packets are told from those of strangers.
const linger = 5 * time.Second

// ErrDialogs is returned by Apply for a dialog more than the pool keeps.
var ErrDialogs = errors.New("apply agreed media: too many early dialogs; see media.dialogs")

// A dialog is one of the far sides an offer may reach: what was agreed with it,
// its keys, and whom it sends from. It is guarded by its endpoint's mutex.
type dialog struct {
	name    string
	agreed  sdp.Agreed
	latch   *Latch
	keys    keys
	dtls    association
	source  uint32 // SSRC of the last packet from a checked path
	in      reception
	lost    uint64 // by sources before the one of in
	hears   codec.Params
	changed bool // hears is not what the packets are passed on as
	digits  *dtmf.Receiver
	event   eventIn
	audioTS uint32 // of the last audio packet
	audioAt time.Time
	first   time.Time // first packet accepted; zero: none
	last    time.Time
	muted   bool      // told that it is not heard
	until   time.Time // when it is forgotten; zero: it lives
}

// Apply takes over what an offer and an answer came to, as often as they do.
// dialog tells the early dialogs of one INVITE apart, by the remote tag; for a
// leg that cannot fork it is any constant. The first Apply of a name makes the
// dialog known. Each Apply opens the latch for a while (RFC 7362 §4). a is not
// kept.
//
// Errors: ErrClosed, ErrDialogs, and what does not fit of the keys.
func (e *Endpoint) Apply(now time.Time, dialog string, a *sdp.Agreed) error {
	e.mu.Lock()
	defer e.unlock()
	if e.closed {
		return ErrClosed
	}
	d := e.find(dialog)
	if d == nil {
		if len(e.dialogs) >= e.pool.cfg.Dialogs {
			e.stats.DialogsRefused++
			return ErrDialogs
		}
		d = e.newDialog(dialog)
	}
	before := d.agreed
	if err := e.key(now, d, a, &before); err != nil {
		return fmt.Errorf("apply agreed media: %w", err)
	}
	d.agreed, d.until = *a, time.Time{}
	a = &d.agreed
	a.Remote, a.RemoteRTCP = unmap(a.Remote), unmap(a.RemoteRTCP)
	if !slices.Contains(e.dialogs, d) {
		e.dialogs = append(e.dialogs, d)
	}
	d.latch.Arm(now, a.Remote)
	if e.agent != nil && a.ICE.Ufrag != "" {
		if e.agent.Apply(now, dialog, remoteICE(a)) {
			e.moved(now, d, "checked before the answer came")
		}
		e.wakeAt(e.agent.Deadline())
	}
	if !d.hears.Same(a.Receive[0].Codec) || a.Receive != before.Receive {
		d.hears, d.changed = a.Receive[0].Codec, false
	}
	if d == e.talk() {
		e.tune(d)
	}
	e.expect(now, d, &before)
	e.startReports(now)
	if e.opts.KeepMedia {
		e.wakeAt(now.Add(fillPause))
	}
	e.shake(now, d)
	return nil
}

// Trickle takes the far end's side of ICE with candidates that came after its
// description (RFC 8840). They change how paths rank, and nothing else: the latch
// stays as it is. It does nothing for a dialog that is not known. r is not kept.
func (e *Endpoint) Trickle(now time.Time, dialog string, r *sdp.RemoteICE) {
	e.mu.Lock()
	defer e.unlock()
	d := e.find(dialog)
	if e.closed || e.agent == nil || d == nil || d.agreed.ICE.Ufrag != r.Ufrag {
		return
	}
	d.agreed.ICE = *r
	if e.agent.Apply(now, dialog, remoteICE(&d.agreed)) {
		e.moved(now, d, "a candidate came")
	}
	e.wakeAt(e.agent.Deadline())
}

// newDialog makes a dialog as the options want it.
func (e *Endpoint) newDialog(name string) *dialog {
	policy := e.opts.Latch
	if policy == LatchDefault {
		policy = e.pool.cfg.Latch
	}
	return &dialog{name: name, latch: NewLatch(policy, e.opts.Ranges, e.pool.cfg.LatchWindow, e.opts.Relearn)}
}

// expect starts to measure silence where the far side was not expected to send
// before.
func (e *Endpoint) expect(now time.Time, d *dialog, before *sdp.Agreed) {
	wanted := d.agreed.Direction.Receives() && d.agreed.Remote.IsValid()
	was := before.Direction.Receives() && before.Remote.IsValid()
	if wanted && !was {
		e.quiet = quiet{since: now}
	}
	if e.pool.cfg.Silence > 0 {
		e.wakeAt(now.Add(e.pool.cfg.Silence))
	}
}

// tune sets what is sent to what d agreed to.
func (e *Endpoint) tune(d *dialog) {
	clock := max(d.agreed.Send.Codec.ClockRate, 8000)
	if e.out.clock != clock {
		e.out.clock = clock
		e.out.release()
	}
	e.writer.tune(&d.agreed)
	e.stats.Codec = d.agreed.Send.Codec.Name
}

// Select says that a final answer came from dialog, which is heard and spoken
// to from now on, whoever was before. The others are given up. Select again is
// the same as once; of a dialog that was never applied it does nothing.
func (e *Endpoint) Select(now time.Time, dialog string) {
	e.mu.Lock()
	defer e.unlock()
	d := e.find(dialog)
	if d == nil || e.closed || (e.selected && d == e.heard) {
		return
	}
	reason := "answered"
	if e.heard != nil && e.heard != d {
		reason = "answered, another was heard before"
	}
	e.hear(now, d, reason)
	e.selected = true
	e.releasePresses(now)
	d.until = time.Time{}
	for _, o := range e.dialogs {
		if o != d {
			o.until = now.Add(linger)
			e.wakeAt(o.until)
		}
	}
}

// End gives up an early dialog that was refused or cancelled. If it was heard,
// the next that streams will be.
func (e *Endpoint) End(now time.Time, dialog string) {
	e.mu.Lock()
	defer e.unlock()
	if d := e.find(dialog); d != nil {
		e.drop(now, d, "the dialog ended")
	}
}

// drop forgets a dialog. The caller holds mu.
func (e *Endpoint) drop(now time.Time, d *dialog, reason string) {
	d.dtls.close()
	if e.agent != nil {
		e.agent.End(d.name)
	}
	e.dialogs = slices.DeleteFunc(e.dialogs, func(o *dialog) bool { return o == d })
	if e.heard != d {
		return
	}
	e.account(d)
	e.heard, e.selected = nil, false
	e.out.release()
	e.tell(Notice{Kind: NoticeDialogReleased, At: now, Dialog: d.name, Reason: reason})
	if next := e.talk(); next != nil {
		e.tune(next)
	}
}

// hear makes d the dialog that is heard. The caller holds mu.
func (e *Endpoint) hear(now time.Time, d *dialog, reason string) {
	if e.heard != nil && e.heard != d {
		e.account(e.heard)
	}
	e.heard = d
	e.tune(d)
	e.hide = hider{}
	if d.last.IsZero() || now.Sub(e.quiet.since) < 0 {
		e.quiet = quiet{since: now}
	}
	n := Notice{Kind: NoticeDialogLatched, At: now, Dialog: d.name, Reason: reason}
	if d.latch.Locked() {
		n.Addr = d.latch.Remote()
	}
	e.tell(n)
}

// account moves the losses of a dialog that is no longer heard to the totals.
func (e *Endpoint) account(d *dialog) {
	e.stats.Received.Lost += d.lost + d.in.lost()
	d.lost, d.in = 0, reception{}
}

// heardFrom is the dialog latch: it says whether a packet of d that was
// accepted is heard (RFC 3960 §3.1 leaves the choice among forks to us: the
// first that streams, then the one that answers).
func (e *Endpoint) heardFrom(now time.Time, d *dialog, src netip.AddrPort) bool {
	switch {
	case e.heard == d:
	case e.heard == nil:
		e.hear(now, d, "the first that streams")
	case !e.selected && e.opts.ReleaseAfter > 0 && now.Sub(e.heard.last) >= e.opts.ReleaseAfter:
		e.tell(Notice{Kind: NoticeDialogReleased, At: now, Dialog: e.heard.name, Reason: "it fell silent"})
		e.hear(now, d, "the next that streams")
	default:
		e.stats.Muted++
		if !d.muted {
			d.muted = true
			e.tell(Notice{Kind: NoticeDialogMuted, At: now, Dialog: d.name, Addr: src, Reason: "another is heard"})
		}
		return false
	}
	return true
}

// talk is the dialog we speak to: the one heard, else the only one there is,
// else the first, whose far side may be waiting for a packet of ours.
func (e *Endpoint) talk() *dialog {
	if e.heard != nil {
		return e.heard
	}
	for _, d := range e.dialogs {
		if d.until.IsZero() {
			return d
		}
	}
	return nil
}

func (e *Endpoint) find(name string) *dialog {
	for _, d := range e.dialogs {
		if d.name == name {
			return d
		}
	}
	return nil
}

// target is where the packets of a component go, 1 RTP, 2 RTCP.
func (e *Endpoint) target(now time.Time, d *dialog, component uint8) (netip.AddrPort, bool) {
	if e.agent != nil && d.agreed.ICE.Ufrag != "" {
		if d.agreed.Mux {
			component = 1
		}
		return e.agent.Target(now, d.name, component)
	}
	to := d.latch.Remote()
	if component == 2 && !d.agreed.Mux {
		to = d.rtcpTarget(to)
	}
	a := to.Addr()
	return to, to.IsValid() && to.Port() != 0 && !a.IsUnspecified() && d.agreed.Remote.IsValid() &&
		!d.agreed.Remote.Addr().IsUnspecified()
}

// awaitsChecks reports whether the far end is known by connectivity checks alone.
// Between two lite agents nobody sends any: each is known by what it signalled,
// as one without ICE is (RFC 8445 §8.2).
func (d *dialog) awaitsChecks() bool { return d.agreed.ICE.Ufrag != "" && !d.agreed.ICE.Lite }

// rtcpTarget is the signalled address, or, where RTP was learned to come from
// another one, the port above that (RFC 3550 §11): RTCP itself never teaches.
func (d *dialog) rtcpTarget(rtp netip.AddrPort) netip.AddrPort {
	if rtp == d.agreed.Remote || rtp.Port() == 1<<16-1 {
		return d.agreed.RemoteRTCP
	}
	return netip.AddrPortFrom(rtp.Addr(), rtp.Port()+1)
}

// remoteICE is the far end's side of ICE as the agent takes it.
func remoteICE(a *sdp.Agreed) ice.Remote {
	r := ice.Remote{
		Ufrag: a.ICE.Ufrag, Pwd: a.ICE.Pwd, Lite: a.ICE.Lite, Concluded: a.ICE.Concluded,
		Selected: [2]netip.AddrPort{a.Remote, a.RemoteRTCP},
	}
	for _, c := range a.ICE.Candidates[:] {
		if c.Addr.IsValid() {
			r.Candidates = append(r.Candidates, ice.Candidate{Addr: unmap(c.Addr), Priority: c.Priority, Component: c.Component})
		}
	}
	return r
}

// unmap makes an IPv4 address of one that is written as IPv6, as sockets and
// descriptions must agree on one form.
func unmap(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}
