package sbc

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// An Arrival is what an incoming INVITE says about its call, read by the rules
// of the trunk it came in on. What the trunk may not say is left out. It is a
// value; its slices must not be changed.
type Arrival struct {
	Trunk  *Trunk
	Called string // the number or name asked for: E.164 with a plus if it can be told
	Caller Caller
	// Diversions are the forwardings before, the oldest first.
	Diversions []Diversion
	// Headers are all of the INVITE, from which the rules of the next trunk choose.
	Headers []sip.Header
	// MaxForwards is what an outgoing INVITE of this call says.
	MaxForwards int
}

// Arrive reads an INVITE that came in on a trunk. The error is a [sip.Cause] to
// refuse it with.
func Arrive(from *Trunk, in *sip.Invite) (Arrival, error) {
	u, err := sip.ParseURI(in.RequestURI)
	if err != nil {
		return Arrival{}, sip.Refusal(416).WithText("Request-URI is neither sip nor tel") // RFC 3261 §8.2.2.1
	}
	user, _, ok := userOf(in.RequestURI)
	switch {
	case u.User == "":
		return Arrival{}, sip.Refusal(404).WithText("Request-URI names nobody")
	case !ok:
		return Arrival{}, sip.Refusal(400).WithText("Request-URI has a bad user part")
	}
	if in.MaxForwards <= 0 {
		return Arrival{}, sip.Refusal(483) // RFC 3261 §16.3 step 3
	}
	n := &from.cfg.Numbers
	a := Arrival{
		Trunk:       from,
		Called:      n.read(user),
		Caller:      readCaller(in, from),
		Headers:     in.Headers,
		MaxForwards: in.MaxForwards - 1,
	}
	if from.cfg.Identity.Trusted {
		if a.Diversions = readDiversions(in.Headers, n); len(a.Diversions) == 0 {
			a.Diversions = readTarget(in.RequestURI, n)
		}
	}
	return a, nil
}

// maxUserToUser bounds the User-to-User values of a message.
const maxUserToUser = 4

const userToUser = "User-to-User"

// isUserToUser reports whether a value may pass: a token or a quoted string, and
// parameters (RFC 7433 §4.1).
func isUserToUser(v string) bool {
	return len(v) <= maxHeaderValue && v != "" && isHeaderText(v) && !strings.ContainsAny(v, "<>")
}

// isHeaderText reports whether s is the text of a header value: no control
// characters, so that one header never becomes two (RFC 3261 §25.1 TEXT-UTF8).
func isHeaderText(s string) bool { return strings.IndexFunc(s, isControl) < 0 }

// Query is what routing looks at. Roll is a random number, the same for all
// plans of one call; targets whose trunk is down at now are avoided.
func (a Arrival) Query(now time.Time, roll uint64) Query {
	return Query{
		Trunk: a.Trunk, Called: a.Called, Caller: a.Caller.Number, Roll: roll,
		Up: func(t *Trunk) bool { return t.Up(now) },
	}
}

// Towards returns the INVITE of this call to a hop that has a trunk, without
// targets, body and what only the other leg knows. Host is the name or address
// we have on that side, see [Trunk.Local].
//
// No name, address, tag or Call-ID of the side the call came from is in it: each
// URI is written anew with the host that the trunk is to see (RFC 7092 §3.1.1).
func (a Arrival) Towards(h Hop, host string) sip.Invite {
	t := h.Trunk
	from, headers := t.named(a.Caller, h.Caller, host)
	diversions := slices.Concat(a.Diversions, h.diverted)
	diversions = diversions[max(0, len(diversions)-maxDiversions):]
	headers = append(headers, t.diverted(diversions, h.Called, host)...)
	text := callText{called: h.Called, caller: h.Caller, route: h.Route}
	if a.Caller.Private && !t.cfg.Identity.Trusted {
		text.caller = anonymous
	}
	if a.Trunk != nil {
		text.trunk = a.Trunk.Name()
	}
	headers = append(headers, t.Pass(a.Headers)...)
	for _, s := range t.set {
		if v := s.value.apply(text); isHeaderText(v) && len(v) <= maxHeaderValue {
			headers = append(headers, sip.Header{Name: s.name, Value: v})
		}
	}
	return sip.Invite{
		RequestURI:  t.requestURI(h, diversions, host),
		From:        from,
		To:          sip.Address{URI: t.cfg.Numbers.uri(h.Called, t.cfg.Numbers.To, cmp.Or(t.cfg.Peer.Host, host), 0)},
		MaxForwards: a.MaxForwards,
		Headers:     headers,
		Timeout:     h.Timeout,
	}
}

// requestURI is whom the INVITE to a hop asks for, of a call with those
// forwardings.
func (t *Trunk) requestURI(h Hop, ds []Diversion, host string) string {
	if h.Target != "" {
		if _, said := causeIn(h.Target); said || len(h.diverted) == 0 {
			return h.Target
		}
		return t.divertedURI(h.Target, ds, host)
	}
	n, p := &t.cfg.Numbers, &t.cfg.Peer
	uri := n.uri(h.Called, n.RequestURI, p.Host, p.Port)
	if !strings.HasPrefix(uri, "sip:") {
		return uri
	}
	switch p.Transport {
	case TransportTCP, TransportTLS, TransportWS:
		uri += ";transport=" + string(p.Transport)
	case TransportWSS:
		uri += ";transport=ws" // RFC 7118 §5.2.4: there is no wss
	case TransportAny, TransportUDP:
	}
	return t.divertedURI(uri, ds, host)
}

// Pass returns the headers of the other side that pass to this trunk by its
// rules, besides those every call needs, and User-to-User where it passes. Of
// requests and responses alike: INVITE, BYE and what answers an INVITE
// (RFC 7433 §4).
func (t *Trunk) Pass(headers []sip.Header) []sip.Header {
	var out []sip.Header
	for _, h := range headers {
		name := strings.ToLower(h.Name)
		if !t.allow.fits(name) || t.strip.fits(name) || ours(name) || t.sets(name) {
			continue
		}
		if len(out) >= maxRules || len(h.Value) > maxHeaderValue || !isToken(h.Name) || !isHeaderText(h.Value) {
			t.left.Add(1)
			continue
		}
		out = append(out, h)
	}
	if !t.cfg.Identity.UserToUser {
		return out
	}
	for _, v := range listed(headers, userToUser, maxUserToUser) {
		if !isUserToUser(v) {
			t.left.Add(1)
			continue
		}
		out = append(out, sip.Header{Name: userToUser, Value: v})
	}
	return out
}

// sets reports whether the trunk writes the header itself.
func (t *Trunk) sets(name string) bool {
	for _, s := range t.set {
		if strings.EqualFold(s.name, name) {
			return true
		}
	}
	return false
}

// Local is the host we have towards the trunk: its domain, else what the
// listener that requests leave by advertises; empty if there is none.
func (t *Trunk) Local(listeners []transport.Listener, to transport.Target) string {
	p := &t.cfg.Peer
	if p.Domain != "" {
		return p.Domain
	}
	host := ""
	for _, l := range listeners {
		switch {
		case to.Listener != "" && l.Name == to.Listener:
			return l.Host
		case l.Kind != to.Kind && to.Kind != 0 || host != "":
		case !to.Addr.IsValid() || l.Addr.Addr().Is4() == to.Addr.Addr().Unmap().Is4() || l.Addr.Addr().IsUnspecified():
			host = l.Host
		}
	}
	return host
}
