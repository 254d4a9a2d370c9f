//go:build interop

package interop

import (
	"testing"
	"time"
)

// Media from another port than the signalled one is learned, sent back to, and
// then locked: a second port of the same host is heard by nobody.
// Specification 3.3 test 11.
func TestMediaFromAnotherPortIsLearned(t *testing.T) {
	g := start(t, toEast, "", west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMU]}"))
	p := &pair{g: g, a: g.stream(11, pcmu()), b: g.stream(12, pcmu())}
	p.connect(g.phone(11), g.phone(12))
	moved, other := g.streamAt(12, 31000, pcmu()), g.streamAt(12, 32000, pcmu())
	moved.to, other.to = p.b.to, p.b.to
	moved.talk(tone(440, time.Minute))
	p.a.talk(tone(440, time.Minute))
	g.eventually(5*time.Second, "the caller to hear the other port", func() bool { return len(p.a.got()) > 0 })
	g.eventually(5*time.Second, "the other port to hear the caller", func() bool { return len(moved.got()) > 0 })
	learned := len(p.a.got())
	other.play(tone(1004, time.Second))
	moved.quiet()
	heard := p.a.heardSince(learned)
	p.a.quiet()
	p.end()
	if at440, at1004 := level(heard, 440), level(heard, 1004); at440 < -20 || at1004 > at440-30 {
		t.Errorf("the caller hears 440 Hz at %.1f dB and the second port at %.1f dB", at440, at1004)
	}
	if n := len(other.got()); n != 0 {
		t.Errorf("%d packets went to the second port", n)
	}
	// Probation takes four packets, of which the last is heard (RFC 3550 §A.1).
	if lost := len(moved.sent) - len(p.a.got()); lost > 4 {
		t.Errorf("%d packets were not heard, want those of the probation at most", lost)
	}
}

// After a 183 with SDP without media the caller keeps his own ringing, for as
// long as it takes; when packets come he is let in on them.
// Specification 3.3 test 12; RFC 3960 §3.2.
func TestRingingLastsUntilMediaComes(t *testing.T) {
	g := start(t, toEast, "", west("media: {codecs: [PCMU]}"), east("ringback: {policy: until_media}"))
	p := &pair{g: g, a: g.stream(11, pcmu()), b: g.stream(12, pcmu())}
	p.caller = g.phone(11).call("+15550100", p.a.sdp())
	p.call = g.phone(12).incoming()
	p.b.meet(p.call.invite.body)
	p.call.reply(p.call.invite, "180 Ringing", "")
	if m := p.caller.wait("180 INVITE"); m.body != "" {
		t.Errorf("the 180 has SDP:\n%s", m.body)
	}
	p.call.reply(p.call.invite, "183 Session Progress", p.b.sdp())
	select {
	case m := <-p.caller.in:
		t.Errorf("without media came %s with SDP %q", m.what(), m.body)
	case <-time.After(10 * time.Second):
	}
	p.b.talk(tone(440, time.Minute))
	p.a.meet(p.caller.wait("183 INVITE").body)
	g.eventually(5*time.Second, "the caller to hear the early media", func() bool { return len(p.a.got()) > 10 })
	p.b.quiet()
	p.call.accept(p.b.sdp())
	p.caller.answered()
	p.end()
}
