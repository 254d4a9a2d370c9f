//go:build interop

package interop

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// After ten thousand calls whose way loses 5 % and repeats 2 % of all datagrams
// in both directions, a third of them cancelled around their answer, no call, no
// leg and no port is left (SECURITY, ghost calls; F5, F6).
func TestLossyCallsLeaveNoGhost(t *testing.T) {
	const calls, rate = 10_000, 400
	g := start(t, toEast, "call: {ring_time: 10s}\nlog: {level: warn}", west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMU]}"))
	w := &world{gw: netip.MustParseAddrPort(g.sip()), legs: map[string]*leg{}, fates: map[string]int{}}
	w.a, w.b = g.lossy(11), g.lossy(12)
	go w.a.read(w.receiveA)
	go w.b.read(w.receiveB)
	began := time.Now()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	placed := 0
	for now := range tick.C {
		for ; placed < calls && now.Sub(began) >= time.Duration(placed)*time.Second/rate; placed++ {
			w.place(placed)
		}
		if left := w.advance(now); placed == calls && left == 0 || now.Sub(began) > 90*time.Second {
			break
		}
	}
	took := time.Since(began)
	g.eventually(40*time.Second, "all calls to be over", func() bool { return g.metric("tandem_calls") == 0 })
	t.Logf("%d calls in %v and %v until none was left; the way lost %d and repeated %d of %d datagrams; %v",
		placed, took.Round(time.Millisecond), (time.Since(began) - took).Round(time.Millisecond),
		w.a.lost+w.b.lost, w.a.again+w.b.again, w.a.all+w.b.all, w.fates)
	if legs, ports := g.metric("tandem_sip_legs"), g.metric("tandem_media_ports_used"); legs != 0 || ports != 0 {
		t.Errorf("%v legs and %v ports are left", legs, ports)
	}
	if n := g.metric("tandem_calls_total"); n < calls*99/100 {
		t.Errorf("only %v calls reached the gateway", n)
	}
	if w.fates["answered"] < calls/3 || w.fates["cancelled"] < calls/10 {
		t.Errorf("the calls went %v: too few answered or cancelled", w.fates)
	}
	g.unharmed(0)
}

// A lossy is a socket on a bad way.
type lossy struct {
	conn *net.UDPConn
	gw   netip.AddrPort

	mu               sync.Mutex
	r                *rand.Rand
	all, lost, again int
}

func (g *gateway) lossy(host int) *lossy {
	c := g.socket(g.addr(host), 5060)
	_ = c.SetReadBuffer(4 << 20)
	return &lossy{conn: c, gw: netip.MustParseAddrPort(g.sip()), r: seeded(host)}
}

// copies is how often a datagram arrives: 0, 1 or 2 times.
func (l *lossy) copies() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all++
	switch x := l.r.IntN(100); {
	case x < 5:
		l.lost++
		return 0
	case x < 7:
		l.again++
		return 2
	}
	return 1
}

func (l *lossy) send(b []byte) {
	for range l.copies() {
		_, _ = l.conn.WriteToUDPAddrPort(b, l.gw)
	}
}

func (l *lossy) read(take func(m message)) {
	for buf := make([]byte, 65536); ; {
		n, err := l.conn.Read(buf)
		if err != nil {
			return
		}
		for range l.copies() {
			take(parse(buf[:n]))
		}
	}
}

// A world is both ends of all calls.
type world struct {
	gw   netip.AddrPort
	a, b *lossy

	mu    sync.Mutex
	legs  map[string]*leg // by Call-ID, and for the called side with "b" before it
	fates map[string]int
}

// A leg is one end of a call: what it repeats until that is answered.
type leg struct {
	id, to, remote string
	again          []byte // a request or a 2xx that waits for what ends it
	wait           time.Duration
	next, until    time.Time
	cancelAt       time.Time // caller: give up
	byeAt          time.Time // caller: hang up
	bye            bool
	invite         message // of the called side
	ringUntil      time.Time
}

func (l *leg) repeat(b []byte, now time.Time) {
	l.again, l.wait, l.next, l.until = b, 500*time.Millisecond, now.Add(500*time.Millisecond), now.Add(32*time.Second)
}

func (w *world) request(l *leg, method string, seq int, branch, body string) []byte {
	if body != "" {
		body = "Content-Type: application/sdp\r\n" + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body
	} else {
		body = "Content-Length: 0\r\n\r\n"
	}
	host := w.a.conn.LocalAddr().String()
	return fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bK%s%s;rport\r\nMax-Forwards: 70\r\nFrom: <sip:+15550199@%[3]s>;tag=%[4]s\r\n"+
		"To: %[6]s\r\nCall-ID: %[4]s\r\nCSeq: %[7]d %[1]s\r\nContact: <sip:w@%[3]s>\r\n%[8]s", method, l.remote, host, l.id, branch, l.to, seq, body)
}

func ghostSDP(host string) string {
	return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n", host)
}

// place begins a call; each third is to be cancelled about when it is answered.
func (w *world) place(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	l := &leg{id: fmt.Sprintf("ghost%d", n), remote: "sip:+15550100@" + w.gw.String()}
	l.to = "<" + l.remote + ">"
	if n%3 == 0 {
		l.cancelAt = now.Add(time.Duration(80+n%41) * time.Millisecond)
	}
	w.legs[l.id] = l
	l.repeat(w.request(l, "INVITE", 1, "i", ghostSDP(w.a.conn.LocalAddr().(*net.UDPAddr).IP.String())), now)
	w.a.send(l.again)
}

// advance repeats and begins what is due, and says how many legs are left.
func (w *world) advance(now time.Time) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	for key, l := range w.legs {
		way := w.a
		if strings.HasPrefix(key, "b") {
			way = w.b
		}
		switch {
		case l.again != nil && now.After(l.until):
			w.fates["given up"]++
			delete(w.legs, key)
		case l.again != nil && now.After(l.next):
			l.wait = min(2*l.wait, 4*time.Second)
			l.next = now.Add(l.wait)
			way.send(l.again)
		case !l.ringUntil.IsZero() && now.After(l.ringUntil):
			l.ringUntil = time.Time{}
			l.repeat(w.answer(l, "200 OK", ghostSDP(w.b.conn.LocalAddr().(*net.UDPAddr).IP.String())), now)
			way.send(l.again)
		case !l.cancelAt.IsZero() && now.After(l.cancelAt) && l.again == nil: // a 1xx came; RFC 3261 §9.1
			l.cancelAt = time.Time{}
			w.fates["cancels sent"]++
			l.repeat(w.request(l, "CANCEL", 1, "i", ""), now)
			way.send(l.again)
		case !l.byeAt.IsZero() && now.After(l.byeAt):
			l.byeAt, l.bye = time.Time{}, true
			l.repeat(w.request(l, "BYE", 2, "b", ""), now)
			way.send(l.again)
		}
	}
	return len(w.legs)
}

// receiveA is the caller.
func (w *world) receiveA(m message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id, what := m.get("call-id"), m.what()
	l := w.legs[id]
	switch {
	case m.status() == "":
		if what == "BYE" {
			w.a.send(echo(m, "SIP/2.0 200 OK", ""))
			if l != nil {
				w.fates["hung up by us"]++
				delete(w.legs, id)
			}
		}
	case what == "200 INVITE":
		ack := &leg{id: id, to: m.get("to"), remote: uri(m.get("contact"))}
		w.a.send(w.request(ack, "ACK", 1, "a", ""))
		if l != nil && !l.bye && l.byeAt.IsZero() {
			w.fates["answered"]++
			l.to, l.remote, l.again, l.cancelAt = ack.to, ack.remote, nil, time.Time{}
			l.byeAt = time.Now().Add(100 * time.Millisecond)
		}
	case what == "200 BYE":
		delete(w.legs, id)
	case strings.HasSuffix(what, "INVITE") && m.status() >= "300":
		w.a.send(echo(m, "ACK sip:+15550100@"+w.gw.String()+" SIP/2.0", "ACK"))
		if l != nil {
			if m.status() == "487" {
				w.fates["cancelled"]++
			} else {
				w.fates["refused "+m.status()]++
			}
			delete(w.legs, id)
		}
	case l != nil && strings.HasSuffix(what, "INVITE"), l != nil && strings.HasSuffix(what, " CANCEL"):
		l.again = nil // 1xx ends the repetitions; what comes of a CANCEL comes by itself
		l.until = time.Now().Add(40 * time.Second)
	}
}

// receiveB is the called side: it rings for 100 ms.
func (w *world) receiveB(m message) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := "b" + m.get("call-id")
	l := w.legs[key]
	now := time.Now()
	switch m.what() {
	case "INVITE":
		if l == nil {
			l = &leg{invite: m, ringUntil: now.Add(100 * time.Millisecond)}
			w.legs[key] = l
		}
		if l.again != nil {
			w.b.send(l.again)
		} else if !l.ringUntil.IsZero() {
			w.b.send(w.answer(l, "180 Ringing", ""))
		}
	case "ACK":
		if l != nil {
			if l.bye { // of the 487
				delete(w.legs, key)
			}
			l.again = nil
		}
	case "CANCEL":
		w.b.send(echo(m, "SIP/2.0 200 OK", ""))
		if l != nil && !l.ringUntil.IsZero() {
			l.ringUntil, l.bye = time.Time{}, true
			l.repeat(w.answer(l, "487 Request Terminated", ""), now)
			w.b.send(l.again)
		}
	case "BYE":
		w.b.send(echo(m, "SIP/2.0 200 OK", ""))
		delete(w.legs, key)
	}
}

// answer is one to the INVITE of a called leg.
func (w *world) answer(l *leg, status, body string) []byte {
	b := echo(l.invite, "SIP/2.0 "+status, "")
	contact := fmt.Sprintf("Contact: <sip:e@%s>\r\n", w.b.conn.LocalAddr())
	if body != "" {
		contact += "Content-Type: application/sdp\r\n"
	}
	return []byte(strings.Replace(string(b), "Content-Length: 0\r\n\r\n", fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", contact, len(body), body), 1))
}
