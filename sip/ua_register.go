package sip

import (
	"errors"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// maxRegister bounds the contacts of one REGISTER.
const maxRegister = 16

// A RegisterContact is one contact of a REGISTER, or of the answer to one.
type RegisterContact struct {
	URI     string
	Expires time.Duration // asked for; negative: not said. In an answer: left
	Q       int           // preference in thousandths; 1000 when not said
}

// A Register is what a REGISTER asks. RFC 3261 §10.3.
type Register struct {
	Record   URI // the address-of-record, of the To
	CallID   string
	Seq      uint32
	All      bool // the contact is "*"
	Contacts []RegisterContact
	Flow     transport.Flow // over which the phone is reached
	User     string         // who proved to ask, where the Handler wanted a Login
}

// A Registrar is a Handler that also takes registrations. It is called as a
// Handler is. It returns what is bound afterwards; an error that is a Cause
// refuses with it, a *TooBriefError with 423.
type Registrar interface {
	Register(now time.Time, r Register) ([]RegisterContact, error)
}

// A TooBriefError refuses a registration that asks for less time than Min.
type TooBriefError struct{ Min time.Duration }

// Error says how long a registration must last.
func (e *TooBriefError) Error() string { return "register: at least " + e.Min.String() + " is wanted" }

// register answers a REGISTER. RFC 3261 §10.3.
func (u *UA) register(now time.Time, h Handler, r *sipmsg.Request, in transport.Inbound, p Peer) {
	registrar, ok := h.(Registrar)
	if !ok {
		u.refuse(now, r, in, 405, Header{"Allow", allow(&p.Leg)})
		return
	}
	user, ok := u.login(now, p.Login, r, in) // §10.3, step 3
	if !ok {
		return
	}
	req, err := parseRegister(r)
	if err != nil {
		u.refuse(now, r, in, 400)
		return
	}
	req.Flow, req.User = in.Reply, user
	bound, err := registrar.Register(now, req)
	var brief *TooBriefError
	var cause Cause
	switch {
	case errors.As(err, &brief):
		u.refuse(now, r, in, 423, Header{"Min-Expires", secs(brief.Min)}) // §10.3, step 7
	case errors.As(err, &cause) && cause.Status == 405:
		u.refuse(now, r, in, 405, Header{"Allow", allow(&p.Leg)})
	case errors.As(err, &cause):
		u.refuseWith(now, r, in, cause)
	case err != nil:
		u.refuse(now, r, in, 500)
	default:
		headers := make([]Header, 0, len(bound))
		for _, b := range bound {
			headers = append(headers, Header{"Contact", "<" + b.URI + ">;expires=" + secs(b.Expires)})
		}
		u.reply(now, r, in, 200, headers)
	}
}

var errRegister = errors.New("parse register: its contacts make no sense")

func parseRegister(r *sipmsg.Request) (Register, error) {
	record, err := ParseURI(r.To().Address.String())
	if err != nil {
		return Register{}, err
	}
	req := Register{Record: record, CallID: string(*r.CallID()), Seq: r.CSeq().SeqNo}
	expires := time.Duration(-1)
	if e := r.GetHeader("Expires"); e != nil {
		expires = parseExpires(e.Value())
	}
	for _, h := range r.GetHeaders("Contact") {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok || len(req.Contacts) == maxRegister {
			return Register{}, errRegister
		}
		contact := RegisterContact{Expires: expires, Q: 1000}
		if c.Address.Wildcard {
			req.All = true
		} else if contact.URI = c.Address.String(); !validURI(contact.URI) {
			return Register{}, errRegister
		}
		if v, ok := c.Params.Get("expires"); ok {
			contact.Expires = parseExpires(v)
		}
		if v, ok := c.Params.Get("q"); ok {
			if f, err := strconv.ParseFloat(v, 64); err == nil && f >= 0 && f <= 1 {
				contact.Q = int(f * 1000)
			}
		}
		req.Contacts = append(req.Contacts, contact)
	}
	return req, nil
}

// parseExpires reads delta-seconds; what makes no sense counts as not said.
// RFC 3261 §10.3, step 7.
func parseExpires(v string) time.Duration {
	n, err := strconv.ParseUint(v, 10, 31)
	if err != nil {
		return -1
	}
	return time.Duration(n) * time.Second
}
