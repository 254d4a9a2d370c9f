package sip

import "time"

// A Leg is one call as seen from one side: a dialog, or several early ones of
// an INVITE that forks, and the transactions in it. Core: the goroutine of its
// call is its only user. Methods do not return what follows from them; it comes
// as events from Receive or Advance, the latter due at once if need be.
//
// Methods that do not fit the state of the leg (an answer to no offer, anything
// after Released) do nothing.
type Leg struct{}

// CallID returns the Call-ID of the leg.
func (l *Leg) CallID() string { return "" }

// Tags returns our tag and the peer's, "" while no dialog is confirmed.
func (l *Leg) Tags() (local, remote string) { return "", "" }

// Over reports whether Released has been returned.
func (l *Leg) Over() bool { return false }

// Dial sends an INVITE. Call it once, first, on a leg of NewLeg.
// RFC 3261 §13.2.
func (l *Leg) Dial(now time.Time, in Invite) {}

// Progress sends a provisional response, 101 to 199, to the INVITE that came in.
// RFC 3261 §13.3.1.1.
func (l *Leg) Progress(now time.Time, status int, body []byte, x Extra) {}

// Answer sends the 200 to the INVITE that came in; body is the answer, or the
// offer where the INVITE had none. It waits for the PRACK of a reliable
// provisional response that carried an offer or answer (RFC 3262 §3).
// RFC 3261 §13.3.1.4.
func (l *Leg) Answer(now time.Time, body []byte, x Extra) {}

// Release ends the leg: by the final response of c.Status to an INVITE that is
// not answered, by CANCEL where ours is not, else by BYE. The headers go into
// that message besides Reason. RFC 3261 §9, §15.
func (l *Leg) Release(now time.Time, c Cause, headers ...Header) {}

// Offer sends an offer: in a re-INVITE once the call is answered, in UPDATE
// before. A nil body asks for the peer's offer. OfferAnswered follows. While an
// offer of either side is open it waits for that one's end.
// RFC 3261 §14.1; RFC 3311 §5.1.
func (l *Leg) Offer(now time.Time, body []byte) {}

// OfferEarly is Offer in one of the early dialogs of our INVITE.
func (l *Leg) OfferEarly(now time.Time, dialog string, body []byte) {}

// Accept answers what Offered brought; body is the answer, or our offer where
// the re-INVITE had none.
func (l *Leg) Accept(now time.Time, body []byte) {}

// Refuse refuses what Offered brought; the session stays as it was.
func (l *Leg) Refuse(now time.Time, c Cause, headers ...Header) {}

// Ack sends the ACK that carries our answer, when Answered or OfferAnswered was
// Delayed.
func (l *Leg) Ack(now time.Time, body []byte) {}

// Prack acknowledges the oldest reliable response of dialog that waits for it:
// where LegConfig.HoldPRACK is set, or where Progressed was Delayed and body is
// the answer. A body that is an offer is answered by OfferAnswered.
// RFC 3262 §4 and §5.
func (l *Leg) Prack(now time.Time, dialog string, body []byte) {}

// Info sends an INFO in the confirmed dialog, or before in the early dialog
// named; "" is the newest. InfoAnswered follows. RFC 6086.
func (l *Leg) Info(now time.Time, dialog, contentType string, body []byte) {}

// Refer asks the peer to call target. ReferAnswered and Notified follow.
// RFC 3515; RFC 3892.
func (l *Leg) Refer(now time.Time, target Address, replaces *Replaces, referredBy string) {}

// AcceptRefer answers the REFER of Referred with 202 and the first NOTIFY.
func (l *Leg) AcceptRefer(now time.Time) {}

// RefuseRefer refuses the REFER of Referred.
func (l *Leg) RefuseRefer(now time.Time, c Cause) {}

// Notify tells the transferor how the call it asked for goes. A status of 200
// or more ends the subscription. RFC 3515 §2.4.5.
func (l *Leg) Notify(now time.Time, status int, reason string) {}

// Receive takes a message that the UA posted. The events are valid until the
// next call.
func (l *Leg) Receive(now time.Time, m Message) []Event { return nil }

// Advance does what is due: repeats, gives up, refreshes. The events are valid
// until the next call.
func (l *Leg) Advance(now time.Time) []Event { return nil }

// Deadline says when Advance is due; zero: nothing is.
func (l *Leg) Deadline() time.Time { return time.Time{} }
