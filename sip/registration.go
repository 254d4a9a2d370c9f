package sip

import (
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A RegistrationConfig is one address-of-record to keep registered.
type RegistrationConfig struct {
	// Registrar is the Request-URI, "sip:example.com"; AOR goes into From and To.
	Registrar, AOR string
	// Contacts are user parts to register, each as a contact of ours; empty
	// means one without a user part.
	Contacts []string
	// Expires is what we ask for; 0 means one hour. RFC 3261 §10.2.1.1.
	Expires time.Duration
	// Random returns a number in [0, 1) and spreads retries; nil means none.
	Random func() float64
	// Leg gives credentials, listener and contact host.
	Leg LegConfig
}

// RegistrationState is where a Registration stands.
type RegistrationState uint8

// The states of a Registration.
const (
	Unregistered RegistrationState = iota
	Registering
	Registered
	RegistrationFailed // it goes on trying
)

// A RegistrationStatus is what can be seen of a Registration.
type RegistrationStatus struct {
	State RegistrationState
	// Until is when the binding ends; zero without one.
	Until time.Time
	// Next is when the next REGISTER is due.
	Next time.Time
	// Failures counts those since the last success.
	Failures int
	// Cause is the last refusal; zero without.
	Cause Cause
	// Address is how the registrar sees us, from the Via (RFC 3581); "" unknown.
	Address string
}

// A Registration keeps contacts of ours bound at a registrar (RFC 3261 §10.2).
// Core; one goroutine uses it.
type Registration struct{}

// NewRegistration returns a Registration whose messages go to p.
func (u *UA) NewRegistration(p Post, c RegistrationConfig) *Registration { return &Registration{} }

// Start registers with the first of targets that answers, and again whenever
// due. Calling it anew changes the targets.
func (r *Registration) Start(now time.Time, targets []transport.Target) {}

// Stop removes the bindings; Over turns true when the registrar has answered.
func (r *Registration) Stop(now time.Time) {}

// Over reports whether the bindings are removed.
func (r *Registration) Over() bool { return false }

// Receive takes a message of the UA. It reports whether Status has changed.
func (r *Registration) Receive(now time.Time, m Message) bool { return false }

// Advance does what is due. It reports whether Status has changed.
func (r *Registration) Advance(now time.Time) bool { return false }

// Deadline says when Advance is due; zero: nothing is.
func (r *Registration) Deadline() time.Time { return time.Time{} }

// Status returns where it stands.
func (r *Registration) Status() RegistrationStatus { return RegistrationStatus{} }

// For reports whether m is for this registration.
func (r *Registration) For(m Message) bool { return false }
