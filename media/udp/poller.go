package udp

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
)

// batch is how many sockets are taken from a queue at a time.
const batch = 64

// A Poller reads the sockets it has opened. Safe for concurrent use.
type Poller struct {
	// Set once.
	size   int // of the longest datagram, in octets
	queues []*queue

	// Atomic.
	next [2]atomic.Uint32 // queue for the next socket of an even and of an odd port
}

// NewPoller returns a poller whose sockets read datagrams of up to size octets.
// It has a queue for each processor. It starts nothing.
func NewPoller(size int) (*Poller, error) {
	p := &Poller{size: size}
	for range runtime.GOMAXPROCS(0) {
		q, err := newQueue()
		if err != nil {
			return nil, fmt.Errorf("make poller: %w", err)
		}
		p.queues = append(p.queues, q)
	}
	return p, nil
}

// pick chooses the queue of a socket: in turn, RTP and RTCP apart, since one of
// both has nearly all of the work (RFC 3550 §11).
func (p *Poller) pick(port uint16) *queue {
	n := p.next[port&1].Add(1)
	return p.queues[int(n)%len(p.queues)]
}

// A queue is the sockets that one goroutine reads.
type queue struct {
	// Set once.
	file *os.File // the kernel's queue; it can be waited for itself
	raw  syscall.RawConn
	fd   int

	mu sync.Mutex
	// Guarded by mu.
	conns map[int32]*Conn // by descriptor
}

func newQueue() (*queue, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil {
		_ = syscall.Close(fd) // it was never used
		return nil, os.NewSyscallError("fcntl", err)
	}
	q := &queue{file: os.NewFile(uintptr(fd), "epoll"), fd: fd, conns: map[int32]*Conn{}}
	if q.raw, err = q.file.SyscallConn(); err != nil {
		return nil, err
	}
	return q, nil
}

// add begins to watch a socket. A socket stays readable as long as anything is
// in it, so that one read for each time it is told is enough.
func (q *queue) add(c *Conn) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	fd := int32(c.fd)
	if err := syscall.EpollCtl(q.fd, syscall.EPOLL_CTL_ADD, c.fd, &syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: fd}); err != nil {
		return err
	}
	q.conns[fd] = c
	return nil
}

// forget ends it. The kernel forgets a socket when it is closed.
func (q *queue) forget(c *Conn) {
	q.mu.Lock()
	delete(q.conns, int32(c.fd))
	q.mu.Unlock()
}

// A round is what a queue gave at one time.
type round struct {
	events [batch]syscall.EpollEvent
	conns  [batch]*Conn // nil: closed meanwhile
}

// take returns the sockets that can be read now.
func (q *queue) take(r *round) []*Conn {
	n, err := syscall.EpollWait(q.fd, r.events[:], 0)
	if err != nil || n <= 0 {
		return nil
	}
	q.mu.Lock()
	for i, e := range r.events[:n] {
		r.conns[i] = q.conns[e.Fd]
	}
	q.mu.Unlock()
	return r.conns[:n]
}
