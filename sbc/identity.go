package sbc

import (
	"strings"

	"github.com/tandem-voip/tandem/sip"
)

// A Caller is who calls, as far as the trunk he comes from may say so.
type Caller struct {
	// Number is the number to show, as inside; empty if there is none or the
	// caller does not want it shown and no network told it.
	Number string
	// Display is his name; empty for none.
	Display string
	// Asserted is the number that a trusted network vouches for (RFC 3325);
	// empty if none does. It may be another than Number: the main number of a
	// company besides the extension.
	Asserted string
	// AssertedDisplay is the name beside it.
	AssertedDisplay string
	// Charge is the number to charge, of a trusted network (RFC 8496).
	Charge string
	// Private is set if he does not want to be named to those called.
	Private bool
}

// maxIdentities bounds the identity headers that are read of one call.
const maxIdentities = 8

// readCaller finds out who calls. What only a trusted peer may say is ignored
// from another.
func readCaller(in *sip.Invite, t *Trunk) Caller {
	var c Caller
	n := &t.cfg.Numbers
	user, host, ok := userOf(in.From.URI)
	hidden := !ok || isAnonymous(user, host)
	switch {
	case in.User != "":
		// He proved who he is; From is only what he says.
		c.Number, c.Asserted, c.Private = n.read(in.User), n.read(in.User), hidden
	case !hidden:
		c.Number = n.read(user)
	}
	if c.Number != "" && isPlain(in.From.Display) {
		c.Display = in.From.Display
	}
	if t.cfg.Identity.Trusted {
		c.readAsserted(in, n)
	}
	// "none": the user wants to be named, whatever his network set (RFC 3323
	// §4.2).
	c.Private = !hasPrivacy(in, "none") && (c.Private || c.Number == "" || wantsPrivacy(in))
	if c.Number == "" {
		c.Number, c.Display = c.Asserted, c.AssertedDisplay
	}
	return c
}

// readAsserted reads what a trusted network says: P-Asserted-Identity, else
// Remote-Party-ID, else what the user prefers of the identities he has.
func (c *Caller) readAsserted(in *sip.Invite, n *NumbersConfig) {
	for _, name := range []string{"P-Asserted-Identity", "Remote-Party-ID", "P-Preferred-Identity"} {
		for _, v := range listed(in.Headers, name, maxIdentities) {
			display, number, params, ok := readParty(v, n)
			if !ok {
				continue
			}
			if name == "Remote-Party-ID" {
				if party, has := paramOf(params, "party"); has && !strings.EqualFold(party, "calling") {
					continue
				}
				if p, has := paramOf(params, "privacy"); has && !strings.EqualFold(p, "off") {
					c.Private = true
				}
			}
			if c.Asserted == "" {
				c.Asserted, c.AssertedDisplay = number, display
			}
		}
	}
	for _, v := range listed(in.Headers, "P-Charge-Info", 1) {
		if _, number, _, ok := readParty(v, n); ok {
			c.Charge = number
		}
	}
}

// readParty reads a name-addr with parameters behind it.
func readParty(v string, n *NumbersConfig) (display, number, params string, ok bool) {
	a, err := sip.ParseAddress(v)
	if err != nil {
		return "", "", "", false
	}
	user, host, ok := userOf(a.URI)
	if !ok || isAnonymous(user, host) {
		return "", "", "", false
	}
	if isPlain(a.Display) {
		display = a.Display
	}
	return display, n.read(user), paramsAfter(v), true
}

// isAnonymous reports whether a URI names nobody (RFC 3323 §4.1.1.3, and what
// else is written for it).
func isAnonymous(user, host string) bool {
	if strings.EqualFold(host, anonymousHost) {
		return true
	}
	switch strings.ToLower(user) {
	case "anonymous", "restricted", "unavailable", "unknown", "private":
		return true
	}
	return false
}

const anonymousHost = "anonymous.invalid"

// wantsPrivacy reports whether the caller asks not to be named: id (RFC 3325
// §9.3), user or header (RFC 3323 §4.2).
func wantsPrivacy(in *sip.Invite) bool {
	return hasPrivacy(in, "id") || hasPrivacy(in, "user") || hasPrivacy(in, "header")
}

func hasPrivacy(in *sip.Invite, want string) bool {
	for _, h := range in.Headers {
		if !strings.EqualFold(h.Name, "Privacy") {
			continue
		}
		for v := range strings.FieldsFuncSeq(h.Value, func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if strings.EqualFold(v, want) {
				return true
			}
		}
	}
	return false
}

// named is the caller as a trunk shows him: From, and the identity headers.
// Number is the number to show, after routes have rewritten it; host is ours.
func (t *Trunk) named(c Caller, number, host string) (from sip.Address, headers []sip.Header) {
	id, n := &t.cfg.Identity, &t.cfg.Numbers
	asserted := c.Asserted
	if asserted == "" || number != c.Number {
		asserted = number // rewritten: the network's word is for another number
	}
	if id.Caller != "" {
		number, asserted = id.Caller, id.Caller
	}
	private := c.Private && id.Privacy == PrivacyHonour || number == ""
	display := ""
	if id.Display {
		display = c.Display
	}
	from = sip.Address{Display: display, URI: n.uri(number, n.From, host, 0)}
	if private {
		// RFC 3323 §4.1.1.3.
		from = sip.Address{Display: "Anonymous", URI: "sip:anonymous@" + anonymousHost}
	}
	if private && !id.Trusted {
		return from, nil // nobody outside is told (RFC 3325 §7)
	}
	if asserted != "" {
		headers = t.identities(sip.Address{Display: display, URI: n.uri(asserted, n.Identity, host, 0)}, private)
		headers = t.charged(headers, c, number, host)
	}
	if private {
		headers = append(headers, sip.Header{Name: "Privacy", Value: "id"}) // RFC 3325 §9.3
	}
	return from, headers
}

// identities are the headers that name the caller.
func (t *Trunk) identities(a sip.Address, private bool) []sip.Header {
	var out []sip.Header
	value := a.String()
	if value == "" {
		return nil
	}
	for _, w := range t.cfg.Identity.Write {
		switch w {
		case IdentityPAI:
			out = append(out, sip.Header{Name: "P-Asserted-Identity", Value: value})
		case IdentityPPI:
			out = append(out, sip.Header{Name: "P-Preferred-Identity", Value: value})
		case IdentityRPID:
			privacy := "off"
			if private {
				privacy = "full"
			}
			out = append(out, sip.Header{
				Name: "Remote-Party-ID", Value: value + ";party=calling;screen=yes;privacy=" + privacy,
			})
		case IdentityCharge: // see charged
		}
	}
	return out
}

// charged appends P-Charge-Info: the number of the network, else the caller's.
func (t *Trunk) charged(headers []sip.Header, c Caller, number, host string) []sip.Header {
	n := &t.cfg.Numbers
	for _, w := range t.cfg.Identity.Write {
		if w != IdentityCharge {
			continue
		}
		if c.Charge != "" {
			number = c.Charge
		}
		if number == "" {
			return headers
		}
		value := sip.Address{URI: n.uri(number, n.Identity, host, 0)}.String()
		return append(headers, sip.Header{Name: "P-Charge-Info", Value: value})
	}
	return headers
}
