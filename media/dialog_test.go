package media

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

// fork opens an endpoint that faces the far sides of one offer, forked, and
// another that hears them.
func (b *bench) fork(o Options, names ...string) (e *Endpoint, far map[string]*phone, ear *phone) {
	b.t.Helper()
	e = b.open(o)
	caller := b.open(Options{Notify: func(Notice) {}})
	ear = b.phone("198.51.100.1:4000", caller)
	apply(b.t, caller, "", agree(ear.addr()))
	caller.Connect(e)
	e.Connect(caller)
	far = map[string]*phone{}
	for i, n := range names {
		far[n] = b.phone(fmt.Sprintf("203.0.113.%d:5000", i+1), e)
	}
	return e, far, ear
}

// fills is what was heard, as the first octets of payloads, doubles left out.
func fills(p *phone) string {
	s := ""
	for _, h := range p.packets() {
		if c := string(rune(h.Payload[0])); len(s) == 0 || s[len(s)-1:] != c {
			s += c
		}
	}
	return s
}

// A22: of several early dialogs the first that streams is heard, in whatever
// order they signalled; the others are muted, counted and told once.
func TestFirstThatStreamsIsHeard(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{}, "A", "B", "C")
		for _, n := range []string{"A", "B", "C"} {
			apply(t, e, n, agree(far[n].addr()))
		}
		far["C"].say(5, 'C')
		for range 20 {
			far["A"].send(far["A"].packet('A'))
			far["C"].send(far["C"].packet('C'))
			time.Sleep(FrameDuration)
		}
		if got := fills(ear); got != "C" {
			t.Errorf("heard %q, want C alone", got)
		}
		if n := b.told(NoticeDialogLatched); len(n) != 1 || n[0].Dialog != "C" {
			t.Errorf("latched %+v", n)
		}
		if n := b.told(NoticeDialogMuted); len(n) != 1 || n[0].Dialog != "A" || e.Stats().Muted != 20 {
			t.Errorf("muted %+v, %d", n, e.Stats().Muted)
		}
		ear.say(5, 'x')
		if len(far["C"].packets()) != 5 || len(far["A"].packets())+len(far["B"].packets()) != 0 {
			t.Error("the caller is not heard by the latched dialog alone")
		}
	})
}

// Two that start within 20 ms: the one whose packet came first.
func TestTieGoesToTheFirstPacket(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{}, "A", "B")
		apply(t, e, "A", agree(far["A"].addr()))
		apply(t, e, "B", agree(far["B"].addr()))
		far["B"].send(far["B"].packet('B'))
		time.Sleep(time.Millisecond)
		for range 5 {
			far["A"].send(far["A"].packet('A'))
			far["B"].send(far["B"].packet('B'))
			time.Sleep(FrameDuration)
		}
		if got := fills(ear); got != "B" {
			t.Errorf("heard %q", got)
		}
	})
}

// RTP before any answer is nobody's; once the answer names its source it is heard.
func TestMediaBeforeItsAnswerWaits(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{}, "A")
		far["A"].say(5, 'A')
		if n := len(ear.packets()); n != 0 {
			t.Errorf("%d packets of an unknown source were heard", n)
		}
		apply(t, e, "A", agree(far["A"].addr()))
		far["A"].say(5, 'A')
		if n := len(ear.packets()); n != 5 {
			t.Errorf("heard %d packets after the answer", n)
		}
	})
}

// The latched dialog falls silent while another streams: it stays, unless a
// time was set, then the other is heard and that is told.
func TestSilentDialogIsReleasedByOptionOnly(t *testing.T) {
	for _, after := range []time.Duration{0, 2 * time.Second} {
		bubble(t, nil, func(t *testing.T, b *bench) {
			e, far, ear := b.fork(Options{ReleaseAfter: after}, "A", "B")
			apply(t, e, "A", agree(far["A"].addr()))
			apply(t, e, "B", agree(far["B"].addr()))
			far["A"].say(5, 'A')
			far["B"].say(90, 'B')
			if got := fills(ear); got != "A" {
				t.Errorf("release %v: within 1.8 s heard %q", after, got)
			}
			far["B"].say(50, 'B')
			want := "A"
			if after > 0 {
				want = "AB"
			}
			if got := fills(ear); got != want {
				t.Errorf("release %v: heard %q, want %q", after, got, want)
			}
		})
	}
}

// A fork that fails gives way to the next that streams.
func TestFailedForkGivesWay(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{}, "A", "B")
		apply(t, e, "A", agree(far["A"].addr()))
		apply(t, e, "B", agree(far["B"].addr()))
		far["A"].say(5, 'A')
		e.End(time.Now(), "A")
		far["A"].say(2, 'A')
		far["B"].say(5, 'B')
		if got := fills(ear); got != "AB" {
			t.Errorf("heard %q", got)
		}
		if n := b.told(NoticeDialogReleased); len(n) != 1 || n[0].Dialog != "A" {
			t.Errorf("released %+v", n)
		}
		e.End(time.Now(), "nobody")
	})
}

// The answer of another fork wins at once, also of one that never rang, and the
// one before is not heard from then on (spec tests 4 and 5).
func TestAnswerWinsAtOnce(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{}, "A", "B", "C")
		apply(t, e, "A", agree(far["A"].addr()))
		apply(t, e, "B", agree(far["B"].addr()))
		far["A"].say(5, 'A')
		apply(t, e, "C", agree(far["C"].addr()))
		e.Select(time.Now(), "C")
		e.Select(time.Now(), "C")
		for range 5 {
			far["A"].send(far["A"].packet('A'))
			far["C"].send(far["C"].packet('C'))
			time.Sleep(FrameDuration)
		}
		if got := fills(ear); got != "AC" {
			t.Errorf("heard %q", got)
		}
		time.Sleep(linger)
		far["A"].say(1, 'A')
		s := e.Stats()
		if s.Muted != 5 || s.Rejected != 1 || s.Dialog != "C" {
			t.Errorf("muted %d, rejected %d, heard %q", s.Muted, s.Rejected, s.Dialog)
		}
		if n := b.told(NoticeDialogLatched); len(n) != 2 || n[1].Dialog != "C" || n[1].Reason == n[0].Reason {
			t.Errorf("latched %+v", n)
		}
	})
}

// Early dialogs are bounded, and those beyond it are counted.
func TestTooManyDialogsAreRefused(t *testing.T) {
	bubble(t, func(c *Config, _ *Deps) { c.Dialogs = 3 }, func(t *testing.T, b *bench) {
		e := b.open(Options{})
		for i := range 3 {
			apply(t, e, fmt.Sprint(i), agree(ap("203.0.113.1:5000")))
		}
		if err := e.Apply(time.Now(), "4", new(agree(ap("203.0.113.1:5000")))); !errors.Is(err, ErrDialogs) {
			t.Errorf("fourth of three: %v", err)
		}
		e.End(time.Now(), "0")
		apply(t, e, "4", agree(ap("203.0.113.1:5000")))
		e.Close(time.Now())
		if err := e.Apply(time.Now(), "5", new(agree(ap("203.0.113.1:5000")))); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		if n := b.pool.Stats(time.Now()).DialogsRefused; n != 1 {
			t.Errorf("%d are counted as refused, one was", n)
		}
	})
}

// Before the answer a trunk may be kept from hearing the caller's speech.
func TestSpeechWaitsForTheAnswerWhereAsked(t *testing.T) {
	bubble(t, nil, func(t *testing.T, b *bench) {
		e, far, ear := b.fork(Options{MuteUntilSelected: true}, "A")
		apply(t, e, "A", agree(far["A"].addr()))
		far["A"].say(2, 'A')
		ear.say(5, 'x')
		if n := len(far["A"].packets()); n != 0 {
			t.Errorf("%d packets before the answer", n)
		}
		e.Select(time.Now(), "A")
		ear.say(5, 'x')
		if n := len(far["A"].packets()); n != 5 {
			t.Errorf("%d packets after the answer", n)
		}
	})
}
