package sip

import (
	"errors"
	"fmt"
	"time"
)

// Config is the SIP section: what holds for all legs.
type Config struct {
	// T1 is the round trip estimate that all timers follow from. RFC 3261 §17.1.1.1.
	T1 time.Duration
	// T2 bounds the interval between repeated requests. RFC 3261 §17.1.2.1.
	T2 time.Duration
	// T4 is how long a message may stay in the network. RFC 3261 §17.1.2.2.
	T4 time.Duration
	// MaxLegs bounds the dialogs and registrations at one time; a new INVITE
	// beyond it gets 503.
	MaxLegs int
	// MaxForks bounds the early dialogs of one outgoing INVITE; responses of
	// further forks are counted and left alone.
	MaxForks int
	// MaxLinger bounds the answers kept for repeated messages after a leg is
	// gone; beyond it the oldest goes.
	MaxLinger int
	// RetryAfter is what a 503 of ours asks for. RFC 3261 §20.33.
	RetryAfter time.Duration
	// Strangers says what a request from an unknown peer gets: "silence" or
	// "refuse", which is one 403 for whatever it was.
	Strangers Strangers
	// Software is the value of User-Agent and Server; "" sends neither.
	Software string
}

// Strangers is what requests from unknown peers get.
type Strangers string

// The two answers to strangers.
const (
	StrangersSilence Strangers = "silence"
	StrangersRefuse  Strangers = "refuse"
)

// DefaultConfig returns the values used where nothing is configured.
func DefaultConfig() Config {
	return Config{
		T1:         500 * time.Millisecond,
		T2:         4 * time.Second,
		T4:         5 * time.Second,
		MaxLegs:    40_000,
		MaxForks:   16,
		MaxLinger:  200_000,
		RetryAfter: 5 * time.Second,
		Strangers:  StrangersSilence,
	}
}

// Validate reports everything that is wrong with c.
func (c Config) Validate() error {
	var errs []error
	if c.T1 < 10*time.Millisecond || c.T1 > 10*time.Second {
		errs = append(errs, fmt.Errorf("t1: %v is outside 10ms to 10s", c.T1))
	}
	if c.T2 < c.T1 {
		errs = append(errs, fmt.Errorf("t2: %v is less than t1, %v", c.T2, c.T1))
	}
	if c.T4 < c.T1 {
		errs = append(errs, fmt.Errorf("t4: %v is less than t1, %v", c.T4, c.T1))
	}
	for _, n := range []struct {
		key string
		n   int
	}{{"max_legs", c.MaxLegs}, {"max_forks", c.MaxForks}, {"max_linger", c.MaxLinger}} {
		if n.n < 1 {
			errs = append(errs, fmt.Errorf("%s: %d is less than 1", n.key, n.n))
		}
	}
	if c.Strangers != StrangersSilence && c.Strangers != StrangersRefuse {
		errs = append(errs, fmt.Errorf("strangers: %q is neither %q nor %q", c.Strangers, StrangersSilence, StrangersRefuse))
	}
	if !validValue(c.Software) {
		errs = append(errs, errors.New("software: control characters cannot stand in a header"))
	}
	return errors.Join(errs...)
}

// LegConfig is how one leg behaves; it follows from the trunk it faces. The
// zero value is a leg that announces no extension, holds no credentials and
// writes the address of its listener into Contact.
type LegConfig struct {
	// Peer names the trunk. A request in a dialog is accepted only from the
	// address that the dialog lives on or one that the Handler gives this name.
	Peer string
	// Listener names the listener that outgoing requests leave by; "" lets the
	// transport choose one of the target's kind.
	Listener string
	// ContactHost, a name or address without port, stands in Contact and Via
	// instead of the listener's advertised address. Teams-like trunks want the
	// name of our certificate.
	ContactHost string
	// ContactUser is the user part of Contact, "" for none.
	ContactUser string

	// Credentials answer 401 and 407; the zero value answers none.
	Credentials Credentials
	// Reliable is the mode of 100rel.
	Reliable Reliable
	// HoldPRACK leaves PRACK to the call: nothing is acknowledged before Prack.
	HoldPRACK bool
	// Session is the session timer of RFC 4028.
	Session SessionTimer
	// Update allows UPDATE, sent and received. RFC 3311.
	Update bool
	// Refer allows REFER to come in. Without it REFER is not in Allow and gets 405.
	Refer bool
	// Replaces announces replaces, and lets an INVITE require it. What becomes of
	// one with Replaces is the call's affair. RFC 3891.
	Replaces bool
	// Symmetric sends requests in a dialog to where the peer's last came from,
	// whatever its Contact says. For peers behind NAT.
	Symmetric bool
	// Info lists the media types an INFO may carry; nil means
	// application/dtmf-relay and application/dtmf. Others get 415.
	Info []string
	// DatagramLimit is the largest request in bytes sent over UDP; larger ones
	// go by TCP first. 0 means 1300. RFC 3261 §18.1.1.
	DatagramLimit int
	// Answer ends a target that has sent nothing at all, so that the next one
	// is tried; 0 means 64*T1 (Timer B).
	Answer time.Duration
}

// Credentials are a user name and password for digest authentication. They
// print without the password.
type Credentials struct {
	Username, Password string
	// Realm, when set, is the only realm that is answered.
	Realm string
}

// String returns the user name.
func (c Credentials) String() string { return c.Username }

// GoString keeps %#v from printing the password.
func (c Credentials) GoString() string { return "sip.Credentials(" + c.Username + ")" }

// Reliable is how a leg treats 100rel (RFC 3262).
type Reliable uint8

// The five modes.
const (
	// ReliableOff neither announces 100rel nor accepts Require: 100rel.
	ReliableOff Reliable = iota
	// ReliableSupported announces it, and uses it where the peer does.
	ReliableSupported
	// ReliableSilent does not announce it, and uses it where the peer asks.
	ReliableSilent
	// ReliableRequired requires it of the peer.
	ReliableRequired
	// ReliableIgnored neither announces nor acknowledges, and does not refuse
	// a peer that requires it.
	ReliableIgnored
)

// SessionTimer is how a leg treats session timers (RFC 4028).
type SessionTimer struct {
	// Mode is whether we use them at all.
	Mode SessionMode
	// Expires is the interval we ask for; 0 means 30 minutes.
	Expires time.Duration
	// MinSE is the least we accept, at least 90 s; 0 means 90 s. RFC 4028 §5.
	MinSE time.Duration
	// Refresher is who refreshes when we may choose: "us" (the default, "") or "peer".
	Refresher Refresher
	// Reinvite refreshes by re-INVITE even where UPDATE could be used.
	Reinvite bool
}

// SessionMode is whether a leg uses session timers.
type SessionMode uint8

// The three modes of session timers.
const (
	// SessionOff does not announce "timer" and ignores Session-Expires.
	SessionOff SessionMode = iota
	// SessionAccept announces it and goes along with a peer that asks.
	SessionAccept
	// SessionRequest asks for a timer on every call.
	SessionRequest
)

// Refresher is who keeps a session alive.
type Refresher string

// The two refreshers.
const (
	RefreshByUs   Refresher = "us"
	RefreshByPeer Refresher = "peer"
)
