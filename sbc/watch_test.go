package sbc

import (
	"crypto/x509"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// watching is a watch of a trunk that asks every minute, with three failures
// down and two answers up.
func watching(t *testing.T, change ...func(*TrunkConfig)) *watch {
	t.Helper()
	return newWatch(one(t, namedTrunk("west", "192.0.2.1", change...)), t0)
}

func answeredPing(status int) sip.PingResult { return sip.PingResult{Status: status} }

// A trunk goes down after three failures in a row and comes back after two
// answers in a row; fewer change nothing.
func TestTrunkGoesDownAndUpWithHysteresis(t *testing.T) {
	w := watching(t)
	at := t0
	for i, step := range []struct {
		status int
		down   bool
	}{
		{200, false},
		{503, false},
		{503, false},
		{200, false}, // two are not three
		{503, false},
		{408, false},
		{500, true},
		{200, true},
		{503, true},
		{200, true},
		{200, false}, // one is not two
		{404, false},
		{405, false},
		{486, false}, // somebody is there
	} {
		at = at.Add(time.Minute)
		w.pinged(at, answeredPing(step.status))
		if got := w.condition(at).Down; got != step.down {
			t.Errorf("after step %d (%d): down %t, want %t", i, step.status, got, step.down)
		}
	}
	if c := w.condition(at); c.Changes != 2 || c.Failures != 6 {
		t.Errorf("%d changes and %d failures counted", c.Changes, c.Failures)
	}
}

// While the state is in doubt the trunk is asked every ten seconds, else at its
// interval.
func TestDoubtfulTrunkIsAskedSooner(t *testing.T) {
	w := watching(t)
	wait := func(status int) time.Duration {
		w.pinged(t0, answeredPing(status))
		return w.next.Sub(t0)
	}
	for i, step := range []struct {
		status int
		wait   time.Duration
	}{
		{200, time.Minute}, {503, quick}, {503, quick}, {503, time.Minute}, {503, time.Minute}, {200, quick}, {200, time.Minute},
	} {
		if got := wait(step.status); got != step.wait {
			t.Errorf("step %d: the next OPTIONS after %s, want %s", i, got, step.wait)
		}
	}
}

// A 503 with Retry-After is not asked again before its time (RFC 3261 §21.5.4).
func TestRetryAfterIsWaitedFor(t *testing.T) {
	w := watching(t)
	w.pinged(t0, sip.PingResult{Status: 503, RetryAfter: 2 * time.Minute})
	if got := w.next.Sub(t0); got != 2*time.Minute {
		t.Errorf("asked again after %s, want 2m", got)
	}
	w.pinged(t0, sip.PingResult{Status: 503, RetryAfter: 24 * time.Hour})
	if got := w.next.Sub(t0); got != maxRetryAfter {
		t.Errorf("asked again after %s, want five minutes at most", got)
	}
}

// Only the statuses the trunk names count as answers, if it names any.
func TestExpectedCodesDecide(t *testing.T) {
	w := watching(t, func(c *TrunkConfig) { c.Options.Codes = []int{200, 503} })
	for status, want := range map[int]bool{200: true, 503: true, 404: false, 486: false} {
		if w.answers(status) != want {
			t.Errorf("%d counts as an answer: %t", status, !want)
		}
	}
}

// Ping is unknown, active, expired after a quarter of an hour without an answer,
// or in error; overall sums up.
func TestConditionFollowsTheHealthModel(t *testing.T) {
	w := watching(t)
	check := func(why string, at time.Time, ping PingCondition, all Overall) {
		t.Helper()
		if c := w.condition(at); c.Ping != ping || c.Overall != all {
			t.Errorf("%s: ping %s, overall %s; want %s and %s", why, c.Ping, c.Overall, ping, all)
		}
	}
	check("nothing was sent", t0, PingUnknown, OverallUnknown)
	w.pinged(t0, answeredPing(200))
	check("answered", t0, PingActive, OverallOnline)
	check("answered a while ago", t0.Add(staleAfter-1), PingActive, OverallOnline)
	check("not answered for long", t0.Add(staleAfter), PingExpired, OverallWarning)
	w.pinged(t0.Add(staleAfter), sip.PingResult{Err: errors.New("connection refused")})
	check("failed", t0.Add(staleAfter), PingError, OverallWarning)
	if c := w.condition(t0); c.Reason != "OPTIONS: connection refused" {
		t.Errorf("reason %q", c.Reason)
	}
}

// TLS is unknown without a handshake in the last quarter of an hour, and tells of
// certificates that expire soon or have expired.
func TestConditionTellsOfCertificates(t *testing.T) {
	w := watching(t, func(c *TrunkConfig) { c.Peer.Transport = TransportTLS })
	check := func(why string, at time.Time, want TLSCondition) {
		t.Helper()
		if got := w.condition(at).TLS; got != want {
			t.Errorf("%s: TLS %s, want %s", why, got, want)
		}
	}
	check("nothing was sent", t0, TLSUnknown)
	w.pinged(t0, answeredPing(200))
	check("answered", t0, TLSActive)
	check("not for long", t0.Add(staleAfter), TLSUnknown)
	certified := func(until time.Duration) {
		w.pinged(t0, sip.PingResult{Status: 200, Identity: &transport.Identity{NotAfter: t0.Add(until)}})
	}
	certified(expiringBefore - time.Hour)
	check("expires within two weeks", t0, TLSCertExpiring)
	check("has expired since", t0.Add(expiringBefore), TLSCertExpired)
	certified(365 * 24 * time.Hour)
	check("renewed", t0, TLSActive)
	ended := t0.Add(-time.Hour)
	w.pinged(t0, sip.PingResult{Err: x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotAfter: ended}}})
	check("refused as expired", t0, TLSCertExpired)
	if got := w.condition(t0).Expires; !got.Equal(ended) {
		t.Errorf("refused as expired: it is said to have expired at %v", got)
	}
	early := &x509.Certificate{NotAfter: t0.Add(365 * 24 * time.Hour)} // Go has one reason for both
	w.pinged(t0, sip.PingResult{Err: fmt.Errorf("%w: %w", transport.ErrCertificate, x509.CertificateInvalidError{Reason: x509.Expired, Cert: early})})
	check("refused as not valid yet", t0, TLSUnknown)

	plain := watching(t)
	plain.pinged(t0, answeredPing(200))
	if got := plain.condition(t0).TLS; got != TLSUnknown {
		t.Errorf("a trunk without TLS: %s", got)
	}
}

// A trunk whose registration fails is down whatever OPTIONS says, and up again
// when it is registered.
func TestFailedRegistrationTakesTheTrunkDown(t *testing.T) {
	w := watching(t)
	w.pinged(t0, answeredPing(200))
	w.registration(t0, sip.RegistrationStatus{State: sip.Registering})
	if c := w.condition(t0); c.Registered != registering || c.Down {
		t.Errorf("while registering: %+v", c)
	}
	w.registration(t0, sip.RegistrationStatus{State: sip.RegistrationFailed, Cause: sip.Refusal(403)})
	w.pinged(t0, answeredPing(200))
	w.pinged(t0, answeredPing(200))
	if c := w.condition(t0); !c.Down || c.Overall != OverallWarning {
		t.Errorf("after a refused registration: %+v", c)
	}
	w.registration(t0, sip.RegistrationStatus{State: sip.Registered})
	if c := w.condition(t0); c.Down || c.Overall != OverallOnline {
		t.Errorf("registered: %+v", c)
	}
}

// A trunk that is not watched any more after a reload is not left down for ever.
func TestUnwatchedTrunkIsNotLeftDown(t *testing.T) {
	w := watching(t)
	for range 3 {
		w.pinged(t0, answeredPing(503))
	}
	w.reset(one(t, namedTrunk("west", "192.0.2.1", func(c *TrunkConfig) { c.Options.Interval = 0 })), t0)
	if w.condition(t0).Down {
		t.Error("down, and nobody would find out that it is back")
	}
	if !w.next.IsZero() {
		t.Error("OPTIONS is due although the interval is 0")
	}
}
