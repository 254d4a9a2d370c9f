//go:build load

package load

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A side is one end of all calls: one SIP socket.
type side struct {
	conn *net.UDPConn
	host string
	gw   netip.AddrPort
	rtp  uint16
	sdp  string
}

func newSide(host string, gw netip.AddrPort, sdp func(host string, port uint16) string) (*side, error) {
	addr := netip.MustParseAddr(host)
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 5060)))
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(8 << 20)
	return &side{conn: conn, host: host, gw: gw, rtp: 6000, sdp: sdp(host, 6000)}, nil
}

// header returns the value of a header, given as "\nName: ".
func header(m []byte, name string) []byte {
	i := bytes.Index(m, []byte(name))
	if i < 0 {
		return nil
	}
	v := m[i+len(name):]
	if j := bytes.IndexByte(v, '\r'); j >= 0 {
		v = v[:j]
	}
	return v
}

// port is the port of the audio stream in the SDP of m, 0 without one.
func port(m []byte) uint16 {
	i := bytes.Index(m, []byte("\nm=audio "))
	if i < 0 {
		return 0
	}
	v := m[i+9:]
	n, _ := strconv.ParseUint(string(v[:bytes.IndexByte(v, ' ')]), 10, 16)
	return uint16(n)
}

// A callee answers every call at once.
type callee struct {
	*side
	onCall func(id string, rtp uint16)
	onBye  func(id string)
}

func (c *callee) run() {
	buf, out := make([]byte, 65536), make([]byte, 0, 4096)
	for {
		n, from, err := c.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		m := buf[:n]
		switch {
		case bytes.HasPrefix(m, []byte("INVITE")):
			if c.onCall != nil {
				c.onCall(string(header(m, "\nCall-ID: ")), port(m))
			}
			_, _ = c.conn.WriteToUDPAddrPort(c.reply(out, m, "180 Ringing", ""), from)
			_, _ = c.conn.WriteToUDPAddrPort(c.reply(out, m, "200 OK", c.sdp), from)
		case bytes.HasPrefix(m, []byte("BYE")):
			if c.onBye != nil {
				c.onBye(string(header(m, "\nCall-ID: ")))
			}
			fallthrough
		case bytes.HasPrefix(m, []byte("OPTIONS")):
			_, _ = c.conn.WriteToUDPAddrPort(c.reply(out, m, "200 OK", ""), from)
		}
	}
}

func (c *callee) reply(out, m []byte, status, sdp string) []byte {
	out = append(append(append(out[:0], "SIP/2.0 "...), status...), "\r\n"...)
	for _, h := range []string{"Via", "From", "To", "Call-ID", "CSeq"} {
		v := header(m, "\n"+h+": ")
		out = append(append(append(out, h...), ": "...), v...)
		if h == "To" && !bytes.Contains(v, []byte("tag=")) {
			out = append(out, ";tag=callee"...)
		}
		out = append(out, "\r\n"...)
	}
	out = fmt.Appendf(out, "Contact: <sip:load@%s:5060>\r\n", c.host)
	if sdp != "" {
		out = append(out, "Content-Type: application/sdp\r\n"...)
	}
	return fmt.Appendf(out, "Content-Length: %d\r\n\r\n%s", len(sdp), sdp)
}

// A caller places calls.
type caller struct {
	*side
	hold time.Duration // 0: until hangUp

	mu       sync.Mutex
	calls    map[string]*call
	onAnswer func(c *call)

	answered, done, failed, repeats atomic.Int64
}

// A call is one of a caller's.
type call struct {
	id         string
	to, remote string
	gw         uint16 // the gateway's RTP port
	last       []byte // request waiting for its answer; nil: none
	at         time.Time
	began      time.Time
	wait       time.Duration
	byeAt      time.Time
	bye        bool
}

// settle ends the repeats of the INVITE. A response to it that is late, or comes
// again, does not end those of the BYE.
func (d *call) settle() {
	if !d.bye {
		d.last = nil
	}
}

func (c *caller) request(d *call, method, seq, body string) []byte {
	b := fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%s%s;rport\r\n", method, d.remote, c.host, d.id, method)
	b = fmt.Appendf(b, "From: <sip:+15550199@%s>;tag=%s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s %s\r\n", c.host, d.id, d.to, d.id, seq, method)
	b = fmt.Appendf(b, "Contact: <sip:load@%s:5060>\r\nMax-Forwards: 70\r\n", c.host)
	if body != "" {
		b = append(b, "Content-Type: application/sdp\r\n"...)
	}
	return fmt.Appendf(b, "Content-Length: %d\r\n\r\n%s", len(body), body)
}

// place begins a call.
func (c *caller) place(n int) {
	d := &call{id: fmt.Sprintf("load%d", n), remote: "sip:+15550100@" + c.gw.String(), began: time.Now()}
	d.to = "<" + d.remote + ">"
	c.mu.Lock()
	c.calls[d.id] = d
	c.put(d, c.request(d, "INVITE", "1", c.sdp))
	c.mu.Unlock()
}

func (c *caller) put(d *call, m []byte) {
	d.last, d.at, d.wait = m, time.Now(), 500*time.Millisecond
	_, _ = c.conn.WriteToUDPAddrPort(m, c.gw)
}

func (c *caller) run() {
	for buf := make([]byte, 65536); ; {
		n, _, err := c.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		m := buf[:n]
		c.mu.Lock()
		if d := c.calls[string(header(m, "\nCall-ID: "))]; d != nil {
			c.receive(d, m)
		}
		c.mu.Unlock()
	}
}

func (c *caller) receive(d *call, m []byte) {
	seq := header(m, "\nCSeq: ")
	switch {
	case bytes.HasPrefix(m, []byte("SIP/2.0 1")):
		d.settle()
	case bytes.HasPrefix(m, []byte("SIP/2.0 200")) && bytes.HasSuffix(seq, []byte("INVITE")):
		first := !d.bye && d.gw == 0
		d.to = string(header(m, "\nTo: "))
		u := header(m, "\nContact: ")
		d.remote = string(u[1:bytes.IndexByte(u, '>')])
		d.gw = port(m)
		d.settle()
		_, _ = c.conn.WriteToUDPAddrPort(c.request(d, "ACK", "1", ""), c.gw)
		if !first {
			return
		}
		c.answered.Add(1)
		if c.onAnswer != nil {
			c.onAnswer(d)
		}
		if c.hold > 0 {
			d.byeAt = time.Now().Add(c.hold)
		}
	case bytes.HasPrefix(m, []byte("SIP/2.0 200")):
		delete(c.calls, d.id)
		c.done.Add(1)
	case bytes.HasPrefix(m, []byte("SIP/2.0 ")):
		delete(c.calls, d.id)
		c.failed.Add(1)
		_, _ = c.conn.WriteToUDPAddrPort(c.request(d, "ACK", "1", ""), c.gw)
	case bytes.HasPrefix(m, []byte("BYE")):
		delete(c.calls, d.id)
		c.failed.Add(1)
	}
}

// tick repeats what was not answered, hangs up what is due and gives up what
// took longer than ten seconds. Call it every few milliseconds.
func (c *caller) tick() {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, d := range c.calls {
		switch {
		case d.last != nil && now.Sub(d.at) > 10*time.Second:
			delete(c.calls, id)
			c.failed.Add(1)
		case d.last != nil && now.Sub(d.at) > d.wait:
			d.wait *= 2
			c.repeats.Add(1)
			_, _ = c.conn.WriteToUDPAddrPort(d.last, c.gw)
		case !d.bye && !d.byeAt.IsZero() && now.After(d.byeAt):
			d.bye = true
			c.put(d, c.request(d, "BYE", "2", ""))
		}
	}
}

// hangUp ends all calls from now on.
func (c *caller) hangUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.calls {
		d.byeAt = time.Now()
	}
}

func (c *caller) open() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.calls)
}
