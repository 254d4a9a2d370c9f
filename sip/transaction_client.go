package sip

import (
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A client is a client transaction: one request of ours and the responses to
// it. It says what to do and sends nothing itself. RFC 3261 §17.1, RFC 6026.
type client struct {
	// set once
	method string
	branch string
	seq    uint32
	raw    []byte
	flow   transport.Flow
	req    *request // what it was written from, to write it anew
	at     time.Time

	state    clientState
	interval time.Duration
	resend   time.Time // Timer A or E; zero: not again
	expire   time.Time // Timer B or F, then D or M; zero: never
	heard    bool      // any response at all
}

type clientState uint8

const (
	calling    clientState = iota // "Trying" for others than INVITE
	proceeding                    // a provisional response came
	completed                     // INVITE: a final response of 300 or more, Timer D runs
	accepted                      // INVITE: a 2xx, Timer M runs (RFC 6026 §7.2)
	terminated
)

// A step is what a client transaction asks for.
type step uint8

const (
	nothing  step = iota
	again         // send raw again
	timedOut      // Timer B or F: nobody answered
	toUser        // the response is new: it is the leg's
	ackAgain      // the final response came again: so must our ACK
	gone          // nothing more will come
)

// start begins the timers; the request has been sent. RFC 3261 §17.1.1.2,
// §17.1.2.2.
func (c *client) start(now time.Time, cfg *Config) {
	c.at = now
	c.expire = now.Add(64 * cfg.T1)
	if !c.flow.Kind.Reliable() {
		c.interval = cfg.T1
		c.resend = now.Add(cfg.T1)
	}
}

// due returns when advance has something to do; zero: nothing.
func (c *client) due() time.Time { return earlier(c.resend, c.expire) }

// advance does what time brings.
func (c *client) advance(now time.Time, cfg *Config) step {
	if !c.expire.IsZero() && !now.Before(c.expire) {
		was := c.state
		c.end()
		if was == calling || was == proceeding {
			return timedOut
		}
		return gone
	}
	if c.resend.IsZero() || now.Before(c.resend) {
		return nothing
	}
	c.interval *= 2
	if c.method != "INVITE" {
		c.interval = min(c.interval, cfg.T2)
		if c.state == proceeding {
			c.interval = cfg.T2 // §17.1.2.2
		}
	}
	c.resend = now.Add(c.interval)
	return again
}

// failedBy reports whether f is the end of this transaction. Once anybody has
// answered it is not: a repetition failed, or somebody forges ICMP, as does who
// tells of a datagram to where ours did not go. RFC 3261 §18.4.
func (c *client) failedBy(f *transport.Failure) bool {
	if f.Branch != c.branch || c.heard {
		return false
	}
	a, b := f.Flow.Remote, c.flow.Remote
	return f.Flow.Kind != transport.UDP || a.Addr().Unmap() == b.Addr().Unmap() && a.Port() == b.Port()
}

// receive takes a response with this transaction's branch.
func (c *client) receive(now time.Time, cfg *Config, status int) step {
	c.heard = true
	if c.method != "INVITE" {
		return c.receiveOther(status)
	}
	switch {
	case c.state == terminated:
		return nothing
	case status < 200:
		if c.state > proceeding {
			return nothing // §17.1.1.2: late, without meaning
		}
		// The call decides how long it may ring; the leg keeps that time.
		c.state, c.resend, c.expire = proceeding, time.Time{}, time.Time{}
		return toUser
	case status < 300:
		if c.state == completed {
			return toUser // RFC 6026 §8.4 lets it pass; the leg ends it
		}
		if c.state != accepted {
			c.state, c.resend, c.expire = accepted, time.Time{}, now.Add(64*cfg.T1)
		}
		return toUser
	case c.state == completed:
		return ackAgain
	case c.state == accepted:
		return nothing
	}
	c.state, c.resend, c.expire = completed, time.Time{}, now
	if !c.flow.Kind.Reliable() {
		c.expire = now.Add(max(32*time.Second, 64*cfg.T1)) // Timer D
	}
	return toUser
}

func (c *client) receiveOther(status int) step {
	switch {
	case c.state > proceeding:
		return nothing
	case status < 200:
		c.state = proceeding
		return nothing
	}
	// Timer K only absorbs what nobody would look at: responses to a branch
	// that is not there are dropped anyway.
	c.end()
	return toUser
}

// open reports whether no final response has come.
func (c *client) open() bool { return c.state <= proceeding }

func (c *client) end() { c.state, c.resend, c.expire = terminated, time.Time{}, time.Time{} }

// earlier returns the earlier of two times, where zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
