package sip

import (
	"context"
	"log/slog"
	"time"

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
	leg *Leg
}

// Leg is the leg the message is for; nil for a registration or a ping.
func (m Message) Leg() *Leg { return m.leg }

// Post hands a message to the goroutine that owns a leg. It does not wait;
// false means that the inbox is full.
type Post func(Message) bool

// A Peer is somebody we exchange calls with.
type Peer struct {
	// Name is what the configuration calls it. It is not "".
	Name string
	// Leg is how the leg of an INVITE from there behaves.
	Leg LegConfig
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
type UA struct{}

// New returns a user agent that does nothing until Run.
func New(cfg Config, d Deps) (*UA, error) { return &UA{}, cfg.Validate() }

// Drain makes new INVITEs get 503 with Retry-After from now on.
func (u *UA) Drain() {}

// NewLeg returns a leg for an outgoing call. Messages for it go to p, each
// saying in Leg which leg it is for, so that one Post serves a whole call.
func (u *UA) NewLeg(p Post, c LegConfig) *Leg { return &Leg{} }

// Receive takes a message from the transport. See transport.Receiver.
func (u *UA) Receive(now time.Time, in transport.Inbound) {}

// Failed takes the news that a message could not be delivered.
func (u *UA) Failed(now time.Time, f transport.Failure) {}

// Stats is a copy of the counters.
func (u *UA) Stats() Stats { return Stats{} }

// Stats is a copy of a UA's counters.
type Stats struct {
	// Legs and Lingering are how many there are now.
	Legs, Lingering int
	// Counters are counts since the start, by what was counted:
	// "request.stranger", "response.stray", "inbox.full", "leg.refused"...
	Counters map[string]uint64
}
