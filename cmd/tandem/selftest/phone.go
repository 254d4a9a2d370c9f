package selftest

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/opus"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// The bounds of a phone's queues. It has one call.
const (
	inboxSize  = 32
	digitsSize = 64
)

// dialog names the one dialog of a phone to its media.
const dialog = "call"

// A phone has one call with the gateway. Its methods without a comment about
// goroutines belong to the goroutine of run.
type phone struct {
	// Set once.
	codec     codec.Codec
	address   netip.Addr
	gateway   netip.AddrPort
	audio     netip.Addr // where the gateway takes RTP, whatever it advertises
	random    io.Reader
	transport *transport.Transport
	ua        *sip.UA
	pool      *media.Pool
	inbox     chan sip.Message
	arrivals  chan arrival
	ready     chan error // gives once: the call is up, or why it is not
	pressed   chan dtmf.Digit

	// Owned by run.
	leg   *sip.Leg
	end   *media.Endpoint
	local sdp.Local
	offer *sdp.Description
	rang  bool
}

// Listen opens a UDP socket at an address of this machine.
type Listen func(netip.AddrPort) (transport.PacketConn, error)

// An arrival is a call that came in.
type arrival struct {
	leg *sip.Leg
	in  sip.Invite
}

// newPhone returns a phone at an address of this machine.
func newPhone(address netip.Addr, c codec.Codec, random io.Reader, listen Listen) (*phone, error) {
	p := &phone{
		codec: c, address: address, random: random, inbox: make(chan sip.Message, inboxSize),
		arrivals: make(chan arrival, 1), ready: make(chan error, 1), pressed: make(chan dtmf.Digit, digitsSize),
	}
	cfg := transport.DefaultConfig()
	cfg.Listeners = []transport.ListenerConfig{
		{Name: "phone", Transport: "udp", Address: netip.AddrPortFrom(address, 0).String()},
	}
	log := slog.New(slog.DiscardHandler)
	var err error
	if p.transport, err = transport.New(cfg, transport.Deps{
		Log: log, Known: func(netip.Addr) bool { return true },
		ListenPacket: func(a netip.AddrPort) (transport.PacketConn, error) { return listen(a) },
	}); err != nil {
		return nil, err
	}
	if p.ua, err = sip.New(sip.DefaultConfig(), sip.Deps{Network: p.transport, Log: log}); err != nil {
		return nil, err
	}
	p.ua.Handle(p)
	m := media.DefaultConfig()
	m.Address = address
	p.pool, err = media.NewPool(m, media.Deps{
		ListenPacket: func(a netip.AddrPort) (media.PacketConn, error) { return listen(a) },
		Codecs:       codec.Set{c, g711.PCMU(), opus.New(opus.DefaultConfig())}, Random: random, Log: log,
	})
	return p, err
}

// listens is the address of the phone's signalling.
func (p *phone) listens() netip.AddrPort { return p.transport.Listeners()[0].Addr }

// Peer implements sip.Handler: only the gateway is known.
func (p *phone) Peer(f transport.Flow) (sip.Peer, bool) {
	return sip.Peer{Name: "gateway"}, f.Remote.Port() == p.gateway.Port()
}

// Serve implements sip.Handler.
func (p *phone) Serve(_ time.Time, leg *sip.Leg, in sip.Invite) (sip.Post, error) {
	select {
	case p.arrivals <- arrival{leg, in}:
		return p.post, nil
	default:
		return nil, sip.Refusal(486)
	}
}

// post takes a message for the leg. It does not wait.
func (p *phone) post(m sip.Message) bool {
	select {
	case p.inbox <- m:
		return true
	default:
		return false
	}
}

// notice takes what the media tells: digits. It does not wait.
func (p *phone) notice(n media.Notice) {
	if n.Kind != media.NoticeDigit {
		return
	}
	select {
	case p.pressed <- n.Press.Digit:
	default: // more than were ever pressed: the count will be wrong
	}
}

// open opens the phone's media.
func (p *phone) open(now time.Time) error {
	var err error
	if p.end, err = p.pool.Open(now, media.Options{Notify: p.notice}); err != nil {
		return err
	}
	var b [8]byte
	if _, err := io.ReadFull(p.random, b[:]); err != nil {
		return err
	}
	addr, rtp, rtcp := p.end.Local()
	p.local = sdp.Local{
		Addr: addr, Port: rtp, RTCPPort: rtcp, Events: true, Ptime: media.FrameDuration,
		Formats: []sdp.Format{{Codec: p.codec.Params()}},
		Session: sdp.Session{ID: binary.BigEndian.Uint64(b[:]) >> 2, Version: 1},
	}
	return nil
}

// dial calls a number through the gateway.
func (p *phone) dial(now time.Time, number string) error {
	if err := p.open(now); err != nil {
		return err
	}
	p.offer = sdp.Offer(p.local)
	p.leg = p.ua.NewLeg(p.post, sip.LegConfig{})
	p.leg.Dial(now, sip.Invite{
		Targets:    []transport.Target{{Kind: transport.UDP, Addr: p.gateway}},
		RequestURI: fmt.Sprintf("sip:%s@%s", number, p.gateway),
		From:       sip.Address{URI: "sip:selftest@" + p.address.String()},
		To:         sip.Address{URI: fmt.Sprintf("sip:%s@%s", number, p.gateway.Addr())},
		Body:       p.offer.Bytes(),
	})
	return nil
}

// answer takes a call that came in.
func (p *phone) answer(now time.Time, a arrival) error {
	p.leg = a.leg
	offer, err := sdp.Parse(a.in.Body)
	if err == nil {
		err = p.open(now)
	}
	if err != nil {
		return err
	}
	answer, agreed, err := sdp.Answer(offer, p.local)
	if err == nil {
		err = p.take(now, agreed)
	}
	if err != nil {
		return err
	}
	p.leg.Progress(now, 180, nil, sip.Extra{})
	p.leg.Answer(now, answer.Bytes(), sip.Extra{})
	return nil
}

// take gives the media what was agreed, with the address at which this machine
// reaches the gateway in place of the one it tells others.
func (p *phone) take(now time.Time, a *sdp.Agreed) error {
	a.Remote = netip.AddrPortFrom(p.audio, a.Remote.Port())
	a.RemoteRTCP = netip.AddrPortFrom(p.audio, a.RemoteRTCP.Port())
	if err := p.end.Apply(now, dialog, a); err != nil {
		return err
	}
	p.end.Select(now, dialog)
	return nil
}

// heed follows the events of the leg. It reports whether the call goes on.
func (p *phone) heed(now time.Time, events []sip.Event) bool {
	for _, e := range events {
		switch e := e.(type) {
		case sip.Progressed:
			p.rang = p.rang || e.Status >= 180
		case sip.Answered:
			p.say(p.answered(now, e.Body))
		case sip.Confirmed:
			p.say(nil)
		case sip.Released:
			p.say(fmt.Errorf("the call ended: %d %s", e.Cause.Status, e.Cause.Text))
		}
	}
	return !p.leg.Over()
}

// answered takes the answer to our offer.
func (p *phone) answered(now time.Time, body []byte) error {
	answer, err := sdp.Parse(body)
	if err != nil {
		return err
	}
	agreed, err := sdp.Accept(p.local, p.offer, answer)
	if err != nil {
		return err
	}
	return p.take(now, agreed)
}

// say tells once that the call is up, or why it is not.
func (p *phone) say(err error) {
	select {
	case p.ready <- err:
	default: // told before
	}
}

// await returns when the call is up. It is for the goroutine of the test.
func (p *phone) await(ctx context.Context) error {
	select {
	case err := <-p.ready:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
