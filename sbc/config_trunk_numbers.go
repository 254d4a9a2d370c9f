package sbc

import "fmt"

// NumbersConfig says how telephone numbers look on a trunk. Inside, a number
// that is known to be one is E.164 with a plus; anything else stays as it is.
type NumbersConfig struct {
	// Country is the country code numbers without one belong to, as "49". Empty
	// leaves such numbers as they are.
	Country string
	// International is what stands before a country code instead of a plus, as
	// "00" or "011". Empty: nothing does.
	International string
	// National is the trunk prefix before an area code, as "0" or "1". It is
	// taken off when Country is put before a number, and put on when a national
	// number is written.
	National string
	// Bare reads a number without plus or prefix as one with its country code,
	// for peers that leave the plus out.
	Bare bool
	// Prefix is taken off the numbers the peer calls, if it is there (a tech
	// prefix).
	Prefix string

	// RequestURI, From, To, Identity and Diversion say how numbers are written
	// to the peer in the Request-URI, in From, in To, in the identity headers
	// and P-Charge-Info, and in Diversion or History-Info.
	RequestURI NumberFormat
	From       NumberFormat
	To         NumberFormat
	Identity   NumberFormat
	Diversion  NumberFormat
}

// A NumberFormat is how a number is written.
type NumberFormat struct {
	// Form is e164 (with the plus), plain (E.164 without it), national (without
	// the country code if it is the trunk's, else with the international prefix)
	// or unchanged.
	Form NumberForm
	// Prefix is put before it (a tech prefix).
	Prefix string
	// UserPhone adds user=phone to the URI if the user is a telephone number
	// (RFC 3261 §19.1.1).
	UserPhone bool
	// Tel writes a tel: URI instead of a sip: one (RFC 3966) if the user is a
	// telephone number. A Request-URI must be a sip: one for peers that look for
	// their own name in it.
	Tel bool
}

// NumberForm is a form of a number.
type NumberForm string

// The forms.
const (
	FormE164      NumberForm = "e164"
	FormPlain     NumberForm = "plain"
	FormNational  NumberForm = "national"
	FormUnchanged NumberForm = "unchanged"
)

func (n *NumbersConfig) validate(f *findings, key string) {
	for k, v := range map[string]string{
		"country": n.Country, "international": n.International, "national": n.National,
	} {
		if len(v) > 7 || !isDigits(v) {
			f.add(key+"."+k, "%q is not a prefix; use up to 7 digits", v)
		}
	}
	if len(n.Prefix) > 16 || !isDialable(n.Prefix) {
		f.add(key+".prefix", "%q is not a prefix; use up to 16 of 0-9, *, # and +", n.Prefix)
	}
	for k, v := range map[string]NumberFormat{
		"request_uri": n.RequestURI, "from": n.From, "to": n.To, "identity": n.Identity, "diversion": n.Diversion,
	} {
		k = key + "." + k
		oneOf(f, k+".form", v.Form, FormE164, FormPlain, FormNational, FormUnchanged)
		if v.Form == FormNational && n.Country == "" {
			f.add(k+".form", "is national and the trunk has no country; give numbers.country")
		}
		if len(v.Prefix) > 16 || !isDialable(v.Prefix) {
			f.add(k+".prefix", "%q is not a prefix; use up to 16 of 0-9, *, # and +", v.Prefix)
		}
	}
}

// IdentityConfig says how callers are named.
type IdentityConfig struct {
	// Trusted puts the peer inside our trust domain (RFC 3325 §2.3): its
	// P-Asserted-Identity, Remote-Party-ID, Diversion and History-Info are
	// believed, and callers who asked for privacy are named to it. Anything such
	// from a peer that is not trusted is left out.
	Trusted bool
	// Write lists the headers that name the caller to the peer besides From: pai
	// (P-Asserted-Identity), ppi (P-Preferred-Identity, RFC 3325 §9.2), rpid
	// (Remote-Party-ID) and charge (P-Charge-Info, RFC 8496).
	Write []IdentityHeader
	// Caller is the number the peer shall see whoever calls, as +15550100. Empty
	// shows the caller's.
	Caller string
	// Display passes the caller's name; without it From has the number alone.
	Display bool
	// Privacy says what becomes of a caller's wish for it (RFC 3323): honour (From
	// is anonymous, Privacy is written) or ignore.
	Privacy PrivacyPolicy
	// Diversion says how a forwarded call tells so: off, diversion (RFC 5806),
	// history (History-Info, RFC 7044) or uri (the last forwarding only, as target
	// and cause in the Request-URI, RFC 4458). Each is read and converted.
	Diversion Diverting
	// UserToUser passes User-to-User (RFC 7433) to the peer, in requests and in
	// responses.
	UserToUser bool
}

// IdentityHeader is a header that names the caller.
type IdentityHeader string

// The headers.
const (
	IdentityPAI    IdentityHeader = "pai"
	IdentityPPI    IdentityHeader = "ppi"
	IdentityRPID   IdentityHeader = "rpid"
	IdentityCharge IdentityHeader = "charge"
)

// PrivacyPolicy is what becomes of a wish for privacy.
type PrivacyPolicy string

// The policies.
const (
	PrivacyHonour PrivacyPolicy = "honour"
	PrivacyIgnore PrivacyPolicy = "ignore"
)

// Diverting is how a forwarded call tells so.
type Diverting string

// The ways.
const (
	DivertingOff       Diverting = "off"
	DivertingDiversion Diverting = "diversion"
	DivertingHistory   Diverting = "history"
	DivertingURI       Diverting = "uri"
)

func (i *IdentityConfig) validate(f *findings, key string) {
	for n, w := range i.Write {
		oneOf(f, fmt.Sprintf("%s.write[%d]", key, n), w, IdentityPAI, IdentityPPI, IdentityRPID, IdentityCharge)
	}
	if i.Caller != "" && !isDialable(i.Caller) {
		f.add(key+".caller", "%q is not a number; write it as +15550100", i.Caller)
	}
	oneOf(f, key+".privacy", i.Privacy, PrivacyHonour, PrivacyIgnore)
	oneOf(f, key+".diversion", i.Diversion, DivertingOff, DivertingDiversion, DivertingHistory, DivertingURI)
}

// HeadersConfig says which headers of INVITE, BYE and the responses to INVITE
// pass besides those the call itself needs, which we write ourselves.
type HeadersConfig struct {
	// Allow lists headers of the other side that pass to the peer, by name or by
	// the beginning of names, as X-MS-Custom-*. None passes that is not listed.
	Allow []string
	// Strip lists headers that do not pass to the peer although Allow has them.
	Strip []string
	// Set lists headers that are written to the peer, in place of any that pass
	// under the same name.
	Set []HeaderConfig
}

// HeaderConfig is a header to write.
type HeaderConfig struct {
	// Name is its name.
	Name string
	// Value is its value. ${caller}, ${called}, ${trunk} and ${route} stand for
	// the call's: the numbers in E.164 where they have that form.
	Value string
}

func (h *HeadersConfig) validate(f *findings, key string) {
	for k, list := range map[string][]string{"allow": h.Allow, "strip": h.Strip} {
		if len(list) > maxRules {
			f.add(key+"."+k, "has more than %d names", maxRules)
		}
		for i, n := range list {
			if why := badRule(n); why != "" {
				f.add(fmt.Sprintf("%s.%s[%d]", key, k, i), "%q %s", n, why)
			}
		}
	}
	if len(h.Set) > maxRules {
		f.add(key+".set", "has more than %d headers", maxRules)
	}
	for i, s := range h.Set {
		k := fmt.Sprintf("%s.set[%d]", key, i)
		if why := badHeaderName(s.Name); why != "" {
			f.add(k+".name", "%q %s", s.Name, why)
		}
		if why := badTemplate(s.Value); why != "" {
			f.add(k+".value", "%s", why)
		}
	}
}
