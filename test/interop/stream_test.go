//go:build interop

package interop

import (
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"
)

// Connections that say nothing, half a header, or one octet a second, from
// strangers and from a trunk, are closed 10 s after they began a header at the
// latest, others are served meanwhile, and one source gets no more than its
// bound (SECURITY S10).
func TestSlowSendersAreClosed(t *testing.T) {
	g := startWith(t, toEast, "  streams: {max_per_source: 20}\n", "", west(""), east(""))
	p := g.probe(11)
	whole := optionsOf("TCP", g.addr(66)+":5060", "slow", g.sip())
	slow := map[string]*slowSender{
		"a stranger that says nothing":           {conn: g.dial(t, g.addr(66))},
		"a stranger with half a header":          {conn: g.dial(t, g.addr(66)), first: whole[:100]},
		"a stranger with one octet a second":     {conn: g.dial(t, g.addr(66)), drip: whole},
		"a trunk with half a header":             {conn: g.dial(t, g.addr(12)), first: whole[:100]},
		"a trunk with one octet a second":        {conn: g.dial(t, g.addr(12)), drip: whole},
		"a trunk with half a second header":      {conn: g.dial(t, g.addr(12)), first: append(whole[:len(whole):len(whole)], whole[:100]...)},
		"a trunk with a body that does not come": {conn: g.dial(t, g.addr(12)), first: []byte("OPTIONS sip:x SIP/2.0\r\nContent-Length: 50\r\n\r\nv=0")},
	}
	for _, s := range slow {
		s.begin()
	}
	crowd := g.crowd(t, 67, 60)
	if crowd > 20 {
		t.Errorf("%d of 60 connections of one stranger were kept, want 20 at most", crowd)
	}
	served, worst := 0, time.Duration(0)
	for end := time.Now().Add(9 * time.Second); time.Now().Before(end); served++ {
		c := g.dial(t, g.addr(11))
		began := time.Now()
		_, _ = c.Write(optionsOf("TCP", g.addr(11)+":5060", "good", g.sip()))
		_ = c.SetReadDeadline(began.Add(5 * time.Second))
		if n, err := c.Read(make([]byte, 2048)); n == 0 {
			t.Errorf("a trunk was not served beside slow ones: %v", err)
		}
		worst = max(worst, time.Since(began))
		_ = c.Close()
		p.must("slow senders")
		time.Sleep(100 * time.Millisecond)
	}
	for name, s := range slow {
		if took := s.closed(15 * time.Second); took < 9*time.Second || took > 12500*time.Millisecond {
			t.Errorf("%s was closed after %v, want 10 s", name, took)
		} else {
			t.Logf("%s was closed after %.1f s", name, took.Seconds())
		}
	}
	t.Logf("%d connections were served meanwhile, the slowest in %v; %d of 60 of one source were kept", served, worst, crowd)
	g.unharmed(0)
}

// crowd opens n connections of one host and says how many are kept.
func (g *gateway) crowd(t *testing.T, host, n int) int {
	t.Helper()
	kept := 0
	for range n {
		c := g.dial(t, g.addr(host))
		t.Cleanup(func() { _ = c.Close() })
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
			kept++
		}
	}
	return kept
}

// A slowSender is one connection that takes its time.
type slowSender struct {
	conn        net.Conn
	first, drip []byte // sent at once; sent an octet a second
	end         chan time.Duration
}

func (s *slowSender) begin() {
	s.end = make(chan time.Duration, 1)
	began := time.Now()
	_, _ = s.conn.Write(s.first)
	gone := make(chan struct{})
	go func() {
		defer s.conn.Close()
		_, _ = io.Copy(io.Discard, s.conn)
		close(gone)
		s.end <- time.Since(began)
	}()
	go func() {
		for _, b := range s.drip {
			if _, err := s.conn.Write([]byte{b}); err != nil {
				return
			}
			select {
			case <-gone:
				return
			case <-time.After(time.Second):
			}
		}
	}()
}

// closed is how long the connection lived.
func (s *slowSender) closed(within time.Duration) time.Duration {
	select {
	case d := <-s.end:
		return d
	case <-time.After(within):
		return within
	}
}
