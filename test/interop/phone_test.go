//go:build interop

package interop

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/media/dtmf"
)

// A phone speaks SIP as text over UDP from one host of a test's network. It
// knows nothing of the gateway but its address, and nothing of its code.
type phone struct {
	t    *testing.T
	host string
	conn *net.UDPConn
	gw   netip.AddrPort
	in   chan message
	late []message // read and not yet asked for

	mu   sync.Mutex
	info []string // INFO requests seen, by Call-ID, CSeq; each once
	keys strings.Builder
}

// A message is a SIP message, taken apart only as far as a phone needs.
type message struct {
	first string
	head  [][2]string // name in lower case, value
	body  string
}

func (m message) get(name string) string {
	for _, h := range m.head {
		if h[0] == name {
			return h[1]
		}
	}
	return ""
}

// status is the code of a response, "" for a request.
func (m message) status() string {
	if rest, ok := strings.CutPrefix(m.first, "SIP/2.0 "); ok {
		return rest[:3]
	}
	return ""
}

// what is what a test calls the message: "200 INVITE" or "BYE".
func (m message) what() string {
	_, method, _ := strings.Cut(m.get("cseq"), " ")
	if s := m.status(); s != "" {
		return s + " " + method
	}
	return method
}

func parse(b []byte) message {
	text := string(b)
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	lines := strings.Split(head, "\r\n")
	m := message{first: lines[0], body: body}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		m.head = append(m.head, [2]string{strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(value)})
	}
	return m
}

// phone opens host n of the network at port 5060.
func (g *gateway) phone(n int) *phone {
	g.t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(g.addr(n)), 5060)
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		g.t.Fatal(err)
	}
	p := &phone{t: g.t, host: g.addr(n), conn: conn, gw: netip.MustParseAddrPort(g.sip()), in: make(chan message, 100)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for buf := make([]byte, 65536); ; {
			n, err := conn.Read(buf)
			if err != nil {
				return
			}
			if m := parse(buf[:n]); m.what() == "INFO" {
				p.gotInfo(m)
			} else {
				p.in <- m
			}
		}
	}()
	g.t.Cleanup(func() { conn.Close(); <-ended })
	return p
}

// gotInfo answers an INFO at once and remembers its digit.
func (p *phone) gotInfo(m message) {
	(&talk{phone: p}).reply(m, "200 OK", "")
	p.mu.Lock()
	defer p.mu.Unlock()
	if id := m.get("call-id") + m.get("cseq"); !slices.Contains(p.info, id) {
		p.info = append(p.info, id)
		if press, err := dtmf.ParseInfo(m.get("content-type"), []byte(m.body)); err == nil {
			p.keys.WriteString(press.Digit.Key())
		}
	}
}

// infos are the digits that came by INFO.
func (p *phone) infos() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.keys.String()
}

func (p *phone) send(first string, head []string, body string) {
	p.t.Helper()
	if body != "" && !strings.Contains(strings.Join(head, "\n"), "Content-Type") {
		head = append(head, "Content-Type: application/sdp")
	}
	text := first + "\r\n" + strings.Join(head, "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(body)) + body
	if _, err := p.conn.WriteToUDPAddrPort([]byte(text), p.gw); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the next message of that kind; others of the kinds in skip and
// repetitions are passed over, anything else is kept for a later wait.
func (p *phone) wait(what string) message {
	p.t.Helper()
	for i, m := range p.late {
		if m.what() == what {
			p.late = append(p.late[:i:i], p.late[i+1:]...)
			return m
		}
	}
	timeout := time.After(10 * time.Second)
	for {
		select {
		case m := <-p.in:
			if m.what() == what {
				return m
			}
			p.late = append(p.late, m)
		case <-timeout:
			var got []string
			for _, m := range p.late {
				got = append(got, m.what())
			}
			p.t.Fatalf("waited 10 s for %s; came: %v", what, got)
		}
	}
}

// A talk is one dialog of a phone.
type talk struct {
	*phone
	caller   bool
	id       string
	from, to string // as in our requests
	remote   string // URI of requests in the dialog
	seq      int
	invite   message // received, on the called side
}

// call sends an INVITE for number with that SDP.
func (p *phone) call(number, sdp string, extra ...string) *talk {
	p.t.Helper()
	d := &talk{phone: p, caller: true, id: fmt.Sprintf("%016x", rand.Uint64()), seq: 1, remote: "sip:" + number + "@" + p.gw.String()}
	d.from = fmt.Sprintf("<sip:+15550199@%s>;tag=%x", p.host, rand.Uint32())
	d.to = "<" + d.remote + ">"
	d.request("INVITE", sdp, extra...)
	return d
}

func (d *talk) request(method, body string, extra ...string) {
	d.t.Helper()
	if method != "INVITE" && method != "ACK" {
		d.seq++
	}
	head := []string{
		fmt.Sprintf("Via: SIP/2.0/UDP %s:5060;branch=z9hG4bK%x;rport", d.host, rand.Uint64()),
		"Max-Forwards: 70", "From: " + d.from, "To: " + d.to, "Call-ID: " + d.id,
		fmt.Sprintf("CSeq: %d %s", d.seq, method),
		fmt.Sprintf("Contact: <sip:phone@%s:5060>", d.host),
	}
	d.send(method+" "+d.remote+" SIP/2.0", append(head, extra...), body)
}

// answered waits for the 200 to the INVITE, acknowledges it and returns its SDP.
func (d *talk) answered() string {
	d.t.Helper()
	m := d.wait("200 INVITE")
	d.to = m.get("to")
	d.remote = uri(m.get("contact"))
	d.request("ACK", "")
	return m.body
}

// bye hangs up and waits until that is agreed.
func (d *talk) bye() {
	d.t.Helper()
	d.request("BYE", "")
	d.wait("200 BYE")
}

// incoming waits for a call.
func (p *phone) incoming() *talk {
	p.t.Helper()
	m := p.wait("INVITE")
	tag := fmt.Sprintf(";tag=%x", rand.Uint32())
	return &talk{phone: p, id: m.get("call-id"), from: m.get("to") + tag, to: m.get("from"), remote: uri(m.get("contact")), seq: 100, invite: m}
}

// reply answers a request of the dialog.
func (d *talk) reply(m message, status, body string, extra ...string) {
	d.t.Helper()
	var head []string
	for _, h := range m.head {
		switch h[0] {
		case "via", "from", "call-id", "cseq", "record-route":
			head = append(head, h[0]+": "+h[1])
		case "to":
			if !strings.Contains(h[1], "tag=") {
				h[1] = d.from
			}
			head = append(head, "To: "+h[1])
		}
	}
	head = append(head, fmt.Sprintf("Contact: <sip:phone@%s:5060>", d.host))
	d.send("SIP/2.0 "+status, append(head, extra...), body)
}

// accept answers the call and waits for the ACK.
func (d *talk) accept(sdp string) {
	d.t.Helper()
	d.reply(d.invite, "200 OK", sdp)
	d.wait("ACK")
}

// hungUp waits for the other side to hang up.
func (d *talk) hungUp() {
	d.t.Helper()
	d.reply(d.wait("BYE"), "200 OK", "")
}

// uri is the URI of a Contact.
func uri(contact string) string {
	_, rest, _ := strings.Cut(contact, "<")
	u, _, _ := strings.Cut(rest, ">")
	return u
}
