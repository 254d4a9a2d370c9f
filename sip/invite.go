package sip

import (
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// An Address is a name-addr: what stands in From, To and Contact (RFC 3261 §20.10).
type Address struct {
	// Display is the display name without quotes and escapes; "" for none.
	Display string
	// URI is the addr-spec as written: "sip:+15550100@192.0.2.1;user=phone", "tel:+15550100".
	URI string
}

// A Contact is a value of Contact: where somebody can be reached.
type Contact struct {
	Address
	// Q is how much it is preferred to others, 0 to 1; without one it is 1
	// (RFC 3261 §20.10).
	Q float64
}

// A Header is one header field as it stands on the wire, name in its long form.
// A value with CR, LF or NUL is never sent: it is left out and counted.
type Header struct {
	Name, Value string
}

// An Invite is an INVITE as plain data, incoming or outgoing. What concerns
// the transaction and the dialog alone (Via, tags, CSeq, Contact, routes,
// Allow, Supported, Session-Expires, lengths) is the leg's business.
type Invite struct {
	// Targets is where an outgoing INVITE goes, best first; the leg goes on to
	// the next one by itself while nothing has answered (RFC 3263 §4.3).
	Targets []transport.Target
	// Flow is where an incoming INVITE came from.
	Flow transport.Flow
	// Peer is the name the Handler gave to the sender of an incoming INVITE.
	Peer string
	// User is who the sender of an incoming INVITE proved to be, where the
	// Handler wanted a Login; "" where it did not.
	User string

	RequestURI string
	From, To   Address
	// CallID is set on incoming INVITEs. The Call-ID of an outgoing one is
	// made by the leg and has nothing to do with it.
	CallID string
	// MaxForwards is what remained when it came in; outgoing: what is sent,
	// 0 means 70 (RFC 3261 §8.1.1.6).
	MaxForwards int

	// Headers holds every header that the leg does not write or read itself,
	// in order: identity, privacy, diversion, User-to-User, X-...
	Headers []Header
	// ContentType is the type of Body; "" means application/sdp where there is a body.
	ContentType string
	Body        []byte

	// Supported and Require list option tags. They are filled in on incoming
	// INVITEs; on outgoing ones they are added to what the leg writes itself.
	Supported, Require []string
	// Replaces names the dialog this call takes the place of; nil for none (RFC 3891).
	Replaces *Replaces
	// ReferredBy is the value of Referred-By, "" for none (RFC 3892).
	ReferredBy string
	// Timeout ends an outgoing INVITE without a final answer; 0 means 180 s.
	// RFC 3261 §13.3.1.1 gives proxies at least three minutes.
	Timeout time.Duration
}

// Header returns the value of the first header called name, compared without
// case, and whether there is one.
func (i *Invite) Header(name string) (string, bool) { return findHeader(i.Headers, name) }

// Extra is what a response may carry besides its body.
type Extra struct {
	// Reason is the reason phrase; "" means the usual one.
	Reason string
	// ContentType is the type of the body; "" means application/sdp.
	ContentType string
	Headers     []Header
}
