package transport

import (
	"errors"
	"net/netip"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A Kind is a transport protocol. The zero value means "any".
type Kind uint8

// The transports of RFC 3261 §18 and RFC 7118.
const (
	UDP Kind = iota + 1
	TCP
	TLS
	WS
	WSS
)

// String is the protocol as a Via says it, "UDP"; "" for the zero value.
// RFC 3261 §20.42; RFC 7118 §5.2.
func (k Kind) String() string {
	switch k {
	case UDP:
		return "UDP"
	case TCP:
		return "TCP"
	case TLS:
		return "TLS"
	case WS:
		return "WS"
	case WSS:
		return "WSS"
	}
	return ""
}

// ParseKind reads a transport as a Via, a URI parameter or a configuration
// writes it, in any case. It reports false for one we do not have.
func ParseKind(s string) (Kind, bool) {
	for _, k := range [...]Kind{UDP, TCP, TLS, WS, WSS} {
		if strings.EqualFold(s, k.String()) {
			return k, true
		}
	}
	return 0, false
}

// Reliable reports whether the transport delivers in order or not at all, so
// that timers A, E and G stay silent. RFC 3261 §17.1.1.2.
func (k Kind) Reliable() bool { return k != UDP }

// Secure reports whether the transport runs over TLS.
func (k Kind) Secure() bool { return k == TLS || k == WSS }

// Port is the port a URI without one means. RFC 3261 §19.1.2; RFC 7118 §5.2.
func (k Kind) Port() uint16 {
	switch k {
	case TLS:
		return 5061
	case WS:
		return 80
	case WSS:
		return 443
	case UDP, TCP:
	}
	return 5060
}

// A Flow is the way between us and one peer: which socket of ours, which address
// of theirs. It is a value; a copy of the one a message came with, given to Send,
// goes back the same way.
type Flow struct {
	Kind Kind
	// Listener names the listener of the configuration this flow belongs to.
	// Empty in an Outbound means: the first that fits Kind and address family.
	Listener string
	// Local is our socket's address, zero until known.
	Local netip.AddrPort
	// Remote is the peer's address. In an Outbound it is where the message goes.
	Remote netip.AddrPort
	// Host is the name the certificate of the peer must carry when we open a TLS
	// connection (RFC 5922 §7.2). Connections are shared only under one Host.
	Host string
	// Profile names the TLS profile used to open a connection; empty is "default".
	// Connections are shared only within one Profile.
	Profile string
	// Conn identifies a connection. 0 means a datagram, or "reuse the connection
	// to Remote, or open one".
	Conn uint64
	// Reopen is where to open a connection when Conn is gone; zero means nowhere.
	// For a request it follows from the Via (RFC 3261 §18.2.2).
	Reopen netip.AddrPort
	// Identity is what the peer proved by a certificate that we verified, else nil.
	Identity *Identity
}

// An Identity is what a verified certificate says. RFC 5922 §7.1.
type Identity struct {
	// Names are the SIP domains of the certificate, lower case: sip URIs of the
	// subjectAltName, else its DNS names, else the subject's common name.
	Names []string
	// NotAfter is when the certificate expires.
	NotAfter time.Time
}

// Inbound is a well-formed message that arrived. Its top Via, if it is a
// request, has received and rport filled in (RFC 3261 §18.2.1, RFC 3581 §4).
type Inbound struct {
	Msg sipmsg.Message // *sipmsg.Request or *sipmsg.Response; the receiver owns it
	// Flow is where it came from. Flow.Remote is the address of the packet.
	Flow Flow
	// Reply is where responses to a request go; for a response it equals Flow.
	// RFC 3261 §18.2.2, RFC 3581 §4.
	Reply Flow
	// Size is the length of the message on the wire in bytes.
	Size int
}

// Outbound is a message to send.
type Outbound struct {
	Flow Flow
	// Raw is the message as Append wrote it. It belongs to the transport from the
	// call of Send on and is not changed by it; one Raw may be sent repeatedly.
	Raw []byte
	// CallID and Branch come back in a Failure, so that it finds its transaction.
	CallID, Branch string
}

// A Failure says that a message that Send took could not be delivered. Over UDP
// it is hearsay (ErrRefused): believe it for a request to Flow.Remote that nobody
// has answered.
type Failure struct {
	CallID, Branch string
	Flow           Flow
	Err            error
}

// A Receiver takes what arrives. Its methods are called by the reader of a
// socket or connection, in the order of arrival there, by several readers at
// once, and must return without waiting for anybody.
type Receiver interface {
	Receive(now time.Time, in Inbound)
	// Failed reports an Outbound that could not be delivered, once each.
	Failed(now time.Time, f Failure)
}

// A Destination is what a URI says about the next hop. RFC 3263 §4.
type Destination struct {
	Host string // name or literal address, without brackets
	Port uint16 // 0 when the URI has none
	// Kind is what the transport parameter or the trunk demands, 0 for any.
	Kind Kind
	// Secure is true for sips: and for trunks that demand TLS.
	Secure bool
	// Name, if set, is the name asked of the peer's certificate in place of Host.
	Name string
	// Profile names the TLS profile to connect with.
	Profile string
	// Listener, if set, is the listener to send from.
	Listener string
}

// A Target is one address a request may be sent to.
type Target struct {
	Kind     Kind
	Addr     netip.AddrPort
	Host     string // TLS name; empty where no TLS is spoken
	Profile  string
	Listener string
	// Conn is the connection to use, that a phone opened to us; 0 for any.
	Conn uint64
}

// Flow is the flow that reaches the target over a shared or a new connection.
func (t Target) Flow() Flow {
	return Flow{Kind: t.Kind, Listener: t.Listener, Remote: t.Addr, Host: t.Host, Profile: t.Profile, Conn: t.Conn}
}

// A Listener is a bound socket.
type Listener struct {
	Name string
	Kind Kind
	Addr netip.AddrPort // as bound
	// Host and Port are what others are told: in Via, Contact and Record-Route.
	// Host has no brackets.
	Host string
	Port uint16
}

// Errors of Send and of Failure a caller may tell apart.
var (
	// ErrGone: the connection a flow names is closed and cannot be opened anew.
	ErrGone = errors.New("connection is gone")
	// ErrFull: the queue of the connection, or the table of connections, is full.
	ErrFull = errors.New("queue is full")
	// ErrTooLarge: the message does not fit the transport (65,507 bytes for UDP).
	ErrTooLarge = errors.New("message is too large")
	// ErrRefused: ICMP said that the datagram cannot arrive.
	ErrRefused = errors.New("the far end's network or host refuses the datagram")
	// ErrNoListener: no listener fits the flow's transport and address family.
	ErrNoListener = errors.New("no listener for this transport and address family")
	// ErrClosed: the transport is stopping.
	ErrClosed = errors.New("transport is closed")
	// ErrNoTarget: the DNS knows no address for the destination.
	ErrNoTarget = errors.New("no address")
	// ErrCertificate: the certificate of a server is not one we accept.
	ErrCertificate = errors.New("certificate refused")
)
