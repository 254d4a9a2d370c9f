package flow

import (
	"context"
	"math"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing/synctest"
	"time"

	"github.com/tandem-voip/tandem/test/simnet"
)

// now is the virtual time of the bubble.
func now() time.Time { return time.Now() }

// sleep lets virtual time pass.
func sleep(d time.Duration) { time.Sleep(d) }

// spawn starts a goroutine of a peer. The flow waits for it at its end.
func (f *flow) spawn(run func()) { f.running.Go(run) }

// read hands the datagrams of a socket to take until the socket is closed.
func (m *media) read(c *simnet.UDPConn, take func(at netip.AddrPort, b []byte)) {
	b := make([]byte, 65536)
	for {
		n, _, err := c.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		take(c.AddrPort(), b[:n])
	}
}

// A player speaks at a steady pace until it is stopped.
type player struct {
	stop chan struct{}
	done chan struct{}
}

// halt stops the player and waits for it.
func (p *player) halt() {
	if p != nil {
		close(p.stop)
		<-p.done
	}
}

// play starts a player: a tone, or silence at 0 Hz. The one before it ends.
func (m *media) play(hz int) {
	m.player.halt()
	p := &player{stop: make(chan struct{}), done: make(chan struct{})}
	m.player = p
	o := &oscillator{}
	if hz > 0 {
		o.hz = []float64{float64(hz)}
	}
	m.f.spawn(func() {
		defer close(p.done)
		m.speakUntil(p.stop, o)
	})
}

// speakUntil sends a packet each packet time until stop is closed.
func (m *media) speakUntil(stop <-chan struct{}, o *oscillator) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for first := true; ; {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		ptime := 20
		if _, p, _, err := m.sending(); err == nil {
			ptime = p
		}
		timer.Reset(time.Duration(ptime) * time.Millisecond)
		m.sendMu.Lock()
		muted := m.muted
		m.sendMu.Unlock()
		pcm := o.samples(rate * ptime / 1000)
		if muted || m.speak(pcm, first) != nil {
			continue
		}
		first = false
	}
}

// An oscillator makes the sum of some tones.
type oscillator struct {
	hz []float64
	n  int // samples so far
}

func (o *oscillator) samples(n int) []int16 {
	pcm := make([]int16, n)
	for i := range pcm {
		var x float64
		for _, f := range o.hz {
			x += math.Sin(2 * math.Pi * f * float64(o.n+i) / rate)
		}
		pcm[i] = int16(6000 * x)
	}
	o.n += n
	return pcm
}

// settle lets everything happen that can happen now.
func settle() { synctest.Wait() }

// wait waits until a condition holds; false when it does not in time. It looks
// again whenever the ladder grows, and every few milliseconds.
func (f *flow) wait(d time.Duration, holds func() bool) bool {
	until := now().Add(d)
	for {
		changed := f.ladder.changed()
		settle()
		if holds() {
			return true
		}
		left := until.Sub(now())
		if left <= 0 {
			return false
		}
		timer := time.NewTimer(min(left, 5*time.Millisecond))
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// dial opens a TCP connection of the gateway.
func (f *flow) dial(ctx context.Context, local netip.Addr, to netip.AddrPort) (net.Conn, error) {
	var from netip.AddrPort
	if local.IsValid() {
		from = netip.AddrPortFrom(local, 0)
	}
	c, err := f.gw.Dial(ctx, from, to)
	if err != nil {
		return nil, err
	}
	return c, nil
}

// listen opens a TCP listener of the gateway.
func (f *flow) listen(a netip.AddrPort) (net.Listener, error) {
	l, err := f.gw.Listen(a)
	if err != nil {
		return nil, err
	}
	return l, nil
}

// records is an RTP or RTCP socket as a DTLS handshake sees it. It satisfies
// net.PacketConn.
type records struct {
	m   *media
	in  chan []byte
	to  netip.AddrPort
	end chan struct{}

	reports bool // of the RTCP socket

	mu       sync.Mutex
	once     sync.Once
	deadline time.Time
	changed  chan struct{}
}

// ReadFrom waits for a record.
func (c *records) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		c.mu.Lock()
		if c.changed == nil {
			c.changed = make(chan struct{})
		}
		changed, until := c.changed, c.deadline
		c.mu.Unlock()
		timer := time.NewTimer(time.Hour)
		if !until.IsZero() {
			timer.Reset(time.Until(until))
		}
		select {
		case d := <-c.in:
			timer.Stop()
			return copy(b, d), net.UDPAddrFromAddrPort(c.to), nil
		case <-c.end:
			timer.Stop()
			return 0, nil, net.ErrClosed
		case <-timer.C:
			if !until.IsZero() {
				return 0, nil, os.ErrDeadlineExceeded
			}
		case <-changed:
		}
		timer.Stop()
	}
}

// WriteTo sends a record to the gateway.
func (c *records) WriteTo(b []byte, _ net.Addr) (int, error) {
	return c.socket().WriteToUDPAddrPort(b, c.to)
}

// Close ends reads.
func (c *records) Close() error {
	c.once.Do(func() { close(c.end) })
	return nil
}

// LocalAddr is that of the socket.
func (c *records) LocalAddr() net.Addr { return c.socket().LocalAddr() }

func (c *records) socket() *simnet.UDPConn {
	if c.reports {
		return c.m.rtcp
	}
	return c.m.outlet()
}

// SetDeadline bounds reads.
func (c *records) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// SetReadDeadline bounds pending and later reads.
func (c *records) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
	return nil
}

// SetWriteDeadline does nothing: a write never waits.
func (c *records) SetWriteDeadline(time.Time) error { return nil }
