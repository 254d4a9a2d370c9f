package flow

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/test/simnet"
)

// step runs one statement.
func (f *flow) step(l line) error {
	a := &args{ws: l.words}
	w := a.next()
	if set := f.declare(w); set != nil {
		return set(a, l.block)
	}
	if err := f.start(); err != nil {
		return err
	}
	if do := f.command(w); do != nil {
		return do(a, l.block)
	}
	h, ok := parseHandle(w)
	p := f.peers[h.peer]
	if !ok || p == nil {
		return fmt.Errorf("%q is neither a statement nor a peer", w)
	}
	return f.at(p, h, a, l.block)
}

// declare finds the statements that come before the gateway starts; with
// reload they may come later too.
func (f *flow) declare(w string) func(*args, string) error {
	switch w {
	case "trunk":
		return f.trunk
	case "peer":
		return f.peer
	case "route":
		return f.setup.route
	case "routes": // routes anew: forget those there are
		return func(a *args, _ string) error {
			f.setup.routes = nil
			return a.end()
		}
	case "set":
		return func(a *args, _ string) error { return f.setup.set(a) }
	case "link":
		return f.link
	case "secure":
		return f.secure
	case "certificate":
		return f.certificate
	}
	return nil
}

// command finds the statements about the gateway as a whole.
func (f *flow) command(w string) func(*args, string) error {
	switch w {
	case "after":
		return f.after
	case "lose", "double", "hold":
		return func(a *args, _ string) error { return f.fault(w, a) }
	case "call":
		return f.callRecord
	case "calls":
		return f.calls
	case "operator":
		return f.operator
	case "counter":
		return f.counter
	case "reload":
		return f.reload
	case "drain":
		return f.drain
	case "stopped":
		return f.stopped
	case "health":
		return f.health
	case "nothing":
		return f.nothingLeft
	}
	return nil
}

// trunk declares a trunk and the peer at its address: trunk NAME ADDR[:PORT]
// KEY VALUE...; without an address it changes a trunk that is there.
func (f *flow) trunk(a *args, block string) error {
	name := a.next()
	p := f.peers[name]
	if p == nil || strings.ContainsAny(a.peek(), ".:") && a.peek() != "" && isAddr(a.peek()) {
		at, err := parseAt(a.next())
		if err != nil {
			return err
		}
		if p, err = newPeer(f, name, at); err != nil {
			return err
		}
		f.peers[name] = p
	}
	return f.setup.trunk(name, p.at, a, block)
}

// peer declares somebody the gateway does not know: peer NAME ADDR[:PORT].
func (f *flow) peer(a *args, _ string) error {
	name := a.next()
	at, err := parseAt(a.next())
	if err != nil {
		return err
	}
	p, err := newPeer(f, name, at)
	if err != nil {
		return err
	}
	f.peers[name] = p
	return a.end()
}

func isAddr(s string) bool {
	_, err := parseAt(s)
	return err == nil
}

// parseAt reads an address with or without a port.
func parseAt(s string) (netip.AddrPort, error) {
	if at, err := netip.ParseAddrPort(s); err == nil {
		return at, nil
	}
	addr, err := netip.ParseAddr(s)
	return netip.AddrPortFrom(addr, 5060), err
}

// link sets how packets travel: link PEER|* delay D [jitter D] [loss P%]
// [double P%] [reorder P%], in both directions.
func (f *flow) link(a *args, _ string) error {
	var far netip.Addr
	if name := a.next(); name != "*" {
		p := f.peers[name]
		if p == nil {
			return fmt.Errorf("no peer %q", name)
		}
		far = p.at.Addr()
	}
	var l simnet.Link
	for len(a.ws) > 0 {
		var err error
		switch w := a.next(); w {
		case "delay":
			l.Delay, err = a.duration()
		case "jitter":
			l.Jitter, err = a.duration()
		case "loss":
			l.Loss, err = a.percent()
		case "double":
			l.Double, err = a.percent()
		case "reorder":
			l.Reorder, err = a.percent()
		case "segment":
			l.Segment, err = a.number()
		default:
			err = fmt.Errorf("a link has no %q", w)
		}
		if err != nil {
			return err
		}
	}
	f.net.Link(far, netip.Addr{}, l)
	f.net.Link(netip.Addr{}, far, l)
	return nil
}

// percent takes a share such as 3%.
func (a *args) percent() (float64, error) {
	s := a.next()
	var x float64
	if _, err := fmt.Sscanf(s, "%f%%", &x); err != nil {
		return 0, fmt.Errorf("%q is no share; write 3%%", s)
	}
	return x / 100, nil
}

// after lets time pass.
func (f *flow) after(a *args, _ string) error {
	d, err := a.duration()
	if err != nil {
		return err
	}
	sleep(d)
	settle()
	return a.end()
}

// at runs a statement of a peer.
func (f *flow) at(p *peer, h handle, a *args, block string) error {
	switch verb := a.next(); verb {
	case "->":
		ph, err := parsePhrase(a, block)
		if err != nil {
			return err
		}
		return p.say(h, ph)
	case "<-":
		ph, err := parsePhrase(a, block)
		if err != nil {
			return err
		}
		return p.expect(h, ph)
	case "gets":
		return f.getsNothing(p, h, a)
	case "answers":
		p.mu.Lock()
		p.mute = true
		p.mu.Unlock()
		if !a.accept("nothing") {
			return errors.New(`a peer "answers nothing" by itself`)
		}
		return a.end()
	case "calls":
		if !a.accept("by") {
			return errors.New(`a peer "calls by" a transport`)
		}
		p.by = a.next()
		if a.accept("to") {
			p.mu.Lock()
			p.expects, p.tlsConfig = a.next(), nil
			p.mu.Unlock()
		}
		return a.end()
	case "cuts":
		if !a.accept("off") {
			return errors.New(`a peer "cuts off" the connections it has accepted`)
		}
		p.cutOff()
		return a.end()
	case "is":
		return p.isCutOff(a)
	default:
		return f.sound(p, h, verb, a)
	}
}

// cutOff closes the connections that the gateway opened to the peer.
func (p *peer) cutOff() {
	p.mu.Lock()
	taken := p.taken
	p.taken = nil
	p.mu.Unlock()
	for _, c := range taken {
		_ = c.Close()
	}
}

// isCutOff: PEER is cut off [within D], when the gateway has ended the connection
// that the peer opened.
func (p *peer) isCutOff(a *args) error {
	if !a.accept("cut") || !a.accept("off") {
		return errors.New(`a peer "is cut off"`)
	}
	within, _, err := a.spans()
	if err != nil {
		return err
	}
	if !p.f.wait(within, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.cut > 0
	}) {
		return fmt.Errorf("%s is connected after %v", p.name, within)
	}
	p.mu.Lock()
	p.cut--
	p.mu.Unlock()
	p.f.ladder.note("%s is cut off", p.name)
	return a.end()
}

// getsNothing asserts that no message comes, 100 left out: PEER gets nothing
// [for D].
func (f *flow) getsNothing(p *peer, h handle, a *args) error {
	if !a.accept("nothing") {
		return errors.New(`a peer "gets nothing"`)
	}
	d := time.Second
	if a.accept("for") {
		var err error
		if d, err = a.duration(); err != nil {
			return err
		}
	}
	start := now()
	sleep(d)
	settle()
	c := p.claim(h.call)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, in := range append(append([]arrival(nil), c.inbox...), p.fresh...) {
		if in.msg.kind() != "100" && (!in.again || !in.at.Before(start)) {
			return fmt.Errorf("%s got %s", p.name, in.msg.summary())
		}
	}
	return a.end()
}
