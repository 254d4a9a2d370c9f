// Package udp opens UDP sockets that a few goroutines read for all.
//
// A [Poller] has one queue of readable sockets for each processor (epoll), and
// one goroutine for each queue. Such a goroutine sleeps once for all of its
// sockets; awake, it takes what has come, one datagram of each socket in turn,
// and hands it to the socket's [Receiver]. A socket of [net.UDPConn] costs a
// goroutine with its stack, and for each datagram a read that finds nothing.
//
// Goroutines: those of [Poller.Run].
//
// It is for Linux. It leaves what a datagram means to others.
package udp
