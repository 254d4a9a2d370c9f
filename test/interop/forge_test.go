//go:build interop

package interop

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// BYE, re-INVITE, UPDATE, REFER, INFO, CANCEL and answers with the Call-ID and
// the tags of a live call, from a stranger and from another trunk, do nothing:
// the call goes on, neither phone hears of them, no media moves (S12).
func TestForgedInDialog(t *testing.T) {
	g := start(t, toEast, "", west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMU]}"), trunk{"north", 13, ""})
	p := &pair{g: g, a: g.stream(11, pcmu()), b: g.stream(12, pcmu())}
	p.caller = g.phone(11).call("+15550100", p.a.sdp())
	p.call = g.phone(12).incoming()
	p.b.meet(p.call.invite.body)
	p.call.accept(p.b.sdp())
	p.a.meet(p.caller.answered())
	p.both(tone(1004, 200*time.Millisecond), tone(1004, 200*time.Millisecond))
	loot := g.socket(g.addr(66), 6000) // where forged SDP wants media
	told := 0
	for _, host := range []int{66, 13} {
		conn := g.socket(g.addr(host), 5060)
		for _, d := range []*talk{p.caller, p.call} {
			for _, b := range forged(g, d, host) {
				_, _ = conn.WriteToUDPAddrPort(b, netip.MustParseAddrPort(g.sip()))
			}
		}
		_ = conn.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
		for buf := make([]byte, 65536); ; {
			n, err := conn.Read(buf)
			if err != nil {
				break
			}
			if m := parse(buf[:n]); m.status() != "481" && m.status() != "100" {
				t.Errorf("host %d was told %q", host, m.first)
			}
			told++
		}
	}
	heardA, heardB := len(p.a.got()), len(p.b.got())
	p.both(tone(1004, time.Second), tone(1004, time.Second))
	a, b := len(p.a.got())-heardA, len(p.b.got())-heardB
	for name, ph := range map[string]*phone{"caller": p.caller.phone, "called": p.call.phone} {
		for len(ph.in) > 0 {
			t.Errorf("the %s was sent %q", name, (<-ph.in).first)
		}
	}
	if a < 48 || b < 48 {
		t.Errorf("after the forgeries the caller heard %d and the called %d packets of 50", a, b)
	}
	_ = loot.SetReadDeadline(time.Now().Add(time.Millisecond))
	if n, _ := loot.Read(make([]byte, 2048)); n != 0 {
		t.Error("media went where a forged SDP said")
	}
	g.unharmed(1)
	t.Logf("%.0f forgeries were refused as from a wrong source, %d answers of 481; the caller heard %d and the called %d packets of 50",
		g.metric(`tandem_sip_events_total{event="request.wrong_source"}`), told, a, b)
	p.end()
}

// forged are messages in the dialog d as one would send who has seen all of it.
func forged(g *gateway, d *talk, host int) [][]byte {
	sdp := (&stream{conn: d.conn, format: pcmu()}).sdp()
	sdp = strings.ReplaceAll(strings.ReplaceAll(sdp, d.host, g.addr(66)), "5060", "6000")
	var out [][]byte
	for i, method := range []string{"BYE", "INVITE", "UPDATE", "REFER", "INFO", "PRACK", "CANCEL", "NOTIFY"} {
		body, extra := "", "Refer-To: <sip:+15550666@"+g.addr(66)+">\r\nEvent: refer\r\n"
		if method == "INVITE" || method == "UPDATE" {
			body, extra = sdp, "Content-Type: application/sdp\r\n"
		}
		out = append(out, fmt.Appendf(nil, "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:5060;branch=z9hG4bK%x;rport\r\nMax-Forwards: 70\r\n"+
			"From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %[1]s\r\nContact: <sip:x@%[3]s:5060>\r\n%[9]sContent-Length: %[10]d\r\n\r\n%[11]s",
			method, d.remote, g.addr(host), rand.Uint64(), d.from, d.to, d.id, d.seq+50+i, extra, len(body), body))
	}
	return out
}

// Where SRTP is required an offer without keys gets 488, whatever its profile,
// and so does an answer; only one with keys makes a call (S4).
func TestKeysCannotBeStripped(t *testing.T) {
	const keyed = "media: {codecs: [PCMU]}\nsecurity: {srtp: required, keys: sdes, clear_keys: true}"
	g := start(t, toEast, "", west(keyed), east("media: {codecs: [PCMU]}"))
	s := g.secure(11, 6000, false)
	phone := g.phone(11)
	good := s.sdp()
	key := good[strings.Index(good, "a=crypto:"):]
	for name, sdp := range map[string]string{
		"the key stripped":                 strings.Replace(good, key, "", 1),
		"the key and the profile stripped": strings.Replace(strings.Replace(good, key, "", 1), "RTP/SAVP", "RTP/AVP", 1),
		"a suite without encryption":       strings.Replace(good, "AES_CM_128_HMAC_SHA1_80", "NULL_HMAC_SHA1_80", 1),
		"encryption turned off":            strings.TrimSpace(good) + " UNENCRYPTED_SRTP\r\n",
		"authentication turned off":        strings.TrimSpace(good) + " UNAUTHENTICATED_SRTP\r\n",
		"a short key":                      strings.Replace(good, "inline:", "inline:AAAA", 1)[:strings.Index(good, "inline:")+15] + "\r\n",
	} {
		m := phone.call("+15550100", sdp).wait("488 INVITE")
		if m.get("warning") == "" {
			t.Errorf("%s: 488 without a Warning", name)
		}
		phone.acknowledge(m)
		t.Logf("%s: 488", name)
	}
	g.idle()
	if n := g.metric("tandem_calls_answered_total"); n != 0 {
		t.Errorf("%v calls were answered", n)
	}
}

// acknowledge is the ACK of a final response that is no 2xx. RFC 3261 §17.1.1.3.
func (p *phone) acknowledge(m message) {
	p.t.Helper()
	if _, err := p.conn.WriteToUDPAddrPort(echo(m, "ACK sip:+15550100@"+p.gw.String()+" SIP/2.0", "ACK"), p.gw); err != nil {
		p.t.Fatal(err)
	}
}

// What is replayed into a keyed call, or keyed otherwise, by somebody else or
// from the caller's own address, is not heard; the call does not suffer (S4).
func TestReplayedAndForgedSRTP(t *testing.T) {
	const keyed = "media: {codecs: [PCMU]}\nsecurity: {srtp: required, keys: sdes, clear_keys: true}"
	g := start(t, toEast, "", west(keyed), east("media: {codecs: [PCMU]}"))
	s, b := g.secure(11, 6000, false), g.stream(12, pcmu())
	caller := g.phone(11).call("+15550100", s.sdp())
	called := g.phone(12).incoming()
	b.meet(called.invite.body)
	called.accept(b.sdp())
	s.meet(caller.answered())
	s.talk(50)
	time.Sleep(100 * time.Millisecond)
	if n := len(b.got()); n < 48 {
		t.Fatalf("%d packets of 50 were heard", n)
	}
	other := &secure{t: t, ssrc: s.ssrc, seq: s.seq}
	other.out = s.context(make([]byte, 30))
	third := g.socket(g.addr(66), 6000)
	fourth := g.socket(g.addr(11), 6066)
	before, sent := len(b.got()), 0
	attack := func(p []byte) {
		for _, c := range []*net.UDPConn{s.conn, third, fourth} {
			_, _ = c.WriteToUDPAddrPort(p, s.to)
			sent++
		}
		time.Sleep(2 * time.Millisecond)
	}
	for _, p := range s.wire {
		attack(p) // as it was
		q := append([]byte(nil), p...)
		binary.BigEndian.PutUint16(q[2:], binary.BigEndian.Uint16(q[2:])+100)
		attack(q) // under a number to come
		q = append([]byte(nil), p...)
		q[40] ^= 1
		attack(q)                                    // with one bit changed
		attack(other.packet())                       // with another key
		attack(append([]byte{0x80, 0}, p[2:172]...)) // in the clear
	}
	time.Sleep(100 * time.Millisecond)
	if n := len(b.got()) - before; n != 0 {
		t.Errorf("%d packets of the attack were heard", n)
	}
	before = len(b.got())
	s.talk(50)
	time.Sleep(100 * time.Millisecond)
	after := len(b.got()) - before
	if after < 48 {
		t.Errorf("after the attack %d packets of 50 were heard", after)
	}
	g.unharmed(1)
	caller.request("BYE", "")
	called.hungUp()
	caller.wait("200 BYE")
	g.idle()
	t.Logf("%d replayed and forged packets, none heard; %.0f not authentic, %.0f rejected; %d of 50 heard afterwards",
		sent, g.metric("tandem_media_unauthentic_total"), g.metric("tandem_media_rejected_total"), after)
	if n := g.metric("tandem_media_unauthentic_total"); n < float64(len(s.wire)) {
		t.Errorf("only %v packets were counted as not authentic", n)
	}
}
