package sip

import (
	"bytes"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// FuzzInvite sends one message after another into a UA with a leg in it: in is
// split at lines of "---". Whatever comes, what goes out can be parsed, no
// header is smuggled in, and all legs end.
func FuzzInvite(f *testing.F) {
	invite := rawInvite("call", "1", "z9hG4bKa", "Supported: 100rel, timer", "Session-Expires: 1800")
	sep := []byte("\n---\n")
	for _, more := range [][]byte{
		rawRequest("BYE", "Call-ID: call", "To: <sip:b@c>;tag=TAG", "CSeq: 2 BYE"),
		rawRequest("ACK", "Call-ID: call", "To: <sip:b@c>;tag=TAG"),
		rawRequest("PRACK", "Call-ID: call", "To: <sip:b@c>;tag=TAG", "CSeq: 2 PRACK", "RAck: 1 1 INVITE"),
		rawRequest("REFER", "Call-ID: call", "To: <sip:b@c>;tag=TAG", "CSeq: 2 REFER", "Refer-To: <sip:a@b?Replaces=a%3Bto-tag%3D1>"),
		rawRequest("UPDATE", "Call-ID: call", "To: <sip:b@c>;tag=TAG", "CSeq: 2 UPDATE"),
		rawRequest("INVITE", "Call-ID: call", "To: <sip:b@c>;tag=TAG", "CSeq: 2 INVITE", "Contact: *"),
		[]byte("SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP h;branch=BRANCH\r\nFrom: <sip:a@b>;tag=OURS\r\nTo: <sip:c@d>;tag=x\r\n" +
			"Call-ID: ID\r\nCSeq: 1 INVITE\r\nRecord-Route: <sip:r>, <sip:s;lr>\r\nContact: <sip:[::1]:99999>\r\n\r\n"),
		[]byte("SIP/2.0 183 x\r\nVia: SIP/2.0/UDP h;branch=BRANCH\r\nFrom: <sip:a@b>;tag=OURS\r\nTo: <sip:c@d>;tag=x\r\n" +
			"Call-ID: ID\r\nCSeq: 1 INVITE\r\nRequire: 100rel\r\nRSeq: 4294967295\r\n\r\n"),
	} {
		f.Add(append(append(bytes.Clone(invite), sep...), more...))
	}
	cfg := LegConfig{
		Peer: "trunk", Reliable: ReliableSupported, Update: true, Refer: true, Session: SessionTimer{Mode: SessionRequest},
		Credentials: Credentials{Username: "u", Password: "p"},
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newSide(t, addrB, cfg)
		out := s.ua.NewLeg(s.post, cfg)
		out.Dial(t0, outgoing(transport.UDP, addrA))
		now := t0
		for n, raw := range bytes.Split(in, sep) {
			if n == 16 {
				break
			}
			text := string(raw)
			if s.leg != nil {
				text = strings.ReplaceAll(text, "TAG", s.leg.entry.tag)
			}
			if c := out.dial.client; c != nil {
				text = strings.NewReplacer("BRANCH", c.branch, "OURS", out.entry.tag, "ID", out.CallID()).Replace(text)
			}
			m, err := sipmsg.ParseMessage([]byte(text))
			if err != nil || m == nil {
				continue
			}
			fl := transport.Flow{Kind: transport.UDP, Remote: mustAddr(addrA)}
			s.ua.Receive(now, transport.Inbound{Msg: m, Flow: fl, Reply: fl})
			now = now.Add(time.Second)
			s.work(now, out)
			if l := s.leg; l != nil && n%3 == 0 {
				l.Progress(now, 183, []byte(answerSDP), Extra{})
			} else if l != nil {
				l.Answer(now, []byte(answerSDP), Extra{})
				l.Accept(now, []byte(answerSDP))
				l.AcceptRefer(now)
			}
			checkSent(t, s.take())
		}
		for _, l := range []*Leg{out, s.leg} {
			if l == nil {
				continue
			}
			l.Release(now, Normal())
			for range 200 {
				d := l.Deadline()
				if d.IsZero() {
					break
				}
				l.Advance(d)
			}
			if !l.Over() {
				t.Fatalf("leg is left: phase %d, %d clients, %d servers", l.phase, len(l.clients), len(l.servers))
			}
		}
		checkSent(t, s.take())
	})
}

// checkSent asserts that each message is one message.
func checkSent(t *testing.T, out []transport.Outbound) {
	t.Helper()
	for _, o := range out {
		head, body, ok := bytes.Cut(o.Raw, []byte("\r\n\r\n"))
		if !ok || bytes.ContainsRune(head, 0) || bytes.Count(head, []byte("\n")) != bytes.Count(head, []byte("\r\n")) {
			t.Fatalf("not one message: %q", o.Raw)
		}
		if bytes.Count(head, []byte("\r\nContent-Length: ")) != 1 || bytes.Count(head, []byte("\r\nCall-ID: ")) != 1 {
			t.Fatalf("a header twice: %q", o.Raw)
		}
		if !bytes.HasSuffix(head, []byte("Content-Length: "+itoa(len(body)))) {
			t.Fatalf("wrong length: %q", o.Raw)
		}
	}
}

// FuzzHeaders reads one value as every header we have a view of: none panics,
// and what is read can be written and read again.
func FuzzHeaders(f *testing.F) {
	for _, s := range []string{
		"1800;refresher=uac", "776656 1 INVITE", "a@b;to-tag=1;from-tag=2;early-only", `"A" <sip:a@b?Replaces=c%3Bto-tag%3D1%3Bfrom-tag%3D2>`,
		`Q.850;cause=16;text="a\"b", SIP;cause=200`, `Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256`,
		"sips:a:b@[::1]:5061;lr?x=y", "tel:+1-555;ext=1", "multipart/mixed;boundary=b",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = parseSessionExpires(s)
		_, _ = parseRAck(s)
		_, _ = parseRSeq(s)
		_, _ = parseReferTo(s)
		_, _ = sdpPart(s, []byte(s))
		_, _ = statusLine([]byte(s))
		if u, err := ParseURI(s); err == nil {
			if back, err := ParseURI(u.String()); err != nil || back != u {
				t.Errorf("uri %q: %+v, again %+v, %v", s, u, back, err)
			}
		}
		if a, err := ParseAddress(s); err == nil && !validValue(a.String()) {
			t.Errorf("address %q makes %q", s, a)
		}
		if r, err := ParseReplaces(s); err == nil {
			if back, err := ParseReplaces(r.String()); err != nil || back != r {
				t.Errorf("replaces %q: %+v, again %+v, %v", s, r, back, err)
			}
		}
		if c, ok := ParseReason(s); ok && !validValue(c.Reason()) {
			t.Errorf("reason %q makes %q", s, c.Reason())
		}
		a := auth{creds: Credentials{Username: "u", Password: "p"}}
		if c := parseChallenge(s); c != nil {
			a.server = &challenge{Challenge: c}
			var w wire
			a.write(&w, "INVITE", "sip:a@b")
			if bytes.Count(w.b, []byte("\n")) > 1 {
				t.Errorf("challenge %q makes %q", s, w.b)
			}
		}
	})
}
