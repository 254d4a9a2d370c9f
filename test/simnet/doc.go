// Package simnet is a packet network in memory for tests: UDP and TCP between
// hosts that are named by their IP addresses, with delay, loss, duplication,
// reordering and NAT.
//
// A Network holds Hosts. A Host opens sockets: ListenPacket gives a UDPConn,
// Listen a Listener, Dial a Conn. They behave like their namesakes in package
// net as far as our code uses those, including deadlines and the errors
// net.ErrClosed and os.ErrDeadlineExceeded.
//
// The network starts no goroutine. A packet is put into the receiver's queue
// together with the time it arrives, and the reader waits for that time, so in
// a testing/synctest bubble every read is durably blocking and every arrival
// exact. Outside a bubble the same code runs in real time. Packets that arrive
// at the same instant are read in the order in which they were sent.
//
// Randomness comes from the seed given to New, so a run can be repeated.
package simnet
