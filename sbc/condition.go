package sbc

import (
	"crypto/x509"
	"errors"
	"sync/atomic"
	"time"
)

// A Condition is how a trunk is, in the model that cloud telephony uses: three
// indicators, the last of which sums up. It is a copy.
type Condition struct {
	TLS     TLSCondition
	Ping    PingCondition
	Overall Overall
	// Registered says how the registration is: "", "registering", "registered"
	// or "failed".
	Registered string
	// Down is set while routes pass over the trunk.
	Down bool
	// Since is when Down last changed; zero if it never did.
	Since time.Time
	// Until is how long the trunk asked to be left alone; zero if it did not.
	Until time.Time
	// Reason says in words what the last failure was; empty if there is none.
	Reason string
	// RoundTrip is how long the last answer to OPTIONS took.
	RoundTrip time.Duration
	// Pings, Failures and Changes count OPTIONS sent, those that failed, and how
	// often the trunk went down or came up.
	Pings, Failures, Changes uint64
	// Expires is when the peer's certificate does; zero if none was seen.
	Expires time.Time
}

// TLSCondition is how TLS with a trunk is.
type TLSCondition string

// The TLS indicator. A trunk without TLS is unknown.
const (
	TLSUnknown      TLSCondition = "unknown" // no handshake in the last 15 minutes
	TLSActive       TLSCondition = "active"
	TLSCertExpiring TLSCondition = "cert_expiring" // within 14 days
	TLSCertExpired  TLSCondition = "cert_expired"
)

// PingCondition is how OPTIONS with a trunk is.
type PingCondition string

// The OPTIONS indicator.
const (
	PingUnknown PingCondition = "unknown" // none sent
	PingActive  PingCondition = "active"
	PingExpired PingCondition = "expired" // none answered for 15 minutes
	PingError   PingCondition = "error"   // the last one failed
)

// Overall sums up.
type Overall string

// The sum.
const (
	OverallUnknown Overall = "unknown"
	OverallOnline  Overall = "online"
	OverallWarning Overall = "warning"
)

// health is the published condition of a trunk, shared by all that a reload
// makes of the same name. Written by the monitor and, for the time a 503 asks
// for, by calls; read by all.
type health struct {
	condition atomic.Pointer[Condition]
	until     atomic.Int64 // Unix nanoseconds; calls stay away until then
	unproved  atomic.Pointer[refusedCertificate]
}

// A refusedCertificate is one of the peer's that a call met.
type refusedCertificate struct {
	ended  time.Time // it had expired then; zero: that is not what is wrong with it
	reason string
}

// endOf is when a certificate that was refused as expired did so; zero where err
// says something else. Go has one reason for both ends of its time.
func endOf(now time.Time, err error) time.Time {
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Cert != nil && now.After(invalid.Cert.NotAfter) {
		return invalid.Cert.NotAfter
	}
	return time.Time{}
}

func newHealth() *health {
	h := &health{}
	h.condition.Store(&Condition{TLS: TLSUnknown, Ping: PingUnknown, Overall: OverallUnknown})
	return h
}

func (h *health) up(now time.Time) bool {
	return !h.condition.Load().Down && now.UnixNano() >= h.until.Load()
}

// leave keeps calls away until then.
func (h *health) leave(until time.Time) { h.until.Store(until.UnixNano()) }

func (h *health) load() Condition {
	c := *h.condition.Load()
	if n := h.until.Load(); n > 0 {
		c.Until = time.Unix(0, n)
	}
	if r := h.unproved.Load(); r != nil {
		c.TLS, c.Expires, c.Reason, c.Overall = TLSUnknown, r.ended, r.reason, OverallWarning
		if !r.ended.IsZero() {
			c.TLS = TLSCertExpired
		}
	}
	return c
}
