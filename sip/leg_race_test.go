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

// played is how a call looked to both sides at its end.
type played struct{ a, b string }

// A parcel is a message on its way.
type parcel struct {
	raw []byte
	toB bool
}

// spoiling is a network between the sides of a pair that spoils one message.
type spoiling struct {
	*pair
	fate fate
	n    int
	held []parcel // overtaken by the next
}

// deliver hands over a message and lets its leg work.
func (n *spoiling) deliver(x parcel) {
	if x.toB {
		n.b.arrive(n.now, x.raw, n.kind, n.a.net.local)
		n.b.work(n.now)
		return
	}
	n.a.arrive(n.now, x.raw, n.kind, n.b.net.local)
	n.a.work(n.now, n.leg)
}

// late delivers what was held back.
func (n *spoiling) late() {
	for _, h := range n.held {
		n.deliver(h)
	}
	n.held = nil
}

// flush carries what was sent, and reports whether there was anything.
func (n *spoiling) flush() bool {
	moved := false
	for _, s := range []*side{n.a, n.b} {
		for _, o := range s.take() {
			moved = true
			x := parcel{o.Raw, s == n.a}
			i := n.n
			n.n++
			switch i {
			case n.fate.lose:
			case n.fate.double:
				n.deliver(x)
				n.deliver(x)
			case n.fate.swap:
				n.held = append(n.held, x)
			default:
				n.deliver(x)
				n.late()
			}
		}
	}
	return moved
}

// quiet carries messages until nobody sends any.
func (n *spoiling) quiet() {
	for range 200 {
		n.a.work(n.now, n.leg)
		n.b.work(n.now)
		accept(n.pair)
		if !n.flush() {
			return
		}
	}
	n.t.Fatal("never quiet")
}

// script is what the two users do, and when.
func (p *pair) script(ending string) map[time.Duration]func() {
	const s = time.Second
	do := map[time.Duration]func(){
		s:     func() { p.b.leg.Progress(p.now, 183, []byte(answerSDP), Extra{}) },
		2 * s: func() { p.b.leg.Progress(p.now, 180, nil, Extra{}) },
	}
	answer := func() { p.b.leg.Answer(p.now, []byte(answerSDP), Extra{}) }
	hangUp := func() { p.leg.Release(p.now, Normal()) }
	hungUp := func() { p.b.leg.Release(p.now, Normal()) }
	cancel := func() { p.leg.Release(p.now, Refusal(487)) }
	switch ending {
	case "caller":
		do[10*s], do[30*s] = answer, hangUp
	case "called":
		do[10*s], do[30*s] = answer, hungUp
	case "both":
		do[10*s], do[30*s] = answer, func() { hangUp(); hungUp() }
	case "hold": // from both sides at once: glare
		do[10*s], do[100*s] = answer, hangUp
		do[15*s] = func() {
			p.leg.Offer(p.now, []byte(offerSDP))
			p.b.leg.Offer(p.now, []byte(offerSDP))
		}
	case "cancel":
		do[10*s] = cancel
	case "crossing":
		do[10*s] = func() { cancel(); answer() }
	case "refused":
		do[10*s] = func() { p.b.leg.Release(p.now, Refusal(486)) }
	}
	return do
}

// carry runs a whole call over a network that spoils one message.
func carry(t *testing.T, f fate, ending string, kind transport.Kind) played {
	t.Helper()
	cfg := LegConfig{Reliable: ReliableSupported, Update: true}
	n := &spoiling{pair: newPair(t, cfg, cfg), fate: f}
	n.kind = kind
	n.leg.Dial(n.now, outgoing(kind, addrB))
	script := n.script(ending)
	for tick := range 1600 { // 160 s in steps of 100 ms
		n.now = t0.Add(time.Duration(tick) * 100 * time.Millisecond)
		n.quiet()
		if tick%10 == 9 { // nobody followed: it is late, not lost
			n.late()
			n.quiet()
		}
		if do := script[n.now.Sub(t0)]; do != nil && n.b.leg != nil {
			do()
			n.quiet()
		}
	}
	n.nothingLeft()
	return played{summary(n.a.took()), summary(n.b.took())}
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

// sameEnd compares. Where 200 and CANCEL cross, the called side may have been
// up for a moment; both must then say that the call is over.
func sameEnd(ending string, got, want played) bool {
	if got == want {
		return true
	}
	return ending == "crossing" && got.a == want.a &&
		slices.Contains([]string{"confirmed, released 487", "confirmed, released 200", "released 200"}, got.b)
}
