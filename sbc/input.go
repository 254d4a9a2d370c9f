package sbc

import (
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// inboxSize is how many inputs may wait for a call. When it is full a request
// gets 503 and a response is dropped, since its sender repeats it.
const inboxSize = 32

// An inputKind says which fields of an input count.
type inputKind uint8

const (
	inputStart    inputKind = iota + 1 // the call begins
	inputMessage                       // side, message
	inputNotice                        // side, notice
	inputResolved                      // side, lookup
	inputTick                          // something is due
	inputHangup                        // order.cause
	inputTransfer                      // order.number, order.stays: from the admin API
	inputDigits                        // order.digits, order.stays: likewise
	inputYield                         // yield: give a side away
	inputGift                          // side: a side that another call gave away
)

// An input is what makes a call take a step. It is a value; what it points to
// belongs to the call from then on. It is small, since an inbox has room for
// many of them in every call.
type input struct {
	kind    inputKind
	side    *side
	message sip.Message
	notice  *media.Notice
	lookup  *lookup
	order   *order
	yield   *yield
}

// A lookup is what came of looking for the addresses of a target.
type lookup struct {
	targets []transport.Target
	err     error
}

// An order is what the operator, or the end of the program, wants of a call.
type order struct {
	cause  sip.Cause
	number string
	stays  string // byCaller or byCalled
	digits []dtmf.Digit
}
