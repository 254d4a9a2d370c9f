package flow

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/tandem-voip/tandem/test/simnet"
)

// An arrival is a message that came in.
type arrival struct {
	at    time.Time
	msg   *message
	raw   []byte
	reply way  // how a response to it goes back
	again bool // byte for byte the same as one before it
}

// A way is how a message goes out.
type way func(raw []byte) error

// A peer is one SIP element of a flow: a carrier, a phone, a stranger.
type peer struct {
	f    *flow
	name string
	at   netip.AddrPort
	host *simnet.Host
	udp  *simnet.UDPConn
	by   string // transport it calls with: udp, tcp, tls, ws, wss

	mu    sync.Mutex
	conn  net.Conn         // the connection it opened to us
	cut   int              // connections it opened or wanted that the gateway ended, not asked for yet
	taken []io.Closer      // connections the gateway opened
	calls map[string]*call // by number in the flow
	byID  map[string]*call // by Call-ID
	fresh []arrival        // requests of no call yet
	mute  bool             // answers nothing by itself
	errs  []error          // what came and could not be read

	papers    *papers     // of its certificate; nil: the usual ones
	expects   string      // the gateway's name; "": the usual one
	tlsConfig *tls.Config // made of them; nil: not yet

	challenge *challenge // its last; the script's alone
}

// newPeer opens the sockets of a peer.
func newPeer(f *flow, name string, at netip.AddrPort) (*peer, error) {
	h, err := f.host(at.Addr())
	if err != nil {
		return nil, err
	}
	p := &peer{f: f, name: name, at: at, host: h, by: "udp", calls: map[string]*call{}, byID: map[string]*call{}}
	if p.udp, err = h.ListenPacket(at); err != nil {
		return nil, err
	}
	l, err := h.Listen(at)
	if err != nil {
		return nil, err
	}
	f.opened(p.udp, l)
	f.spawn(p.readUDP)
	f.spawn(func() { p.accept(l) })
	return p, nil
}

// readUDP takes datagrams until the socket is closed.
func (p *peer) readUDP() {
	b := make([]byte, 65536)
	for {
		n, from, err := p.udp.ReadFromUDPAddrPort(b)
		if err != nil {
			return
		}
		if len(bytes.TrimSpace(b[:n])) == 0 {
			continue // keep-alive
		}
		raw := bytes.Clone(b[:n])
		m, err := parse(raw)
		p.take(m, raw, err, func(out []byte) error {
			_, err := p.udp.WriteToUDPAddrPort(out, from)
			return err
		})
	}
}

// accept takes connections until the listener is closed.
func (p *peer) accept(l *simnet.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		p.f.opened(c)
		p.mu.Lock()
		p.taken = append(p.taken, c)
		p.mu.Unlock()
		p.f.spawn(func() {
			if c, err := p.unwrap(c); err == nil {
				p.readStream(c)
			}
		})
	}
}

// readStream takes messages from a connection until it is closed.
func (p *peer) readStream(c net.Conn) {
	var raw bytes.Buffer
	r := bufio.NewReader(c)
	for {
		m, err := read(r)
		if err != nil {
			p.mu.Lock()
			if p.conn == c {
				p.conn = nil
				p.cut++
			}
			p.mu.Unlock()
			return
		}
		raw.Reset()
		raw.Write(m.bytes())
		p.take(m, bytes.Clone(raw.Bytes()), nil, func(out []byte) error {
			_, err := c.Write(out)
			return err
		})
	}
}

// take files an arrival with its call, or as fresh.
func (p *peer) take(m *message, raw []byte, err error, reply way) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.errs = append(p.errs, fmt.Errorf("%s got %w", p.name, err))
		return
	}
	a := arrival{at: now(), msg: m, raw: raw, reply: reply}
	c := p.byID[m.get("Call-ID")]
	if c != nil {
		a.again = c.seen(raw)
	} else {
		for _, f := range p.fresh {
			a.again = a.again || bytes.Equal(f.raw, raw)
		}
	}
	p.f.ladder.add(a.at, "gw", p.name, m, raw, a.again)
	switch {
	case p.answersItself(c, a):
	case c != nil:
		c.inbox = append(c.inbox, a)
	case m.request():
		p.fresh = append(p.fresh, a)
	default:
		p.errs = append(p.errs, fmt.Errorf("%s got a %s of no call it knows", p.name, m.kind()))
	}
}

// answersItself answers what flows do not care about: OPTIONS outside a call,
// and INFO that brings a digit, which is noted.
func (p *peer) answersItself(c *call, a arrival) bool {
	m := a.msg
	switch {
	case p.mute:
		return false
	case m.kind() == "OPTIONS" && c == nil:
	case m.kind() == "INFO" && c != nil && !c.silent:
		leg := c.legOf(m)
		if leg == nil || leg.media == nil {
			return false
		}
		leg.media.mu.Lock()
		taken := a.again || leg.media.press.info(m.get("Content-Type"), m.body)
		leg.media.mu.Unlock()
		if !taken {
			return false
		}
	default:
		return false
	}
	out := answerTo(m, 200, p.name)
	p.f.ladder.add(now(), p.name, "gw", out, out.bytes(), false)
	_ = a.reply(out.bytes())
	return true
}

// claim finds the call of a number, making it if need be.
func (p *peer) claim(n string) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.calls[n]
	if c == nil {
		c = &call{p: p, n: n, legs: map[string]*leg{}, sent: map[string]*message{}, hashes: map[string]bool{}}
		p.calls[n] = c
	}
	return c
}

// send puts bytes on the wire to the gateway by a transport.
func (p *peer) send(raw []byte, by string, to netip.AddrPort) error {
	if by == "udp" {
		_, err := p.udp.WriteToUDPAddrPort(raw, to)
		return err
	}
	p.mu.Lock()
	c := p.conn
	p.mu.Unlock()
	if c == nil {
		d, err := p.connect(by, to)
		if err != nil {
			p.f.ladder.note("%s is not connected: %v", p.name, err) // the flow says whether it should be
			p.mu.Lock()
			p.cut++
			p.mu.Unlock()
			return nil
		}
		c = d
		p.f.opened(c)
		p.mu.Lock()
		p.conn = c
		p.mu.Unlock()
		p.f.spawn(func() { p.readStream(c) })
	}
	if _, err := c.Write(raw); err != nil {
		p.f.ladder.note("%s has lost its connection: %v", p.name, err) // the flow says whether it should have
	}
	return nil
}

// leftovers are arrivals that no line of the flow took.
func (p *peer) leftovers() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	errs := p.errs
	note := func(a arrival) {
		if !a.again && a.msg.kind() != "100" {
			errs = append(errs, fmt.Errorf("%s got %s and the flow does not expect it", p.name, a.msg.summary()))
		}
	}
	for _, a := range p.fresh {
		note(a)
	}
	for _, c := range p.calls {
		for _, a := range c.inbox {
			note(a)
		}
	}
	return errs
}
