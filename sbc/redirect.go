package sbc

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sip"
)

// contactsMax bounds the contacts of one redirection that are tried; how many
// redirections are followed in a call is bounded by [CallConfig.Depth].
const contactsMax = 8

// redirected follows a 3xx where the trunk says so: its contacts become targets
// in place of the one that sent it, tried one after the other, best first.
// Otherwise they are kept for the caller. RFC 3261 §8.1.3.4.
func (c *Call) redirected(now time.Time, s *side, e sip.Redirected) {
	q := c.search
	if c.ending || s.lost || q == nil {
		return
	}
	if s.trunk.cfg.Dialog.Redirect != RedirectFollow {
		s.contacts = e.Contacts
		return
	}
	if c.depth >= c.config.Depth {
		c.b2b.count.tooDeep.Add(1)
		c.note(now, "redirection not followed: too many")
		return
	}
	var to []int
	for _, a := range e.Contacts {
		uri := callable(a.URI)
		switch {
		case uri == "" || len(to) == contactsMax:
			continue
		case q.asked[askedFor(uri)]:
			// Nobody is asked twice, so that a loop ends.
			c.note(now, "redirection in a circle")
			continue
		}
		q.asked[askedFor(uri)] = true
		hop := q.hops[s.target]
		hop.redirect(uri, e)
		to = append(to, len(q.hops))
		q.hops = append(q.hops, hop)
	}
	if len(to) == 0 {
		return
	}
	c.depth++
	c.noteFailure(now, s, sip.Refusal(e.Status).WithText("Redirected"))
	q.hunt.redirected(s.target, to)
	c.drop(now, s)
	c.next(now)
}

// redirect makes the hop one to a contact of the redirection e. Where that is
// somebody else's, the one who redirected has diverted the call.
func (h *Hop) redirect(contact string, e sip.Redirected) {
	h.Target = contact
	n := &h.Trunk.cfg.Numbers
	user, _, ok := userOf(contact)
	if !ok {
		return
	}
	by := h.Called
	h.Called = n.read(user) // what ceilings and records go by
	if by != "" && by != h.Called {
		h.diverted = append(slices.Clip(h.diverted), diversionBy(by, contact, e, n))
	}
}

// diversionBy is the forwarding that number makes by a redirection to a contact.
// Why is what it says of itself, by the newest Diversion (RFC 5806) or by the cause
// of the contact (RFC 4458 §2); else what 302 stands for there, and of any other
// status nothing is known.
func diversionBy(number, contact string, e sip.Redirected, n *NumbersConfig) Diversion {
	d := Diversion{Number: number, Reason: "unknown", Count: 1}
	if e.Status == 302 {
		d.Reason = reasonOf(e.Status)
	}
	if cause, ok := causeIn(contact); ok {
		d.Reason = reasonOf(cause)
	}
	said := readDiversion(e.Headers, n)
	if last := len(said) - 1; last >= 0 && said[last].Number == number {
		d.Reason, d.Private = said[last].Reason, said[last].Private
	}
	return d
}

// causeIn is the cause in the parameters of a URI, if there is one.
func causeIn(uri string) (int, bool) {
	u, err := sip.ParseURI(uri)
	if err != nil {
		return 0, false
	}
	text, ok := u.Param("cause")
	cause, err := strconv.Atoi(text)
	return cause, ok && err == nil
}

// callable is a contact as a request to it asks for it, without the headers it
// may bring (RFC 3261 §19.1.1); empty if it is none of SIP.
func callable(contact string) string {
	u, err := sip.ParseURI(contact)
	if err != nil || u.Scheme == "tel" {
		return ""
	}
	if u.Headers == "" {
		return contact
	}
	u.Headers = ""
	return u.String()
}

// askedFor is how a Request-URI is known again: by number and host, or by the
// whole of it where it names no user.
func askedFor(uri string) string {
	u, err := sip.ParseURI(uri)
	if err != nil || u.User == "" {
		return uri
	}
	port := int(u.Port)
	if port == 0 {
		port = 5060
	}
	return u.Number() + "@" + strings.ToLower(u.Host) + ":" + itoa(port)
}

// contacts tells the caller the contacts of a redirection, all of them, as
// numbers at our host (RFC 3261 §21.3).
func (c *Call) contacts(all []sip.Contact, from *Trunk) []sip.Header {
	var out []sip.Header
	for _, a := range all {
		uri := c.origin.retold(a.URI, from, c.host())
		if uri == "" || slices.ContainsFunc(out, func(h sip.Header) bool { return strings.HasPrefix(h.Value, "<"+uri+">") }) {
			continue
		}
		value := "<" + uri + ">"
		if a.Q < 1 {
			value += ";q=" + strconv.FormatFloat(a.Q, 'f', -1, 64)
		}
		out = append(out, sip.Header{Name: "Contact", Value: value})
	}
	return out
}
