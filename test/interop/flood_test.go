//go:build interop

package interop

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// While strangers of all of 127/8 send twenty thousand messages at two thousand
// a second, 95 % of the OPTIONS of a known trunk are answered within 500 ms, and
// memory grows by 256 MiB at most and is back within 64 MiB (SECURITY S5).
func TestFlood(t *testing.T) {
	const messages, rate, sources = 20_000, 2000, 400
	g := start(t, toEast, "", west(""), east(""))
	p := g.probe(11)
	p.must("its start")
	before, resident := g.held(), g.rss()
	var conns []*net.UDPConn
	for i := range sources {
		conns = append(conns, g.socket(fmt.Sprintf("127.%d.%d.%d", 1+i%250, i%7, 1+i%199), uint16(5060+i)))
	}
	var done atomic.Bool
	go func() {
		defer done.Store(true)
		began := time.Now()
		for i := range messages {
			if ahead := time.Until(began.Add(time.Duration(i) * time.Second / rate)); ahead > 5*time.Millisecond {
				time.Sleep(ahead)
			}
			c := conns[i%sources]
			if i%4 == 0 {
				c = conns[0] // beyond what one source may send
			}
			_, _ = c.WriteToUDPAddrPort(strange(i, c.LocalAddr().String(), g.sip()), netip.MustParseAddrPort(g.sip()))
		}
	}()
	var took []time.Duration
	asked, most := 0, resident
	for !done.Load() {
		d, ok := p.ask(500 * time.Millisecond)
		if asked++; ok {
			took = append(took, d)
		}
		most = max(most, g.rss())
		time.Sleep(20 * time.Millisecond)
	}
	slices.Sort(took)
	if len(took) < 50 || len(took)*100 < asked*95 {
		t.Fatalf("%d of %d OPTIONS were answered within 500 ms, want 95 %%", len(took), asked)
	}
	t.Logf("%d of %d OPTIONS were answered within 500 ms: p50 %v, p95 %v, p99 %v", len(took), asked, took[len(took)/2], took[len(took)*95/100], took[len(took)*99/100])
	if most > resident+256 {
		t.Errorf("memory grew from %d to %d MiB", resident, most)
	}
	g.eventually(40*time.Second, "the memory to be back", func() bool { return g.held() <= before+64 })
	t.Logf("resident %d MiB before, %d MiB at most; held %.0f MiB before, %.0f MiB after", resident, most, before, g.held())
	t.Logf("strangers: %.0f messages heard, %.0f over their own rate, %.0f over that of all", g.event("messages_in"), g.event("dropped_source_rate"), g.event("dropped_total_rate"))
	var leaked int
	for _, c := range conns {
		_ = c.SetReadDeadline(time.Now().Add(time.Millisecond))
		for buf := make([]byte, 2048); ; leaked++ {
			if _, err := c.Read(buf); err != nil {
				break
			}
		}
	}
	t.Logf("%d answers to %d messages of strangers", leaked, messages)
	g.unharmed(0)
	if n := g.metric("tandem_calls_total"); n != 0 {
		t.Errorf("strangers began %v calls", n)
	}
}

// strange is one message of a flood.
func strange(i int, from, gw string) []byte {
	method := []string{"INVITE", "REGISTER", "OPTIONS", "SUBSCRIBE"}[i%4]
	return fmt.Appendf(nil, "%[1]s sip:%[2]d@%[4]s SIP/2.0\r\nVia: SIP/2.0/UDP %[3]s;branch=z9hG4bKf%[2]d;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:%[2]d@%[3]s>;tag=f%[2]d\r\nTo: <sip:%[2]d@%[4]s>\r\nCall-ID: flood%[2]d\r\nCSeq: 1 %[1]s\r\nContact: <sip:x@%[3]s>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n",
		method, i, from, gw)
}
