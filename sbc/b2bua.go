package sbc

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A Network finds next hops and says what we are called; *transport.Transport
// is one.
type Network interface {
	Resolve(ctx context.Context, d transport.Destination, done func([]transport.Target, error))
	Listeners() []transport.Listener
}

// A Dialer makes legs for outgoing calls; *sip.UA is one.
type Dialer interface {
	NewLeg(p sip.Post, c sip.LegConfig) *sip.Leg
}

// Deps are the collaborators of a B2BUA. None may be nil except Records and Log.
type Deps struct {
	Network Network
	UA      Dialer
	Media   *media.Pool
	Codecs  codec.Set
	// Silence is how long both sides of a call may be silent before it is ended;
	// it is that of the media section. 0 means for ever.
	Silence time.Duration
	// Records keeps the call records; nil drops them.
	Records CDRWriter
	// Log is narrowed for each call; nil discards.
	Log *slog.Logger
}

// A B2BUA joins calls. It is a sip.Handler. Its methods are safe for concurrent
// use.
type B2BUA struct {
	// Set once.
	network Network
	ua      Dialer
	pool    *media.Pool
	codecs  codec.Set
	silence time.Duration
	writer  CDRWriter
	log     *slog.Logger
	records *recordQueue
	group   sync.WaitGroup // calls and what they play
	halt    chan struct{}  // closed when the calls must end
	hurry   chan struct{}  // one token: the grace period is over

	// Atomic.
	setup    atomic.Pointer[setup]
	draining atomic.Bool
	count    counters

	mu sync.Mutex
	// Guarded by mu.
	calls map[string]*Call
	legs  map[string]*Call // by the Call-IDs of legs
	recent
}

// A setup is one configuration made ready; a call keeps the one it began with.
type setup struct {
	config CallConfig
	limits LimitsConfig
	plan   *Dialplan
}

// counters are what has happened since the start.
type counters struct {
	calls, answered, refused, panics, inboxFull, noticesLost, digitsLost, noMedia, offersRefused, tooDeep atomic.Uint64
}

// New returns a B2BUA that serves when Run runs. The error is that of
// [Config.Validate].
func New(cfg Config, d Deps) (*B2BUA, error) {
	if d.Network == nil || d.UA == nil || d.Media == nil {
		return nil, errors.New("make b2bua: a field of Deps is nil")
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	b := &B2BUA{
		network: d.Network, ua: d.UA, pool: d.Media, codecs: d.Codecs, silence: d.Silence,
		writer: d.Records, log: d.Log, records: newRecordQueue(),
		halt: make(chan struct{}), hurry: make(chan struct{}, 1), calls: make(map[string]*Call),
		legs: make(map[string]*Call),
	}
	return b, b.Reload(cfg)
}

// Reload validates cfg and makes it hold for new calls; calls in progress keep
// what they began with. An error means that nothing was changed.
func (b *B2BUA) Reload(cfg Config) error {
	var old *Dialplan
	if s := b.setup.Load(); s != nil {
		old = s.plan
	}
	plan, err := NewDialplan(cfg, old)
	if err != nil {
		return err
	}
	b.setup.Store(&setup{config: cfg.Call, limits: cfg.Limits, plan: plan})
	return nil
}

// Dialplan returns the trunks, routes and limits that hold for new calls.
func (b *B2BUA) Dialplan() *Dialplan { return b.setup.Load().plan }

func (b *B2BUA) cfg() CallConfig { return b.setup.Load().config }

// Peer implements sip.Handler: who is at the other end of a flow.
func (b *B2BUA) Peer(f transport.Flow) (sip.Peer, bool) {
	t := b.Dialplan().Trunks.Of(f)
	if t == nil {
		return sip.Peer{}, false
	}
	return sip.Peer{Name: t.Name(), Leg: t.LegConfig(), Login: t.login}, true
}

// Serve implements sip.Handler: a new call. What it refuses has a record too.
func (b *B2BUA) Serve(now time.Time, leg *sip.Leg, in sip.Invite) (sip.Post, error) {
	b.count.calls.Add(1)
	set := b.setup.Load()
	from := set.plan.Trunks.Named(in.Peer)
	if b.draining.Load() {
		return nil, b.refused(now, leg, in, from, sip.Refusal(503).WithText("The gateway is stopping"))
	}
	if from == nil {
		return nil, b.refused(now, leg, in, nil, sip.Refusal(403))
	}
	seat, err := set.plan.Limits.AdmitIn(now, from)
	if err != nil {
		return nil, b.refused(now, leg, in, from, sip.Refusal(503).WithText(err.Error()))
	}
	arrival, err := Arrive(from, &in)
	var plan Plan
	if err == nil && in.Replaces == nil {
		plan, err = set.plan.Router.Plan(arrival.Query(now, random()))
	}
	if err != nil {
		set.plan.Limits.Release(now, seat)
		return nil, b.refused(now, leg, in, from, planCause(err))
	}
	c := b.newCall(now, leg, in)
	c.plan, c.config, c.origin, c.seat, c.arrival, c.hops = set.plan, set.config, from, seat, arrival, plan
	c.a.trunk = from
	c.record.Caller, c.record.Called = arrival.Caller.Number, arrival.Called
	c.publish()
	b.mu.Lock()
	b.calls[c.id] = c
	b.mu.Unlock()
	c.known(c.a)
	b.note(c.record)
	b.begin(c)
	return c.a.onMessage, nil
}

// planCause is what an error of routing says on the wire.
func planCause(err error) sip.Cause {
	var cause sip.Cause
	var refusal *Refusal
	switch {
	case errors.As(err, &cause):
		return cause
	case errors.As(err, &refusal):
		return sip.Refusal(refusal.Status)
	case errors.Is(err, ErrNoRoute):
		return sip.Refusal(404)
	}
	return sip.Refusal(500)
}

// refused writes the record of a call that was not admitted.
func (b *B2BUA) refused(now time.Time, leg *sip.Leg, in sip.Invite, from *Trunk, cause sip.Cause) error {
	b.count.refused.Add(1)
	r := CDR{
		ID: newID(), Invited: now, Ended: now, EndedBy: byGateway,
		Status: cause.Status, Q850: cause.Q850, Text: cause.Text,
		Called: userPart(in.RequestURI), Caller: userPart(in.From.URI),
		A: LegRecord{CallID: leg.CallID(), From: in.From.URI, To: in.To.URI, Peer: peerOf(in.Flow)},
	}
	if from != nil {
		r.A.Trunk = from.Name()
	}
	b.log.Info("call refused", "call", r.ID, "trunk", r.A.Trunk, "status", cause.Status, "text", cause.Text)
	b.keep(r)
	return cause
}

// keep puts a record in line to be written.
func (b *B2BUA) keep(r CDR) {
	if b.writer == nil {
		return
	}
	if !b.records.put(r) {
		b.log.Error("call record lost: the writer is too slow or failing", "call", r.ID)
	}
}

// note tells the writer that a call is up, if it wants to know.
func (b *B2BUA) note(r CDR) {
	if _, ok := b.writer.(UpWriter); ok {
		b.records.putUp(r)
	}
}

// newCall makes a call of an INVITE.
func (b *B2BUA) newCall(now time.Time, leg *sip.Leg, in sip.Invite) *Call {
	c := &Call{id: newID(), b2b: b, in: in, inbox: make(chan input, inboxSize)}
	c.log = b.log.With("call", c.id)
	a := &side{name: "A", leg: leg, dialog: "A", attempt: -1}
	a.owner.Store(c)
	a.record = LegRecord{Trunk: in.Peer, CallID: leg.CallID(), From: in.From.URI, To: in.To.URI, Peer: peerOf(in.Flow)}
	c.a, c.caller, c.sides = a, a, append(c.sides, a)
	c.record = CDR{ID: c.id, Invited: now, A: a.record}
	c.events.add(Event{At: now, Kind: KindReceived, Leg: "A", Text: "INVITE", SDP: len(in.Body) > 0})
	return c
}

func peerOf(f transport.Flow) string { return f.Kind.String() + " " + f.Remote.String() }

// userPart is the user part of a URI as it came, empty for one without.
func userPart(uri string) string {
	user, _, _ := userOf(uri)
	return user
}

// newID returns an identifier for a call: 80 random bits.
func newID() string { return strings.ToLower(rand.Text()[:16]) }

// finished takes the record of a call that has ended and lets its seat go.
func (b *B2BUA) finished(c *Call, now time.Time) {
	c.plan.Limits.Release(now, c.seat)
	c.seat = nil
	if !c.record.Answered.IsZero() {
		b.count.answered.Add(1)
	}
	b.keep(c.record)
}

// gone takes a call out of the table, and keeps what it was for a while.
func (b *B2BUA) gone(c *Call) {
	v := c.shown.copy()
	v.pack()
	if _, ok := b.writer.(TimelineWriter); ok {
		b.records.putIfRoom(note{CDR: CDR{ID: v.ID}, timeline: &Timeline{
			ID: v.ID, Invited: v.Record.Invited, Events: v.Events, Omitted: v.Omitted,
		}})
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.calls, c.id)
	for _, id := range c.callIDs {
		if b.legs[id] == c {
			delete(b.legs, id)
		}
	}
	b.recent.add(&v, b.cfg().Kept)
}

// known lets the call be found by the Call-ID of a leg, from when it owns that
// leg until the call is over or another owns it.
func (c *Call) known(s *side) {
	id := s.leg.CallID()
	c.callIDs = append(c.callIDs, id)
	c.b2b.mu.Lock()
	c.b2b.legs[id] = c
	c.b2b.mu.Unlock()
}

// retryAfter is the header for a refusal for want of room (RFC 3261 §20.33).
func (b *B2BUA) retryAfter() sip.Header {
	d := b.setup.Load().limits.RetryAfter
	return sip.Header{Name: "Retry-After", Value: itoa(max(1, int(d.Seconds())))}
}
