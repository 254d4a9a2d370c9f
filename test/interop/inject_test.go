//go:build interop

package interop

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// CR, LF and NUL, bare, escaped and folded, in display names, numbers, headers
// that pass, and Refer-To, never make a header or a message of their own: what
// comes out is one message for the one that went in, or none (SECURITY S8).
func TestInjectedLinesStayValues(t *testing.T) {
	const passing = `headers: {allow: ["X-Custom", "Subject", "Reason"]}`
	g := start(t, toEast, "call: {ring_time: 5s}", west(passing), east(passing))
	gw := netip.MustParseAddrPort(g.sip())
	a, b := g.socket(g.addr(11), 5060), g.socket(g.addr(12), 5060)
	out := make(chan string, 1000)
	go busy(b, gw, out)
	go decline(a, gw, nil)
	asked := 0
	for _, evil := range []string{
		"%0d%0aX-Evil:%20yes", "%0aX-Evil:%20yes", "%00X-Evil: yes", "\rX-Evil: yes\r", "\nX-Evil: yes\n", "\x00X-Evil: yes",
		"\r\n X-Evil: yes", "\r\n\tX-Evil: yes", "\\\r\nX-Evil: yes", "\\\nX-Evil: yes", "\u2028X-Evil: yes", "\u0085X-Evil: yes",
		"%0d%0a%0d%0aINVITE sip:evil@x SIP/2.0%0d%0a", "\r\rINVITE sip:evil@x SIP/2.0\n\n",
	} {
		for _, v := range injections(g, evil) {
			_, _ = a.WriteToUDPAddrPort(v, gw)
			asked++
		}
	}
	p := g.probe(11)
	p.must("the injections")
	g.eventually(20*time.Second, "the calls to be over", func() bool { return g.metric("tandem_calls") == 0 })
	invites := map[string]bool{}
	for len(out) > 0 {
		m := <-out
		if flaw := smuggled(m); flaw != "" {
			t.Errorf("%s in what came out:\n%q", flaw, m)
		}
		if strings.HasPrefix(m, "INVITE ") {
			invites[parse([]byte(m)).get("call-id")] = true
		}
	}
	if len(invites) == 0 || len(invites) > asked {
		t.Errorf("%d INVITEs came out of %d that went in", len(invites), asked)
	}
	t.Logf("%d messages with lines in their values went in, %d calls came out, each of one message", asked, len(invites))
	g.unharmed(0)
}

// injections puts text where the other side sees it.
func injections(g *gateway, evil string) [][]byte {
	sdp := fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n", g.addr(11))
	var out [][]byte
	for _, where := range []string{"display", "number", "caller", "header", "subject", "reason", "diversion", "uui", "pai"} {
		display, number, caller, more := "West", "+15550100", "+15550199", ""
		switch where {
		case "display":
			display += evil
		case "number":
			number += evil
		case "caller":
			caller += evil
		case "header":
			more = "X-Custom: a" + evil + "\r\n"
		case "subject":
			more = "Subject: a" + evil + "\r\n"
		case "reason":
			more = "Reason: Q.850;cause=16;text=\"a" + evil + "\"\r\n"
		case "diversion":
			more = "Diversion: \"a" + evil + "\" <sip:+15550113@x.example>;reason=\"b" + evil + "\"\r\n"
		case "uui":
			more = "User-to-User: a" + evil + ";encoding=hex\r\n"
		case "pai":
			more = "P-Asserted-Identity: \"a" + evil + "\" <sip:+15550114" + evil + "@x.example>\r\n"
		}
		id := fmt.Sprintf("%x", rand.Uint64())
		out = append(out, fmt.Appendf(nil, "INVITE sip:%s@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%s;rport\r\nMax-Forwards: 70\r\n"+
			"From: \"%s\" <sip:%s@%[3]s>;tag=%[4]s\r\nTo: <sip:%[1]s@%[2]s>\r\nCall-ID: %[4]s\r\nCSeq: 1 INVITE\r\nContact: <sip:w@%[3]s:5060>\r\n%[7]sContent-Type: application/sdp\r\nContent-Length: %[8]d\r\n\r\n%[9]s",
			number, g.sip(), g.addr(11), id, display, caller, more, len(sdp), sdp))
	}
	return out
}

// smuggled says what is wrong with the lines of a message, "" if nothing is.
func smuggled(m string) string {
	head, body, _ := strings.Cut(m, "\r\n\r\n")
	for line := range strings.SplitSeq(head, "\r\n") {
		switch {
		case strings.ContainsAny(line, "\r\n\x00"):
			return "a bare CR, LF or NUL"
		case strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "x-evil"):
			return "a header of the attacker's"
		case line == "":
			return "an empty line"
		}
	}
	if strings.Contains(body, "SIP/2.0") || strings.Contains(body, "X-Evil") {
		return "a second message"
	}
	return ""
}

// busy keeps what comes as it was, and declines calls.
func busy(conn *net.UDPConn, gw netip.AddrPort, out chan<- string) {
	for buf := make([]byte, 65536); ; {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		select {
		case out <- string(buf[:n]):
		default:
		}
		if m := parse(buf[:n]); m.what() == "INVITE" {
			_, _ = conn.WriteToUDPAddrPort(echo(m, "SIP/2.0 486 Busy Here", ""), gw)
		}
	}
}

// A REFER whose target carries lines makes no header of them in the INVITE that
// it leads to, nor in anything else that comes out (SECURITY S8).
func TestInjectedByREFER(t *testing.T) {
	const both = toEast + "- {name: back, match: {trunks: [east]}, targets: [{trunk: east}]}\n"
	g := start(t, both, "", west(""), east("dialog: {refer: local}"))
	a, b := g.stream(11, pcmu()), g.stream(12, pcmu())
	caller := g.phone(11).call("+15550100", a.sdp())
	called := g.phone(12).incoming()
	called.accept(b.sdp())
	caller.answered()
	came := 0
	for _, target := range []string{
		"<sip:+15550101@x?Subject=a%0d%0aX-Evil:%20yes>", "<sip:+15550101%0d%0aX-Evil:%20yes@x>", "\"a\\\r\nX-Evil: yes\" <sip:+15550101@x>",
		"<sip:+15550101@x?X-Custom=%0d%0a%0d%0aINVITE>", "<sip:+15550101@x;p=%0d%0aX-Evil:%20yes>", "<sip:+15550101@x>",
	} {
		called.request("REFER", "", "Refer-To: "+target)
		for end := time.Now().Add(400 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			for _, ph := range []*phone{caller.phone, called.phone} {
				for len(ph.in) > 0 {
					m := <-ph.in
					came++
					for _, h := range m.head {
						if h[0] == "x-evil" || strings.ContainsAny(h[1], "\r\n\x00") || strings.HasPrefix(m.body, "INVITE") {
							t.Errorf("REFER to %q: %q came out in %q", target, h, m.first)
						}
					}
					t.Logf("REFER to %q: %s", target, m.what())
					switch {
					case m.status() != "" || m.what() == "ACK":
					case m.what() == "INVITE" && m.get("call-id") != called.id && m.get("call-id") != caller.id:
						_, _ = ph.conn.WriteToUDPAddrPort(echo(m, "SIP/2.0 486 Busy Here", ""), ph.gw)
					case m.what() == "INVITE":
						(&talk{phone: ph}).reply(m, "200 OK", b.sdp())
					default:
						(&talk{phone: ph}).reply(m, "200 OK", "")
					}
				}
			}
		}
	}
	g.unharmed(1)
	if came == 0 {
		t.Error("no REFER was answered")
	}
	caller.request("BYE", "")
	called.hungUp()
	caller.wait("200 BYE")
	g.idle()
}
