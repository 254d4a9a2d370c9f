package sip

import (
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A PingConfig is one peer to send OPTIONS to.
type PingConfig struct {
	// RequestURI is whom we ask; From is who asks, "" means our own address.
	RequestURI, From string
	// Leg gives credentials, listener and contact host.
	Leg LegConfig
}

// A PingResult is what came of one OPTIONS.
type PingResult struct {
	// Target is the one that answered, or the last that was tried.
	Target transport.Target
	// Status is the final response; 0 when there was none, and Err says why.
	Status int
	Err    error
	// RoundTrip is the time from sending to the response.
	RoundTrip time.Duration
	// RetryAfter is that of a 503.
	RetryAfter time.Duration
}

// A Ping asks one peer by OPTIONS whether it is there (RFC 3261 §11). Core; one
// goroutine uses it, one OPTIONS at a time.
type Ping struct{}

// NewPing returns a Ping whose messages go to p.
func (u *UA) NewPing(p Post, c PingConfig) *Ping { return &Ping{} }

// Send sends OPTIONS to the target, unless one is still on its way.
func (p *Ping) Send(now time.Time, t transport.Target) {}

// Receive takes a message of the UA; true: the result of the last Send.
func (p *Ping) Receive(now time.Time, m Message) (PingResult, bool) { return PingResult{}, false }

// Advance does what is due; true: the result of the last Send.
func (p *Ping) Advance(now time.Time) (PingResult, bool) { return PingResult{}, false }

// Deadline says when Advance is due; zero: nothing is.
func (p *Ping) Deadline() time.Time { return time.Time{} }

// For reports whether m is for this ping.
func (p *Ping) For(m Message) bool { return false }

// Close forgets the ping; nothing is sent.
func (p *Ping) Close() {}
