package sip

import (
	"context"
	"hash/maphash"
	"log/slog"
	"strconv"
	"sync/atomic"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A Network is the way to the wire; *transport.Transport is one.
type Network interface {
	Send(now time.Time, o transport.Outbound) error
	Resolve(ctx context.Context, d transport.Destination, done func([]transport.Target, error))
	ListenerFor(f transport.Flow) (transport.Listener, bool)
}

// Deps are the collaborators of a UA.
type Deps struct {
	Network Network
	// Log takes what an operator must know; nil discards it.
	Log *slog.Logger
}

// A Message is what the UA has for a leg, a registration or a ping: a message
// from the wire, or the news that one could not be delivered. It is a value;
// its owner hands it to Receive and looks no further.
type Message struct {
	to *entry
	// One of these is set.
	in    *transport.Inbound
	fail  *transport.Failure
	found *found
}

// found is where a name in a Contact or route leads. RFC 3263.
type found struct {
	dialog, host string
	target       transport.Target
}

// Leg is the leg the message is for; nil for a registration or a ping.
func (m Message) Leg() *Leg {
	if m.to == nil {
		return nil
	}
	return m.to.leg
}

func (m Message) request() *sipmsg.Request {
	if m.in == nil {
		return nil
	}
	r, _ := m.in.Msg.(*sipmsg.Request)
	return r
}

func (m Message) response() *sipmsg.Response {
	if m.in == nil {
		return nil
	}
	r, _ := m.in.Msg.(*sipmsg.Response)
	return r
}

// Post hands a message to the goroutine that owns a leg. It does not wait;
// false means that the inbox is full.
type Post func(Message) bool

// A Peer is somebody we exchange calls with.
type Peer struct {
	// Name is what the configuration calls it. It is not "".
	Name string
	// Leg is how the leg of an INVITE from there behaves.
	Leg LegConfig
	// Login asks for a password; nil: the flow is proof enough.
	Login *Login
}

// A Handler decides what becomes of requests that belong to no leg. Its methods
// are called on the goroutines of the transport's readers and must return at once.
type Handler interface {
	// Peer says who is at the other end of a flow; false: a stranger.
	Peer(f transport.Flow) (Peer, bool)
	// Serve takes a new call. From here on the leg belongs to the goroutine
	// behind the returned Post. An error refuses the call: a Cause as it is,
	// anything else with 500. The leg must not be used after an error.
	Serve(now time.Time, leg *Leg, in Invite) (Post, error)
}

// A UA is the user agent. Its methods are safe for concurrent use.
type UA struct {
	// set once
	cfg  Config
	net  Network
	log  *slog.Logger
	seed maphash.Seed

	// atomic
	handler  atomic.Pointer[Handler]
	draining atomic.Bool
	counters counters

	// guarded by themselves
	table    *table
	remnants *remnants
	nonces   *nonces
	refusals refusals
}

// Handle gives requests that belong to no leg to h from now on. It is called
// before the transport runs: until then everything is refused.
func (u *UA) Handle(h Handler) { u.handler.Store(&h) }

// New returns a user agent that refuses everything until Handle.
func New(cfg Config, d Deps) (*UA, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	log := d.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &UA{
		cfg: cfg, net: d.Network, log: log, seed: maphash.MakeSeed(),
		table:    newTable(cfg.MaxLegs),
		remnants: newRemnants(cfg.MaxLinger, 64*cfg.T1),
		nonces:   newNonces(),
	}, nil
}

// Drain makes new INVITEs get 503 with Retry-After from now on.
func (u *UA) Drain() { u.draining.Store(true) }

// NewLeg returns a leg for an outgoing call. Messages for it go to p, each
// saying in Leg which leg it is for, so that one Post serves a whole call.
func (u *UA) NewLeg(p Post, c LegConfig) *Leg {
	e := &entry{callID: newCallID(), tag: token(), peer: c.Peer}
	e.post.Store(&p)
	return newLeg(u, c, e)
}

// Stats is a copy of the counters.
func (u *UA) Stats() Stats {
	n, lost := u.remnants.count()
	s := Stats{Legs: int(u.table.n.Load()), Lingering: n, Counters: u.counters.view()}
	s.Counters["linger.lost"] = lost
	return s
}

// Stats is a copy of a UA's counters.
type Stats struct {
	// Legs and Lingering are how many there are now.
	Legs, Lingering int
	// Counters are counts since the start, by what was counted:
	// "request.stranger", "response.stray", "inbox.full", "leg.refused"...
	Counters map[string]uint64
}

// send puts one message on the wire.
func (u *UA) send(now time.Time, f transport.Flow, raw []byte, callID, branch string) error {
	err := u.net.Send(now, transport.Outbound{Flow: f, Raw: raw, CallID: callID, Branch: branch})
	if err != nil {
		u.counters.add(countUnsendable)
	}
	return err
}

// statelessTag is a To tag for a response without state: the same whenever the
// request comes again. RFC 3261 §8.2.7.
func (u *UA) statelessTag(callID, key string) string {
	var h maphash.Hash
	h.SetSeed(u.seed)
	_, _ = h.WriteString(callID)
	_ = h.WriteByte(0)
	_, _ = h.WriteString(key)
	return strconv.FormatUint(h.Sum64(), 36)
}
