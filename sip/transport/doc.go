// Package transport owns the SIP sockets: UDP, TCP, TLS and WebSocket, over
// IPv4 and IPv6. It turns octets into whole, well-formed messages and messages
// into octets, finds next hops in the DNS, opens, reuses and limits connections.
// It carries messages and does not know that transactions or dialogs exist.
//
// [Transport] is the shell; it is made by [New], works inside Run and hands what
// comes in to a [Receiver]. Everything it decides is decided by cores beside it:
// [Gate] (who may be heard), [Parse] (what is a message), the framer (where one
// ends in a stream), [Append] (how a message is written, so that no CR, LF or NUL
// gets out in a header), and the resolver's rules (RFC 3263).
//
// Of sipgo it uses the message types. Parsing is done here, because a gateway
// that faces strangers must refuse what that parser lets through: a message
// without a header the RFC requires, a repeated one, two Content-Lengths.
//
// Goroutines are in run*.go: one reader a UDP socket, one acceptor a listening
// stream socket, a reader and a writer a connection, one a DNS lookup in flight.
//
// RFC 3261 §7 and §18; RFC 3263; RFC 3581; RFC 5626 §4.4; RFC 5922; RFC 7118.
package transport
