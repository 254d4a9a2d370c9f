package sbc

import (
	"cmp"
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A Resolver finds and reaches the peers of trunks; *transport.Transport is one.
type Resolver interface {
	Resolve(ctx context.Context, d transport.Destination, done func([]transport.Target, error))
	Send(now time.Time, o transport.Outbound) error
}

// MonitorDeps are the collaborators of a Monitor.
type MonitorDeps struct {
	UA      *sip.UA
	Network Resolver
	Log     *slog.Logger // nil discards
}

// A Monitor finds out how trunks are: it sends them OPTIONS, keeps us
// registered with them and keeps NATs before them open. What it finds stands
// in [Trunk.Condition]. Apply is safe for concurrent use; everything else
// belongs to the goroutine of Run.
type Monitor struct {
	// set once
	ua      *sip.UA
	network Resolver
	log     *slog.Logger
	inbox   chan monitorInput
	wake    chan struct{}

	// atomic
	trunks  atomic.Pointer[Trunks]
	dropped atomic.Uint64 // messages that found the inbox full

	// owned by run
	watched map[string]*watched
	leaving []*sip.Registration // being taken back
}

// monitorInbox bounds what waits for the monitor. A response beyond is dropped:
// its request is repeated, or counts as unanswered.
const monitorInbox = 256

// A monitorInput is a message for a trunk's ping or registration, or the
// addresses of either.
type monitorInput struct {
	to           *watched
	what         monitorWhat
	message      sip.Message
	registration *sip.Registration // the message is for
	targets      []transport.Target
	err          error
}

type monitorWhat uint8

const (
	pingMessage monitorWhat = iota + 1
	pingTargets
	registerMessage
	registerTargets
)

// NewMonitor returns a monitor of the trunks; it does nothing until Run.
func NewMonitor(t *Trunks, d MonitorDeps) *Monitor {
	m := &Monitor{
		ua: d.UA, network: d.Network, log: d.Log,
		inbox:   make(chan monitorInput, monitorInbox),
		wake:    make(chan struct{}, 1),
		watched: make(map[string]*watched),
	}
	if m.log == nil {
		m.log = slog.New(slog.DiscardHandler)
	}
	m.trunks.Store(t)
	return m
}

// Apply makes the monitor watch the trunks of a new configuration instead.
func (m *Monitor) Apply(t *Trunks) {
	m.trunks.Store(t)
	select {
	case m.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// Dropped counts the messages that found the monitor too busy.
func (m *Monitor) Dropped() uint64 { return m.dropped.Load() }

// post hands an input to the goroutine of Run; false if it is too busy.
func (m *Monitor) post(in monitorInput) bool {
	select {
	case m.inbox <- in:
		return true
	default:
		m.dropped.Add(1)
		return false
	}
}

// watched is a trunk under watch, with what talks to it.
type watched struct {
	trunk *Trunk
	watch *watch

	ping    *sip.Ping
	targets []transport.Target // to ask in this round, the next first
	last    transport.Target   // that was asked

	registration *sip.Registration // nil: none
	resolveAt    time.Time         // when its addresses are looked up again

	aliveAt time.Time // when the next keep-alive is due; zero: none
}

// refreshTargets is how often the addresses of a registrar are looked up.
const refreshTargets = 5 * time.Minute

// apply begins to watch trunks that are new, and stops with those that are not
// there any more. A trunk whose settings have not changed is not disturbed.
func (m *Monitor) apply(now time.Time) {
	trunks := m.trunks.Load()
	for name, w := range m.watched {
		if trunks.Named(name) == nil {
			m.dismiss(now, w)
		}
	}
	for _, t := range trunks.All() {
		w := m.watched[t.Name()]
		switch {
		case w == nil:
			w = &watched{trunk: t, watch: newWatch(t, now)}
			m.watched[t.Name()] = w
			m.open(now, w)
			m.enrol(now, w)
		case reflect.DeepEqual(w.trunk.cfg, t.cfg):
			w.trunk = t
		default:
			m.change(now, w, t)
		}
		m.publish(now, w)
	}
}

// change takes new settings of a trunk. Its registration goes on unless they
// are about it: then the old one is taken back, which the new one waits for, so
// that it is not undone.
func (m *Monitor) change(now time.Time, w *watched, t *Trunk) {
	same := t.cfg.Register.Enabled &&
		reflect.DeepEqual(w.trunk.registrationConfig(nil), t.registrationConfig(nil))
	w.trunk = t
	w.ping.Close()
	w.watch.reset(t, now)
	m.open(now, w)
	if same {
		return
	}
	if w.registration != nil {
		m.withdraw(now, w)
		now = now.Add(farewell)
	}
	m.enrol(now, w)
}

// dismiss ends the watch of a trunk.
func (m *Monitor) dismiss(now time.Time, w *watched) {
	w.ping.Close()
	m.withdraw(now, w)
	delete(m.watched, w.trunk.Name())
}

// withdraw takes a registration back.
func (m *Monitor) withdraw(now time.Time, w *watched) {
	if w.registration == nil {
		return
	}
	w.registration.Stop(now)
	m.leaving = append(m.leaving, w.registration)
	w.registration, w.resolveAt = nil, time.Time{}
	w.watch.registration(now, sip.RegistrationStatus{})
}

// left forgets the registrations that are taken back, and reports whether none
// is left.
func (m *Monitor) left() bool {
	m.leaving = slices.DeleteFunc(m.leaving, (*sip.Registration).Over)
	return len(m.leaving) == 0
}

// open makes the ping of a trunk, and notes when its keep-alive is due.
func (m *Monitor) open(now time.Time, w *watched) {
	w.ping = m.ua.NewPing(func(msg sip.Message) bool {
		return m.post(monitorInput{to: w, what: pingMessage, message: msg})
	}, w.trunk.pingConfig())
	w.targets, w.aliveAt = nil, time.Time{}
	if w.trunk.cfg.Peer.KeepAlive > 0 {
		w.aliveAt = now.Add(w.trunk.cfg.Peer.KeepAlive)
	}
}

// enrol makes the registration of a trunk that wants one; it begins at the time
// given.
func (m *Monitor) enrol(at time.Time, w *watched) {
	if !w.trunk.cfg.Register.Enabled {
		return
	}
	var r *sip.Registration
	r = m.ua.NewRegistration(func(msg sip.Message) bool {
		return m.post(monitorInput{to: w, what: registerMessage, message: msg, registration: r})
	}, w.trunk.registrationConfig(rand.Float64))
	w.registration, w.resolveAt = r, at
}

// receive takes what was posted.
func (m *Monitor) receive(now time.Time, in monitorInput) {
	w := in.to
	if in.what == registerMessage {
		if in.registration.Receive(now, in.message) && in.registration == w.registration {
			m.registered(now, w)
		}
		return
	}
	if m.watched[w.trunk.Name()] != w {
		return // not watched any more
	}
	switch in.what {
	case pingMessage:
		if r, done := w.ping.Receive(now, in.message); done {
			m.pinged(now, w, r)
		}
	case pingTargets:
		w.targets = in.targets
		if in.err == nil && len(in.targets) > 0 {
			m.ask(now, w)
			return
		}
		m.pinged(now, w, sip.PingResult{Err: cmp.Or(in.err, transport.ErrNoTarget)})
	case registerTargets:
		m.register(now, w, in)
	case registerMessage: // above
	}
}

// ask sends OPTIONS to the next target of the round.
func (m *Monitor) ask(now time.Time, w *watched) {
	w.last, w.targets = w.targets[0], w.targets[1:]
	w.ping.Send(now, w.last)
}

// pinged takes the result of one target. A trunk is there if any of its targets
// is, so the round goes on after one that is not.
func (m *Monitor) pinged(now time.Time, w *watched, r sip.PingResult) {
	if len(w.targets) > 0 && (r.Err != nil || !w.watch.answers(r.Status)) {
		m.ask(now, w)
		return
	}
	w.targets = nil
	if r.Err == nil {
		w.trunk.Proved()
	}
	w.watch.pinged(now, r)
	if r.RetryAfter > 0 {
		w.trunk.Unavailable(now, r.RetryAfter)
	}
	m.publish(now, w)
}

// register hands the addresses of the registrar to the registration.
func (m *Monitor) register(now time.Time, w *watched, in monitorInput) {
	if w.registration == nil {
		return
	}
	if in.err != nil || len(in.targets) == 0 {
		m.log.Warn("registrar not found", "trunk", w.trunk.Name(), "err", in.err)
		w.resolveAt = now.Add(quick)
		w.watch.registration(now, sip.RegistrationStatus{
			State: sip.RegistrationFailed, Cause: sip.Refusal(503).WithText("registrar not found"),
		})
		m.publish(now, w)
		return
	}
	if !w.last.Addr.IsValid() {
		w.last = in.targets[0] // for keep-alives, where no OPTIONS says where the trunk is
	}
	w.registration.Start(now, in.targets)
	m.registered(now, w)
}

// registered takes the state of a registration.
func (m *Monitor) registered(now time.Time, w *watched) {
	w.watch.registration(now, w.registration.Status())
	m.publish(now, w)
}

// advance does what is due for a trunk.
func (m *Monitor) advance(now time.Time, w *watched) {
	if w.watch.due(now) {
		w.watch.asked(now)
		m.resolve(w, w.trunk.Destination(), pingTargets)
	}
	if r, done := w.ping.Advance(now); done {
		m.pinged(now, w, r)
	}
	if !w.aliveAt.IsZero() && !now.Before(w.aliveAt) {
		w.aliveAt = now.Add(w.trunk.cfg.Peer.KeepAlive)
		m.keepAlive(now, w)
	}
	if w.registration == nil {
		return
	}
	if !w.resolveAt.IsZero() && !now.Before(w.resolveAt) {
		w.resolveAt = now.Add(refreshTargets)
		m.resolve(w, w.trunk.registrar(), registerTargets)
	}
	if w.registration.Advance(now) {
		m.registered(now, w)
	}
}

// keepAlive sends an empty datagram, or a binding request, to where the trunk was
// last found (RFC 5626 §4.4.2; §4.4.1 describes the first for connections).
func (m *Monitor) keepAlive(now time.Time, w *watched) {
	if w.last.Kind != transport.UDP {
		return // connections have their own
	}
	raw := []byte("\r\n\r\n")
	if w.trunk.cfg.Peer.KeepAliveSTUN {
		var id [12]byte
		binary.BigEndian.PutUint64(id[:], random())
		binary.BigEndian.PutUint64(id[4:], random())
		raw = transport.BindingRequest(id)
	}
	// What cannot be sent is not missed: the next one is due soon.
	_ = m.network.Send(now, transport.Outbound{Flow: w.last.Flow(), Raw: raw})
}

// resolve looks addresses up; they come back through the inbox.
func (m *Monitor) resolve(w *watched, d transport.Destination, what monitorWhat) {
	m.network.Resolve(context.Background(), d, func(t []transport.Target, err error) {
		m.post(monitorInput{to: w, what: what, targets: t, err: err})
	})
}

// deadline is when something is due next for a trunk; zero: nothing.
func (w *watched) deadline() time.Time {
	d := earliest(w.watch.next, w.ping.Deadline(), w.aliveAt)
	if w.registration != nil {
		d = earliest(d, w.resolveAt, w.registration.Deadline())
	}
	return d
}

// earliest returns the first of the times that are not zero.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}

// publish shows the condition to all, and tells of a change.
func (m *Monitor) publish(now time.Time, w *watched) {
	c := w.watch.condition(now)
	before := w.trunk.health.condition.Swap(&c)
	switch {
	case c.Down && !before.Down:
		m.log.Error("trunk is down", "trunk", w.trunk.Name(), "reason", c.Reason)
	case !c.Down && before.Down:
		m.log.Info("trunk is up", "trunk", w.trunk.Name())
	}
}

// leave takes all registrations back and asks nobody any more.
func (m *Monitor) leave(now time.Time) {
	for _, w := range m.watched {
		m.dismiss(now, w)
	}
}
