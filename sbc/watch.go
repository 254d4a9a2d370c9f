package sbc

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A watch is what the monitor finds out about one trunk. Core; the monitor's
// goroutine is its only user.
type watch struct {
	options OptionsConfig
	secure  bool // TLS is what is spoken

	c        Condition
	good     int // answers in a row
	bad      int // failures in a row
	answered time.Time
	shaken   time.Time // the last proof that TLS works
	expired  bool      // the peer's certificate, when last seen
	pinging  string    // why the last OPTIONS failed
	refused  string    // why the last REGISTER failed
	next     time.Time // the next OPTIONS; zero: none
}

// Times of the health model: how long an indicator stays without news, and how
// long before its end a certificate is a warning.
const (
	staleAfter     = 15 * time.Minute
	expiringBefore = 14 * 24 * time.Hour
)

// quick is the time between two OPTIONS while the trunk is about to change.
const quick = 10 * time.Second

func newWatch(t *Trunk, now time.Time) *watch {
	w := &watch{c: *t.health.condition.Load()}
	w.reset(t, now)
	return w
}

// reset takes the settings of a trunk. A condition found before a reload
// stands until something else is found.
func (w *watch) reset(t *Trunk, now time.Time) {
	w.options = t.cfg.Options
	w.secure = t.kind().Secure()
	w.next = time.Time{}
	if w.options.Interval > 0 && t.cfg.Peer.Host != "" {
		w.next = now
	} else if w.c.Registered != registrationFailed {
		w.c.Down = false // nobody would find out that it is back
	}
}

// due reports whether it is time for an OPTIONS.
func (w *watch) due(now time.Time) bool { return !w.next.IsZero() && !now.Before(w.next) }

// asked notes that one is on its way. Should nothing ever come of it, not even
// that it failed, the next is not put off for ever.
func (w *watch) asked(now time.Time) {
	w.c.Pings++
	w.next = now.Add(max(w.options.Interval, time.Minute))
}

// answers reports whether a status shows that the peer is there.
func (w *watch) answers(status int) bool {
	if len(w.options.Codes) > 0 {
		return slices.Contains(w.options.Codes, status)
	}
	return status >= 200 && status < 500 && status != 408
}

// pinged takes what came of an OPTIONS.
func (w *watch) pinged(now time.Time, r sip.PingResult) {
	w.handshake(now, r)
	if r.Err == nil && w.answers(r.Status) {
		w.good, w.bad = w.good+1, 0
		w.answered = now
		w.c.Ping, w.pinging, w.c.RoundTrip = PingActive, "", r.RoundTrip
		if w.good >= w.options.Up {
			w.set(now, false)
		}
	} else {
		w.good, w.bad = 0, w.bad+1
		w.c.Failures++
		w.c.Ping, w.pinging = PingError, reasonOfPing(r)
		if w.bad >= w.options.Down {
			w.set(now, true)
		}
	}
	wait := w.options.Interval
	if w.turning() {
		wait = min(wait, quick)
	}
	// RFC 3261 §21.5.4: nothing before the time it asked for.
	w.next = now.Add(max(wait, min(r.RetryAfter, maxRetryAfter)))
}

// turning reports whether the last results speak against the state.
func (w *watch) turning() bool { return w.c.Down == (w.good > 0) && w.good+w.bad > 0 }

// reasonOfPing says what went wrong.
func reasonOfPing(r sip.PingResult) string {
	switch {
	case r.Err != nil:
		return "OPTIONS: " + r.Err.Error()
	case r.Status == 0:
		return "OPTIONS: no answer"
	}
	return fmt.Sprintf("OPTIONS: %d", r.Status)
}

// handshake takes what an attempt says of TLS.
func (w *watch) handshake(now time.Time, r sip.PingResult) {
	if r.Identity != nil {
		w.c.Expires = r.Identity.NotAfter
	}
	if !w.secure {
		return
	}
	ended := endOf(now, r.Err)
	switch {
	case r.Err == nil:
		w.shaken, w.expired = now, false
	case !ended.IsZero():
		w.shaken, w.expired = now, true
		w.c.Expires = ended
	case errors.Is(r.Err, transport.ErrCertificate):
		w.shaken, w.expired = time.Time{}, false // no handshake came to an end
		w.c.Expires = time.Time{}
	}
}

// Words of Condition.Registered.
const (
	registering        = "registering"
	registered         = "registered"
	registrationFailed = "failed"
)

// registration takes the state of the registration. A trunk that does not know
// where we are takes no calls of ours either, as a rule.
func (w *watch) registration(now time.Time, s sip.RegistrationStatus) {
	switch s.State {
	case sip.Unregistered:
		w.c.Registered = ""
		w.unblock(now)
	case sip.Registering:
		if w.c.Registered == "" {
			w.c.Registered = registering
		}
	case sip.Registered:
		w.c.Registered = registered
		w.unblock(now)
	case sip.RegistrationFailed:
		w.c.Registered = registrationFailed
		w.refused = "REGISTER: " + s.Cause.Error()
		w.set(now, true)
	}
}

// unblock brings the trunk up if nothing but its registration kept it down.
func (w *watch) unblock(now time.Time) {
	if w.bad < w.options.Down || w.options.Interval == 0 {
		w.set(now, false)
	}
}

// set takes the trunk down or up. It stays down while its registration fails.
func (w *watch) set(now time.Time, down bool) {
	down = down || w.c.Registered == registrationFailed
	if w.c.Down != down {
		w.c.Down, w.c.Since = down, now
		w.c.Changes++
	}
}

// condition returns the condition as it is now.
func (w *watch) condition(now time.Time) Condition {
	c := w.c
	c.Reason = w.pinging
	if c.Registered == registrationFailed {
		c.Reason = w.refused
	}
	if c.Ping == PingActive && now.Sub(w.answered) >= staleAfter {
		c.Ping = PingExpired
	}
	switch {
	case w.expired || !c.Expires.IsZero() && now.After(c.Expires):
		c.TLS = TLSCertExpired
	case w.shaken.IsZero() || now.Sub(w.shaken) >= staleAfter:
		c.TLS = TLSUnknown
	case !c.Expires.IsZero() && c.Expires.Sub(now) < expiringBefore:
		c.TLS = TLSCertExpiring
	default:
		c.TLS = TLSActive
	}
	c.Overall = overall(c)
	return c
}

// overall sums a condition up: a warning if anything is wrong, online if
// something is known to be right.
func overall(c Condition) Overall {
	bad := c.Down || c.Ping == PingError || c.Ping == PingExpired ||
		c.TLS == TLSCertExpired || c.TLS == TLSCertExpiring || c.Registered == registrationFailed
	good := c.Ping == PingActive || c.Registered == registered
	switch {
	case bad:
		return OverallWarning
	case good:
		return OverallOnline
	}
	return OverallUnknown
}
