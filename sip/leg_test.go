package sip

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

var t0 = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

const offerSDP, answerSDP = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n", "v=0\r\no=- 2 1 IN IP4 192.0.2.2\r\n"

// wireNet is a Network that keeps what is sent.
type wireNet struct {
	local  netip.AddrPort
	sent   []transport.Outbound
	refuse func(transport.Flow) error
	names  map[string]netip.AddrPort
}

func (n *wireNet) Send(_ time.Time, o transport.Outbound) error {
	if n.refuse != nil {
		if err := n.refuse(o.Flow); err != nil {
			return err
		}
	}
	n.sent = append(n.sent, o)
	return nil
}

func (n *wireNet) Resolve(_ context.Context, d transport.Destination, done func([]transport.Target, error)) {
	a, ok := n.names[d.Host]
	if !ok {
		done(nil, transport.ErrNoTarget)
		return
	}
	done([]transport.Target{{Kind: d.Kind, Addr: a}}, nil)
}

func (n *wireNet) ListenerFor(f transport.Flow) (transport.Listener, bool) {
	return transport.Listener{Kind: f.Kind, Addr: n.local, Host: n.local.Addr().String(), Port: n.local.Port()}, true
}

// side is a UA whose legs are driven by hand.
type side struct {
	t     testing.TB
	ua    *UA
	net   *wireNet
	inbox []Message
	serve func(now time.Time, l *Leg, in Invite) (Post, error)
	peers func(f transport.Flow) (Peer, bool)
	// the last call served
	leg    *Leg
	invite Invite
	events []Event
}

func newSide(t testing.TB, addr string, cfg LegConfig) *side {
	t.Helper()
	s := &side{t: t, net: &wireNet{local: netip.MustParseAddrPort(addr)}}
	c := DefaultConfig()
	u, err := New(c, Deps{Network: s.net})
	if err != nil {
		t.Fatal(err)
	}
	s.ua = u
	cfg.Peer = "trunk"
	s.peers = func(transport.Flow) (Peer, bool) { return Peer{Name: "trunk", Leg: cfg}, true }
	s.serve = func(_ time.Time, l *Leg, in Invite) (Post, error) {
		s.leg, s.invite = l, in
		return s.post, nil
	}
	u.Handle(s)
	return s
}

func (s *side) Peer(f transport.Flow) (Peer, bool) { return s.peers(f) }
func (s *side) Serve(now time.Time, l *Leg, in Invite) (Post, error) {
	return s.serve(now, l, in)
}
func (s *side) post(m Message) bool { s.inbox = append(s.inbox, m); return true }

// parse reads a message as the transport would hand it over.
func parse(t testing.TB, raw []byte) sipmsg.Message {
	t.Helper()
	m, err := sipmsg.ParseMessage(slices.Clone(raw))
	if err != nil {
		t.Fatalf("what was sent cannot be parsed: %v\n%s", err, raw)
	}
	return m
}

// arrive gives raw, sent by from, to the UA.
func (s *side) arrive(now time.Time, raw []byte, kind transport.Kind, from netip.AddrPort) {
	s.t.Helper()
	f := transport.Flow{Kind: kind, Remote: from, Local: s.net.local}
	if kind.Reliable() {
		f.Conn = 7
	}
	s.ua.Receive(now, transport.Inbound{Msg: parse(s.t, raw), Flow: f, Reply: f, Size: len(raw)})
}

// work lets the legs take their messages and do what is due.
func (s *side) work(now time.Time, legs ...*Leg) {
	for len(s.inbox) > 0 {
		m := s.inbox[0]
		s.inbox = s.inbox[1:]
		if l := m.Leg(); l != nil {
			s.events = append(s.events, l.Receive(now, m)...)
		}
	}
	if s.leg != nil && !slices.Contains(legs, s.leg) {
		legs = append(legs, s.leg)
	}
	for _, l := range legs {
		if d := l.Deadline(); !d.IsZero() && !d.After(now) {
			s.events = append(s.events, l.Advance(now)...)
		}
	}
}

// take returns what was sent since the last take.
func (s *side) take() []transport.Outbound {
	out := s.net.sent
	s.net.sent = nil
	return out
}

// took returns the events since the last took.
func (s *side) took() []Event {
	out := s.events
	s.events = nil
	return out
}

// first returns the first line of each message: "INVITE", "180".
func first(out []transport.Outbound) []string {
	var ss []string
	for _, o := range out {
		f := strings.Fields(string(o.Raw[:min(len(o.Raw), 40)]))
		if f[0] == "SIP/2.0" {
			ss = append(ss, f[1])
		} else {
			ss = append(ss, f[0])
		}
	}
	return ss
}

func (s *side) wantSent(why string, want ...string) []transport.Outbound {
	s.t.Helper()
	out := s.take()
	if got := first(out); !slices.Equal(got, want) {
		s.t.Fatalf("sent %v, want %v: %s", got, want, why)
	}
	return out
}

// event returns the only event of type E among those since the last took.
func event[E Event](s *side, why string) E {
	s.t.Helper()
	var found []E
	es := s.took()
	for _, e := range es {
		if x, ok := e.(E); ok {
			found = append(found, x)
		}
	}
	if len(found) != 1 {
		var zero E
		s.t.Fatalf("events %#v, want one %T: %s", es, zero, why)
	}
	return found[0]
}

// pair is a caller and a called side with a wire between them.
type pair struct {
	t    testing.TB
	now  time.Time
	a, b *side
	leg  *Leg // the caller's
	kind transport.Kind
}

const addrA, addrB = "192.0.2.1:5060", "192.0.2.2:5060"

func newPair(t testing.TB, a, b LegConfig) *pair {
	t.Helper()
	p := &pair{t: t, now: t0, a: newSide(t, addrA, a), b: newSide(t, addrB, b), kind: transport.UDP}
	a.Peer = "trunk"
	p.leg = p.a.ua.NewLeg(p.a.post, a)
	return p
}

func outgoing(kind transport.Kind, to ...string) Invite {
	in := Invite{
		RequestURI: "sip:+15550100@192.0.2.2", Body: []byte(offerSDP),
		From: Address{"Alice", "sip:+15550199@192.0.2.1"}, To: Address{"", "sip:+15550100@192.0.2.2"},
	}
	for _, a := range to {
		in.Targets = append(in.Targets, transport.Target{Kind: kind, Addr: netip.MustParseAddrPort(a)})
	}
	return in
}

func (p *pair) dial() { p.leg.Dial(p.now, outgoing(p.kind, addrB)); p.run() }

// run carries messages to and fro until nobody sends any.
func (p *pair) run() {
	p.t.Helper()
	for range 100 {
		p.a.work(p.now, p.leg)
		p.b.work(p.now)
		ab, ba := p.a.take(), p.b.take()
		if len(ab)+len(ba) == 0 {
			return
		}
		for _, o := range ab {
			p.b.arrive(p.now, o.Raw, o.Flow.Kind, p.a.net.local)
		}
		for _, o := range ba {
			p.a.arrive(p.now, o.Raw, o.Flow.Kind, p.b.net.local)
		}
	}
	p.t.Fatal("the sides never stop sending")
}

// after lets time pass, from one deadline to the next.
func (p *pair) after(d time.Duration) {
	end := p.now.Add(d)
	for range 10_000 {
		next := earlier(p.leg.Deadline(), time.Time{})
		if p.b.leg != nil {
			next = earlier(next, p.b.leg.Deadline())
		}
		if next.IsZero() || next.After(end) {
			break
		}
		if next.After(p.now) {
			p.now = next
		}
		p.run()
	}
	p.now = end
}

// up brings the call up.
func (p *pair) up() {
	p.t.Helper()
	p.dial()
	if p.b.leg == nil {
		p.t.Fatal("the INVITE was not served")
	}
	p.b.leg.Progress(p.now, 180, nil, Extra{})
	p.run()
	p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
	p.run()
	event[Answered](p.a, "the call was answered")
	event[Confirmed](p.b, "the ACK came")
}

// nothingLeft asserts that both legs are over and forgotten.
func (p *pair) nothingLeft() {
	p.t.Helper()
	for name, s := range map[string]*side{"caller": p.a, "called": p.b} {
		if n := s.ua.Stats().Legs; n != 0 {
			p.t.Errorf("%s has %d legs left", name, n)
		}
		s.ua.remnants.sweep(p.now.Add(time.Hour))
		if n := s.ua.Stats().Lingering; n != 0 {
			p.t.Errorf("%s keeps %d remnants for ever", name, n)
		}
	}
	if !p.leg.Over() || p.b.leg != nil && !p.b.leg.Over() {
		p.t.Errorf("a leg is not over")
	}
}

var errNet = errors.New("no route to host")

func TestCallGoesUpAndIsEndedByEitherSide(t *testing.T) {
	for _, byCaller := range []bool{true, false} {
		t.Run(fmt.Sprintf("caller=%v", byCaller), func(t *testing.T) {
			p := newPair(t, LegConfig{}, LegConfig{})
			p.up()
			if byCaller {
				p.leg.Release(p.now, Normal())
			} else {
				p.b.leg.Release(p.now, Normal())
			}
			p.run()
			a, b := event[Released](p.a, "ended"), event[Released](p.b, "ended")
			if a.Remote == b.Remote || a.Remote == byCaller {
				t.Errorf("remote: caller %v, called %v", a.Remote, b.Remote)
			}
			if a.Cause.Q850 != 16 || b.Cause.Q850 != 16 {
				t.Errorf("causes %v and %v, want normal clearing", a.Cause, b.Cause)
			}
			p.nothingLeft()
		})
	}
}
