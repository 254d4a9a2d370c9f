package sbc

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/tandem-voip/tandem/sip"
)

// A Diversion is one forwarding a call went through: who forwarded it, and why.
type Diversion struct {
	Number  string // as inside; never empty
	Display string
	// Reason is one of RFC 5806 §4: unknown, user-busy, no-answer, unavailable,
	// unconditional, time-of-day, do-not-disturb, deflection, follow-me,
	// out-of-service or away.
	Reason string
	// Count is how many forwardings it stands for, at least 1.
	Count int
	// Private is set if the one who forwarded does not want to be named to those
	// called.
	Private bool
}

// maxDiversions bounds what is read and written of a call's forwardings; of
// more the newest are kept.
const maxDiversions = 10

// readDiversions returns the forwardings of a call, the oldest first. Where
// both forms are there Diversion is believed, which says more (RFC 7544 §3.4.1
// lets either be chosen).
func readDiversions(headers []sip.Header, n *NumbersConfig) []Diversion {
	if d := readDiversion(headers, n); len(d) > 0 {
		return d
	}
	return readHistory(headers, n)
}

// readTarget reads who forwarded a call and why from the parameters of its
// Request-URI (RFC 4458 §2).
func readTarget(requestURI string, n *NumbersConfig) []Diversion {
	u, err := sip.ParseURI(requestURI)
	if err != nil {
		return nil
	}
	target, _ := u.Param("target")
	if target, err = url.PathUnescape(target); err != nil {
		return nil
	}
	user, host, ok := userOf(target)
	if !ok || isAnonymous(user, host) {
		return nil
	}
	cause, _ := u.Param("cause")
	code, _ := strconv.Atoi(cause) // of none: 0, which is unknown
	return []Diversion{{Number: n.read(user), Reason: reasonOf(code), Count: 1}}
}

// readDiversion reads Diversion, whose first value is the newest (RFC 5806 §6).
func readDiversion(headers []sip.Header, n *NumbersConfig) []Diversion {
	var out []Diversion
	values := listed(headers, "Diversion", maxDiversions)
	for i := range values {
		v := values[len(values)-1-i]
		display, number, params, ok := readParty(v, n)
		if !ok {
			continue
		}
		d := Diversion{Number: number, Display: display, Reason: "unknown", Count: 1}
		if r, has := paramOf(params, "reason"); has {
			d.Reason = knownReason(r)
		}
		if c, has := paramOf(params, "counter"); has {
			d.Count = counted(c)
		}
		if p, has := paramOf(params, "privacy"); has {
			d.Private = !strings.EqualFold(p, "off")
		}
		out = append(out, d)
	}
	return out
}

// counted reads a counter; it is bounded, since it is a stranger's.
func counted(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 1
	}
	return max(1, min(n, 99))
}

// knownReason returns a reason of RFC 5806; what is none is unknown.
func knownReason(s string) string {
	switch s = strings.ToLower(s); s {
	case "user-busy", "no-answer", "unavailable", "unconditional", "time-of-day",
		"do-not-disturb", "deflection", "follow-me", "out-of-service", "away":
		return s
	}
	return "unknown"
}

// A historyEntry is a value of History-Info (RFC 7044 §5.1).
type historyEntry struct {
	number, display string
	cause           int // the cause parameter of the URI (RFC 4458), 0 if none
	reason          int // the cause in an escaped Reason header, 0 if none
	private         bool
}

// readHistory reads History-Info. The target a call was diverted to carries the
// cause (RFC 7044 §10.3); the older form has it at the one who diverted, as an
// escaped Reason (RFC 4244 §4.1).
func readHistory(headers []sip.Header, n *NumbersConfig) []Diversion {
	var entries []historyEntry
	for _, v := range listed(headers, "History-Info", 2*maxDiversions) {
		if e, ok := readHistoryEntry(v, n); ok {
			entries = append(entries, e)
		}
	}
	var out []Diversion
	for i, e := range entries {
		cause := e.reason
		if i+1 < len(entries) && entries[i+1].cause != 0 {
			cause = entries[i+1].cause
		}
		// Without a cause the entry is a retargeting of a server, not a
		// forwarding by a user; the last entry is the one called.
		if cause == 0 || i+1 == len(entries) && e.reason == 0 {
			continue
		}
		out = append(out, Diversion{
			Number: e.number, Display: e.display, Reason: reasonOf(cause), Count: 1, Private: e.private,
		})
	}
	return out[max(0, len(out)-maxDiversions):]
}

func readHistoryEntry(v string, n *NumbersConfig) (historyEntry, bool) {
	a, err := sip.ParseAddress(v)
	if err != nil {
		return historyEntry{}, false
	}
	u, err := sip.ParseURI(a.URI)
	if err != nil {
		return historyEntry{}, false
	}
	user, _, ok := userOf(a.URI)
	if !ok {
		return historyEntry{}, false
	}
	e := historyEntry{number: n.read(user)}
	if isPlain(a.Display) {
		e.display = a.Display
	}
	if c, has := u.Param("cause"); has {
		e.cause, _ = strconv.Atoi(c)
	}
	for h := range strings.SplitSeq(u.Headers, "&") {
		name, value, _ := strings.Cut(h, "=")
		value, err := url.QueryUnescape(value)
		if err != nil {
			continue
		}
		switch strings.ToLower(name) {
		case "reason":
			if c, ok := sip.ParseReason(value); ok {
				e.reason = c.Status
			}
		case "privacy":
			e.private = e.private || !strings.EqualFold(value, "none")
		}
	}
	return e, true
}

// causeOf is the cause of RFC 4458 for a reason of RFC 5806, as RFC 7544 §3.3
// pairs them.
func causeOf(reason string) int {
	switch reason {
	case "unconditional", "time-of-day", "follow-me", "away":
		return 302
	case "user-busy", "do-not-disturb":
		return 486
	case "no-answer":
		return 408
	case "deflection":
		return 480
	case "unavailable", "out-of-service":
		return 503
	}
	return 404
}

// reasonOf is the reverse of causeOf.
func reasonOf(cause int) string {
	switch cause {
	case 302:
		return "unconditional"
	case 486, 600:
		return "user-busy"
	case 408:
		return "no-answer"
	case 480, 487:
		return "deflection"
	case 503:
		return "unavailable"
	}
	return "unknown"
}

// shown are the forwardings that the trunk may hear of. Whoever does not want to
// be named is left out towards a peer that is not trusted (RFC 5806 §5.3,
// RFC 7044 §10.1.2).
func (t *Trunk) shown(ds []Diversion) []Diversion {
	var out []Diversion
	for _, d := range ds {
		if !d.Private || t.cfg.Identity.Trusted {
			out = append(out, d)
		}
	}
	return out
}

// diverted writes the forwardings of a call as the trunk wants them; called is
// the number asked for.
func (t *Trunk) diverted(ds []Diversion, called, host string) []sip.Header {
	ds = t.shown(ds)
	if len(ds) == 0 {
		return nil
	}
	switch t.cfg.Identity.Diversion {
	case DivertingDiversion:
		return t.writeDiversion(ds, host)
	case DivertingHistory:
		return t.writeHistory(ds, called, host)
	case DivertingURI, DivertingOff:
	}
	return nil
}

// divertedURI is a Request-URI with the last forwarding of a call in its
// parameters, where the trunk wants it there (RFC 4458 §2). A tel: URI has no
// such parameters.
func (t *Trunk) divertedURI(uri string, ds []Diversion, host string) string {
	ds = t.shown(ds)
	if t.cfg.Identity.Diversion != DivertingURI || len(ds) == 0 || !strings.HasPrefix(uri, "sip:") {
		return uri
	}
	d, n := ds[len(ds)-1], &t.cfg.Numbers
	target := url.QueryEscape(n.uri(d.Number, n.Diversion, host, 0))
	return uri + ";target=" + target + ";cause=" + strconv.Itoa(causeOf(d.Reason))
}

func (t *Trunk) writeDiversion(ds []Diversion, host string) []sip.Header {
	n := &t.cfg.Numbers
	out := make([]sip.Header, 0, len(ds))
	for i := range ds {
		d := ds[len(ds)-1-i] // the newest first
		a := sip.Address{Display: d.Display, URI: n.uri(d.Number, n.Diversion, host, 0)}.String()
		if a == "" {
			continue
		}
		privacy := "off"
		if d.Private {
			privacy = "full"
		}
		out = append(out, sip.Header{
			Name:  "Diversion",
			Value: fmt.Sprintf("%s;reason=%s;counter=%d;privacy=%s", a, d.Reason, d.Count, privacy),
		})
	}
	return out
}

// writeHistory writes one entry for each who forwarded and one for the number
// called, each an index deeper, with the cause at the target it led to and mp
// naming the entry it came from (RFC 7044 §5.1, RFC 7544 §3.4).
func (t *Trunk) writeHistory(ds []Diversion, called, host string) []sip.Header {
	n := &t.cfg.Numbers
	out := make([]sip.Header, 0, len(ds)+1)
	index, before, cause := "1", "", 0
	entry := func(number, display string, private bool) {
		uri := n.uri(number, n.Diversion, host, 0)
		if cause != 0 {
			uri += ";cause=" + strconv.Itoa(cause)
		}
		if private {
			uri += "?Privacy=history"
		}
		a := sip.Address{Display: display, URI: uri}.String()
		if a == "" {
			return
		}
		value := a + ";index=" + index
		if before != "" {
			value += ";mp=" + before
		}
		out = append(out, sip.Header{Name: "History-Info", Value: value})
		before, index = index, index+".1"
	}
	for _, d := range ds {
		entry(d.Number, d.Display, d.Private)
		cause = causeOf(d.Reason)
	}
	entry(called, "", false)
	return out
}
