package sdp

import (
	"net/netip"
	"time"

	"github.com/tandem-voip/tandem/codec"
)

// Local is what we bring to an offer or an answer. It is plain data; the
// functions of this package read it and keep nothing of it.
type Local struct {
	// Addr is the address we advertise, Port the RTP port there.
	Addr netip.Addr
	Port uint16
	// RTCPPort is the RTCP port used when the two are not on one port; 0 and
	// Port both mean that there is none, so only Mux makes RTCP possible.
	RTCPPort uint16
	// Mux says what we think of RTP and RTCP on one port.
	Mux Mux

	// Formats are the codecs we offer or accept, most preferred first. In an
	// answer our order wins, so that the other leg's codec can come first. A
	// Type that is not zero is the payload type we would like in an offer;
	// numbers in use (Previous, or the offer answered) win over it.
	Formats []Format
	// Events offers and accepts telephone-event, ComfortNoise CN.
	Events       bool
	ComfortNoise bool
	// Ptime is the packet time we ask for, 0 for what the far end asks for, else
	// 20 ms. MaxPtime is written when not 0.
	Ptime, MaxPtime time.Duration

	// Direction is what we want; an answer keeps within what was offered.
	Direction Direction
	// Hold is how a direction other than sendrecv is written.
	Hold HoldForm

	// Session numbers a first description. With Previous it is not looked at.
	Session Session
	// Previous is the last description we sent in this dialog, nil before the
	// first. It fixes the order of m-lines, the payload numbers, and o=, whose
	// version goes up only if something else changed. RFC 3264 §8.
	Previous *Description

	// Profile is the one to offer; ProfileNone leaves it to Security: RTP/AVP
	// unless Required, then RTP/SAVP with keys, UDP/TLS/RTP/SAVP without. An
	// answer always repeats the offered one.
	Profile  Profile
	Security Security
	// ICE is our side of it, nil for none.
	ICE *ICE
}

// Session is what identifies a description in its o= line. RFC 8866 §5.2.
type Session struct{ ID, Version uint64 }

// A Format is a codec and the payload type that stands for it.
type Format struct {
	Type  uint8
	Codec codec.Params
}

// ICE is our side of ICE: a lite agent with one host candidate, at the address
// and port of Local. RFC 8445 §2.5, RFC 8839 §5.
type ICE struct{ Ufrag, Pwd string }

// Mux says what we think of RTP and RTCP on one port. RFC 5761.
type Mux uint8

// The choices; the zero Mux accepts and offers it, and does without.
const (
	MuxOptional Mux = iota
	MuxOff          // neither offered nor accepted
	MuxRequired     // offered as the only choice (RFC 8858); accepted as with MuxOptional
)

// A Direction says which ways audio goes, seen from whoever states it.
type Direction uint8

// The directions; the zero one is RFC 8866's default.
const (
	SendRecv Direction = iota
	SendOnly
	RecvOnly
	Inactive
)

// Sends reports whether whoever states d sends.
func (d Direction) Sends() bool { return d == SendRecv || d == SendOnly }

// Receives reports whether whoever states d wants to receive.
func (d Direction) Receives() bool { return d == SendRecv || d == RecvOnly }

// Reverse is d seen from the other side.
func (d Direction) Reverse() Direction { return direction(d.Receives(), d.Sends()) }

// Within is what remains of d where limit is the most there can be.
func (d Direction) Within(limit Direction) Direction {
	return direction(d.Sends() && limit.Sends(), d.Receives() && limit.Receives())
}

// String is the attribute's name.
func (d Direction) String() string {
	switch d {
	case SendOnly:
		return "sendonly"
	case RecvOnly:
		return "recvonly"
	case Inactive:
		return "inactive"
	case SendRecv:
	}
	return "sendrecv"
}

func direction(sends, receives bool) Direction {
	switch {
	case sends && receives:
		return SendRecv
	case sends:
		return SendOnly
	case receives:
		return RecvOnly
	}
	return Inactive
}

// A HoldForm says how we write hold, for far ends that read one form only.
type HoldForm uint8

// The forms.
const (
	HoldAsIs     HoldForm = iota // the direction as it is: sendonly, recvonly, inactive (RFC 3264 §8.4)
	HoldInactive                 // a=inactive for each of the three
)
