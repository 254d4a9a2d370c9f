//go:build interop

package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// mutateSIP sends mutants from the trunk north: of calls to the trunk south,
// which is busy and answers with mutants too, of the live call of others, and of
// the torture messages.
func (v *victims) mutateSIP(t *testing.T) {
	g := v.g
	gw := netip.MustParseAddrPort(g.sip())
	north, south := g.socket(g.addr(13), 5060), g.socket(g.addr(14), 5060)
	go decline(north, gw, nil)
	go decline(south, gw, seeded(100))
	good := v.messages()
	for _, m := range tortures(t) {
		good = append(good, m.raw)
	}
	serial := 0
	v.spray(t, north, gw, mutations, func(r *rand.Rand) []byte {
		serial++
		fresh := func(b []byte) []byte { return bytes.ReplaceAll(b, []byte("SERIAL"), fmt.Appendf(nil, "%d", serial)) }
		return mutated(r, fresh(good[r.IntN(len(good))]), fresh(good[r.IntN(len(good))]))
	})
}

// messages are of every method and of the usual answers; SERIAL stands where
// each needs something of its own.
func (v *victims) messages() [][]byte {
	host, gw := v.g.addr(13), v.g.sip()
	const more = "Supported: 100rel, timer, replaces, histinfo\r\nAllow: INVITE, ACK, BYE, UPDATE, PRACK, REFER\r\n" +
		"Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\nP-Asserted-Identity: \"A, B\" <sip:+15550111@x.example;user=phone>, <tel:+15550112>\r\n" +
		"Privacy: id;header\r\nDiversion: <sip:+15550113@x.example>;reason=no-answer;counter=2\r\nHistory-Info: <sip:a@b>;index=1, <sip:c@d>;index=1.1\r\n" +
		"Reason: Q.850;cause=16;text=\"x\"\r\nUser-to-User: 56a390f3;encoding=hex\r\nRecord-Route: <sip:p1.example;lr>, <sip:p2.example;lr>\r\n"
	in := func(method, id, from, to, extra, body string) []byte {
		return fmt.Appendf(nil, "%[1]s sip:+15550102@%[3]s SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s:5060;branch=z9hG4bKSERIAL;rport\r\nMax-Forwards: 70\r\n"+
			"From: \"North\" %[5]s\r\nTo: %[6]s\r\nCall-ID: %[4]s\r\nCSeq: 7 %[1]s\r\nContact: <sip:n@%[2]s:5060>\r\n%[7]sContent-Length: %[8]d\r\n\r\n%[9]s",
			method, host, gw, id, from, to, extra, len(body), body)
	}
	sdp := strings.Join([]string{
		"v=0", "o=- 1 1 IN IP4 " + host, "s=-", "c=IN IP4 " + host, "b=AS:64", "t=0 0", "a=group:BUNDLE 0", "m=audio 6000 RTP/SAVPF 0 8 101 107 13",
		"a=rtpmap:0 PCMU/8000", "a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=rtpmap:107 opus/48000/2", "a=fmtp:107 useinbandfec=1;maxplaybackrate=8000",
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw|2^20|1:4", "a=rtcp-mux", "a=rtcp:6001 IN IP4 " + host,
		"a=ice-ufrag:abcd", "a=ice-pwd:0123456789012345678901", "a=candidate:1 1 UDP 2130706431 192.0.2.1 6000 typ host", "a=setup:actpass",
		"a=fingerprint:sha-256 " + strings.Repeat("AB:", 31) + "AB", "a=ptime:20", "a=sendrecv", "m=video 0 RTP/AVP 96", "",
	}, "\r\n")
	plain := strings.Replace(v.plain.a.sdp(), v.g.addr(11), host, 2)
	const typed = "Content-Type: application/sdp\r\n"
	const from, to = "<sip:+15550199@x.example>;tag=nSERIAL", "<sip:+15550102@y.example>"
	out := [][]byte{
		in("INVITE", "SERIAL@n", from, to, more+typed, sdp), in("INVITE", "SERIAL@n", from, to, typed, plain), in("INVITE", "SERIAL@n", from, to, more, ""),
		in("INVITE", "SERIAL@n", from, to, "Require: 100rel\r\nReplaces: a@b;to-tag=1;from-tag=2;early-only\r\n"+typed, plain),
		in("CANCEL", "SERIAL@n", from, to, "", ""), in("OPTIONS", "SERIAL@n", from, to, more, ""), in("REGISTER", "SERIAL@n", from, to, "Expires: 60\r\n", ""),
		in("SUBSCRIBE", "SERIAL@n", from, to, "Event: dialog\r\n", ""), in("MESSAGE", "SERIAL@n", from, to, "Content-Type: text/plain\r\n", "hello"),
		in("REFER", "SERIAL@n", from, to, "Refer-To: <sip:+15550103@z.example?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\nReferred-By: <sip:n@x>\r\n", ""),
	}
	d := v.plain.caller // the live call of another trunk, whose tags the sender has learned
	for _, method := range []string{"INVITE", "ACK", "BYE", "UPDATE", "PRACK", "INFO", "NOTIFY", "REFER", "CANCEL"} {
		out = append(out, in(method, d.id, d.from, d.to, more+"RAck: 1 1 INVITE\r\nRefer-To: <sip:x@y>\r\nEvent: refer\r\n"+typed, plain))
	}
	for _, status := range []string{"100 Trying", "180 Ringing", "183 Progress", "200 OK", "302 Moved", "401 No", "407 No", "422 Small", "487 Gone", "503 Full", "603 No"} {
		m := in("INVITE", d.id, d.from, d.to, more+"RSeq: 1\r\nWWW-Authenticate: Digest realm=\"a\", nonce=\"b\", qop=\"auth,auth-int\", algorithm=SHA-256\r\nRetry-After: 5\r\n"+typed, sdp)
		out = append(out, append([]byte("SIP/2.0 "+status), m[bytes.Index(m, []byte("\r\n")):]...))
	}
	return out
}

// decline answers INVITEs with 183 and 486, and what else comes as it must be,
// until the socket is closed. With r the first answers to an INVITE are mutants.
func decline(conn *net.UDPConn, gw netip.AddrPort, r *rand.Rand) {
	seen := map[string]bool{}
	for buf := make([]byte, 65536); ; {
		n, err := conn.Read(buf)
		if err != nil {
			return
		}
		m := parse(buf[:n])
		if m.status() != "" {
			if m.status() >= "300" && strings.HasSuffix(m.get("cseq"), "INVITE") {
				_, _ = conn.WriteToUDPAddrPort(echo(m, "ACK sip:+15550102@"+gw.String()+" SIP/2.0", "ACK"), gw)
			}
			continue
		}
		answers := []string{"200 OK"}
		switch m.what() {
		case "ACK":
			continue
		case "INVITE":
			answers = []string{"100 Trying", "183 Progress", "486 Busy Here"}
		}
		for _, a := range answers {
			b := echo(m, "SIP/2.0 "+a, "")
			if key := m.get("via") + a; r != nil && m.what() == "INVITE" && !seen[key] && r.IntN(2) == 0 {
				seen[key] = true
				b = mutated(r, b, buf[:n])
			}
			_, _ = conn.WriteToUDPAddrPort(b, gw)
		}
	}
}

// echo is an answer to m, or the ACK of one.
func echo(m message, first, method string) []byte {
	b := []byte(first + "\r\n")
	for _, h := range m.head {
		switch h[0] {
		case "to":
			if !strings.Contains(h[1], "tag=") {
				h[1] += ";tag=busy"
			}
		case "cseq":
			if method != "" {
				h[1] = strings.Fields(h[1])[0] + " " + method
			}
		case "via", "from", "call-id":
		default:
			continue
		}
		b = append(b, h[0]+": "+h[1]+"\r\n"...)
	}
	return append(b, "Content-Length: 0\r\n\r\n"...)
}
