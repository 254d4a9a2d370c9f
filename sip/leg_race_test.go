package sip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// fate is what the network does to the nth message it carries.
type fate struct {
	lose, double, swap int // -1: none
}

// played is how a call looked to both calls at its end.
type played struct{ a, b string }

// carry runs a whole call over a network that spoils one message: a caller that
// hangs up after ten seconds, or before the answer.
func carry(t *testing.T, f fate, ending string, kind transport.Kind) played {
	t.Helper()
	cfg := LegConfig{Reliable: ReliableSupported, Update: true}
	p := newPair(t, cfg, cfg)
	p.kind = kind
	n, held := 0, []parcel(nil)
	deliver := func(x parcel) {
		to := p.a
		if x.toB {
			to = p.b
		}
		from := p.a.net.local
		if !x.toB {
			from = p.b.net.local
		}
		to.arrive(p.now, x.raw, kind, from)
		to.work(p.now, legsOf(p, x.toB)...)
	}
	flush := func() bool {
		moved := false
		for _, side := range []*side{p.a, p.b} {
			for _, o := range side.take() {
				moved = true
				x := parcel{o.Raw, side == p.a}
				i := n
				n++
				switch i {
				case f.lose:
				case f.double:
					deliver(x)
					deliver(x)
				case f.swap:
					held = append(held, x)
				default:
					deliver(x)
					for _, h := range held {
						deliver(h)
					}
					held = nil
				}
			}
		}
		return moved
	}
	step := func() {
		for range 200 {
			p.a.work(p.now, p.leg)
			p.b.work(p.now)
			accept(p)
			if !flush() {
				return
			}
		}
		t.Fatal("never quiet")
	}
	p.leg.Dial(p.now, outgoing(kind, addrB))
	script := map[time.Duration]func(){
		time.Second:     func() { p.b.leg.Progress(p.now, 183, []byte(answerSDP), Extra{}) },
		2 * time.Second: func() { p.b.leg.Progress(p.now, 180, nil, Extra{}) },
	}
	switch ending {
	case "caller", "called", "both", "hold":
		script[10*time.Second] = func() { p.b.leg.Answer(p.now, []byte(answerSDP), Extra{}) }
		script[30*time.Second] = func() {
			if ending != "called" {
				p.leg.Release(p.now, Normal())
			}
			if ending != "caller" {
				p.b.leg.Release(p.now, Normal())
			}
		}
		if ending == "hold" { // both at once: glare
			script[15*time.Second] = func() {
				p.leg.Offer(p.now, []byte(offerSDP))
				p.b.leg.Offer(p.now, []byte(offerSDP))
			}
			delete(script, 30*time.Second)
			script[100*time.Second] = func() { p.leg.Release(p.now, Normal()) }
		}
	case "cancel":
		script[10*time.Second] = func() { p.leg.Release(p.now, Refusal(487)) }
	case "crossing":
		script[10*time.Second] = func() {
			p.leg.Release(p.now, Refusal(487))
			p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
		}
	case "refused":
		script[10*time.Second] = func() { p.b.leg.Release(p.now, Refusal(486)) }
	}
	for tick := range 1600 { // 160 s in steps of 100 ms
		p.now = t0.Add(time.Duration(tick) * 100 * time.Millisecond)
		step()
		if len(held) > 0 && tick%10 == 9 { // nobody followed: it is late, not lost
			for _, h := range held {
				deliver(h)
			}
			held = nil
			step()
		}
		if do := script[p.now.Sub(t0)]; do != nil && p.b.leg != nil {
			do()
			step()
		}
	}
	p.nothingLeft()
	return played{summary(p.a.took()), summary(p.b.took())}
}

// accept accepts the offers that came in.
func accept(p *pair) {
	for s, l := range map[*side]*Leg{p.a: p.leg, p.b: p.b.leg} {
		for _, e := range s.events {
			if _, ok := e.(Offered); ok && l.offer.theirs != nil {
				l.Accept(p.now, []byte(answerSDP))
			}
		}
	}
}

type parcel struct {
	raw []byte
	toB bool
}

func legsOf(p *pair, toB bool) []*Leg {
	if toB {
		return nil
	}
	return []*Leg{p.leg}
}

// summary is what of the events a call record keeps.
func summary(es []Event) string {
	var ss []string
	for _, e := range es {
		switch e := e.(type) {
		case Answered:
			ss = append(ss, "answered")
		case Confirmed:
			ss = append(ss, "confirmed")
		case OfferAnswered:
			ss = append(ss, fmt.Sprintf("offer %d", e.Cause.Status))
		case Released:
			ss = append(ss, fmt.Sprintf("released %d", e.Cause.Status))
		}
	}
	return strings.Join(ss, ", ")
}

// F5, F6: whatever single message is lost, doubled or overtaken by the next,
// the call ends in the same state on both sides, and nothing is left.
func TestCallEndsTheSameWhateverMessageIsSpoiled(t *testing.T) {
	answered := played{"answered, released 200", "confirmed, released 200"}
	for ending, want := range map[string]played{
		"caller": answered, "called": answered, "both": answered,
		"hold":     {"answered, offer 200, released 200", "confirmed, offer 200, released 200"},
		"cancel":   {"released 487", "released 487"},
		"crossing": {"released 487", "released 487"},
		"refused":  {"released 486", "released 486"},
	} {
		if got := carry(t, fate{-1, -1, -1}, ending, transport.UDP); got != want && ending != "crossing" {
			t.Fatalf("%s: a clean call ended as %+v, want %+v", ending, got, want)
		}
		for i := range 24 {
			for name, f := range map[string]fate{
				"lost": {i, -1, -1}, "doubled": {-1, i, -1}, "swapped": {-1, -1, i},
			} {
				if got := carry(t, f, ending, transport.UDP); !sameEnd(ending, got, want) {
					t.Errorf("%s, message %d %s: ended as %+v, want %+v", ending, i, name, got, want)
				}
			}
		}
	}
}

// A connection delivers in order; nothing is repeated on it but the 2xx.
func TestCallEndsCleanlyOverTCP(t *testing.T) {
	for _, ending := range []string{"caller", "called", "both", "hold", "cancel", "crossing", "refused"} {
		carry(t, fate{-1, -1, -1}, ending, transport.TCP)
	}
}

// sameEnd compares. Where the two sides act at the same moment, either may have
// been first; both must then say the same.
func sameEnd(ending string, got, clean played) bool {
	if got == clean {
		return true
	}
	if ending == "crossing" { // 200 and CANCEL cross: one of two outcomes, on both sides
		return slices.Contains([]string{"released 487"}, got.a) &&
			slices.Contains([]string{"released 487", "confirmed, released 487", "confirmed, released 200", "released 200"}, got.b)
	}
	return false
}
