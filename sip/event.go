package sip

import (
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// An Event is what a leg reports to its call: one of Progressed, Answered,
// Confirmed, Offered, OfferAnswered, Pracked, Informed, InfoAnswered, Referred,
// ReferAnswered, Notified, Redirected, TargetFailed, DialogEnded and Released.
type Event interface{ event() }

// Progressed is a provisional response to our INVITE; of 100 only that it came.
// RFC 3261 §13.2.2.1.
type Progressed struct {
	// Dialog is the To tag: the name of the early dialog. "" when there was none.
	Dialog  string
	Status  int
	Reason  string
	Headers []Header
	// Reliable is set for a response that asked for PRACK and is new (RFC 3262).
	Reliable bool
	// Delayed is set when our INVITE had no offer and Body is one: the call
	// answers it with Prack when Reliable. RFC 3262 §5.
	Delayed     bool
	ContentType string
	Body        []byte
}

// Answered is the first 2xx to our INVITE. The leg has sent the ACK unless
// Delayed is set. Further early dialogs end with DialogEnded.
type Answered struct {
	Dialog  string
	Status  int
	Headers []Header
	// Delayed is set when our INVITE had no offer: Body is one, and the call
	// must answer it with Ack. RFC 3261 §13.2.1.
	Delayed     bool
	ContentType string
	Body        []byte
}

// Confirmed is the ACK for our 2xx. Body is the answer when the 2xx carried
// the offer, else nil.
type Confirmed struct {
	ContentType string
	Body        []byte
}

// Offered is an offer that came in a re-INVITE, UPDATE or PRACK. The call must
// answer it with Accept or Refuse. Body nil: the peer wants our offer
// (re-INVITE without one); its answer comes as OfferAnswered.
type Offered struct {
	Dialog      string
	Method      string
	Headers     []Header
	ContentType string
	Body        []byte
}

// OfferAnswered ends an offer of ours (Offer, OfferEarly, or the one Accept
// made for an empty re-INVITE). Cause.Status is 200 when it was accepted.
type OfferAnswered struct {
	Dialog string
	Cause  Cause
	// Delayed is set when we asked for the peer's offer with an empty Offer:
	// Body is one, and the call must answer it with Ack.
	Delayed     bool
	ContentType string
	Body        []byte
}

// Pracked says that a reliable provisional response of ours was received.
// Body is the answer when the response carried an offer. RFC 3262 §3.
type Pracked struct {
	Status      int
	ContentType string
	Body        []byte
}

// Informed is an INFO, which the leg has answered. RFC 6086, RFC 2976.
type Informed struct {
	Dialog      string
	ContentType string
	Headers     []Header
	Body        []byte
}

// InfoAnswered is the final answer to an INFO of ours.
type InfoAnswered struct{ Cause Cause }

// Referred is a REFER. The call answers it with AcceptRefer or RefuseRefer,
// and reports what became of it with Notify. RFC 3515.
type Referred struct {
	// Target is the URI of Refer-To without the headers in it.
	Target Address
	// Replaces is set for an attended transfer: the dialog that the new call
	// takes the place of. RFC 3891.
	Replaces *Replaces
	// ReferredBy is the value of Referred-By as written, "" for none (RFC 3892).
	ReferredBy string
	// Headers are those of the REFER, and those of the Refer-To URI that may
	// be copied into an INVITE.
	Headers, Embedded []Header
}

// ReferAnswered is the final answer to a REFER of ours.
type ReferAnswered struct{ Cause Cause }

// Notified is a NOTIFY about a REFER of ours: how the referred call goes.
type Notified struct {
	// Status and Reason are those of the status line in the sipfrag body;
	// 0 when there was none that could be read.
	Status int
	Reason string
	// Ended is set when the subscription is over.
	Ended bool
}

// Redirected is a 3xx to our INVITE, best contact first. Released follows.
type Redirected struct {
	Status   int
	Contacts []Contact
	Headers  []Header
}

// TargetFailed says that one of several targets is given up and the next one
// is tried. RFC 3263 §4.3.
type TargetFailed struct {
	Target transport.Target
	Cause  Cause
	// RetryAfter is how long the target asked to be left alone; 0 when it did not.
	RetryAfter time.Duration
	// Err is why the INVITE could not be sent; nil when it was.
	Err error
}

// DialogEnded says that an early dialog will not be answered: another fork
// was (RFC 3261 §13.2.2.4), or a 199 came for it (RFC 6228).
type DialogEnded struct {
	Dialog string
	Cause  Cause
}

// Released says that the call on this leg is over: the last event of every leg,
// exactly once, whoever ended it. The leg may still owe the peer repeats or wait
// for an ACK or a response: it wants Receive and Advance until Over.
type Released struct {
	Cause Cause
	// Remote is set when the peer ended or refused the call.
	Remote bool
	// Status is the final response to our INVITE, 0 when a BYE or we ended it.
	Status int
	// RetryAfter is that of the response, 0 without.
	RetryAfter time.Duration
	// Headers are those of the BYE, CANCEL or response.
	Headers []Header
	// Err is why our INVITE could not be sent to its last target; nil when it was.
	Err error
}

func (Progressed) event()    {}
func (Answered) event()      {}
func (Confirmed) event()     {}
func (Offered) event()       {}
func (OfferAnswered) event() {}
func (Pracked) event()       {}
func (Informed) event()      {}
func (InfoAnswered) event()  {}
func (Referred) event()      {}
func (ReferAnswered) event() {}
func (Notified) event()      {}
func (Redirected) event()    {}
func (TargetFailed) event()  {}
func (DialogEnded) event()   {}
func (Released) event()      {}
