package sip

import (
	"context"
	"net/netip"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// loop is a Network that keeps the last message.
type loop struct {
	l    transport.Listener
	last [][]byte
}

func (n *loop) Send(_ time.Time, o transport.Outbound) error {
	n.last = append(n.last, o.Raw)
	return nil
}

func (n *loop) Resolve(context.Context, transport.Destination, func([]transport.Target, error)) {}

func (n *loop) ListenerFor(transport.Flow) (transport.Listener, bool) { return n.l, true }

// BenchmarkCall is a whole call between a caller's and a called leg: INVITE,
// 100, 180, 200, ACK, BYE, 200. A call through the gateway has twice the legs
// and half of them are these. Parsing is sipgo's and included.
func BenchmarkCall(b *testing.B) {
	type end struct {
		net  *loop
		ua   *UA
		from netip.AddrPort
	}
	ends := [2]*end{}
	for i, a := range []string{addrA, addrB} {
		n := &loop{l: transport.Listener{Kind: transport.UDP, Host: "192.0.2." + itoa(i+1), Port: 5060}}
		u, err := New(DefaultConfig(), Deps{Network: n})
		if err != nil {
			b.Fatal(err)
		}
		ends[i] = &end{n, u, mustAddr(a)}
	}
	var called *Leg
	inbox := make([]Message, 0, 8)
	post := func(m Message) bool { inbox = append(inbox, m); return true }
	h := handler{
		func(transport.Flow) (Peer, bool) { return Peer{Name: "trunk"}, true },
		func(_ time.Time, l *Leg, _ Invite) (Post, error) { called = l; return post, nil },
	}
	ends[1].ua.Handle(h)
	ends[0].ua.Handle(h)
	now := t0
	carry := func() {
		for moved := true; moved; {
			moved = false
			for i, e := range ends {
				sent := e.net.last
				e.net.last = sent[:0:0]
				for _, raw := range sent {
					moved = true
					m, err := sipmsg.ParseMessage(raw)
					if err != nil {
						b.Fatal(err)
					}
					f := transport.Flow{Kind: transport.UDP, Remote: e.from}
					ends[1-i].ua.Receive(now, transport.Inbound{Msg: m, Flow: f, Reply: f})
				}
				for _, m := range inbox {
					m.Leg().Receive(now, m)
				}
				inbox = inbox[:0]
			}
		}
	}
	invite := outgoing(transport.UDP, addrB)
	offer, answer := make([]byte, 300), make([]byte, 300)
	invite.Body = offer
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Millisecond)
		leg := ends[0].ua.NewLeg(post, LegConfig{})
		leg.Dial(now, invite)
		carry()
		called.Progress(now, 180, nil, Extra{})
		carry()
		called.Answer(now, answer, Extra{})
		carry()
		leg.Release(now, Normal())
		carry()
		if !leg.Over() || !called.Over() {
			b.Fatal("a leg is left")
		}
		ends[0].ua.remnants.sweep(now)
		ends[1].ua.remnants.sweep(now)
	}
}

type handler struct {
	peer  func(transport.Flow) (Peer, bool)
	serve func(time.Time, *Leg, Invite) (Post, error)
}

func (h handler) Peer(f transport.Flow) (Peer, bool) { return h.peer(f) }
func (h handler) Serve(now time.Time, l *Leg, in Invite) (Post, error) {
	return h.serve(now, l, in)
}

// BenchmarkParse is the share of BenchmarkCall that reading an INVITE has.
func BenchmarkParse(b *testing.B) {
	raw := rawInvite("call", "1", newBranch())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sipmsg.ParseMessage(raw); err != nil {
			b.Fatal(err)
		}
	}
}
