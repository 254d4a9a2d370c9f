package flow

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// sound runs a statement about the media of a peer.
func (f *flow) sound(p *peer, h handle, verb string, a *args) error {
	c := p.claim(h.call)
	m := c.leg(h.fork).media
	if m == nil {
		return fmt.Errorf("%s has no media in this call", p.name)
	}
	switch verb {
	case "plays":
		return f.plays(m, a)
	case "stops":
		m.player.halt()
		m.player = nil
		a.accept("playing")
		return a.end()
	case "sends":
		return f.sends(m, a)
	case "hears":
		return f.hears(m, a)
	case "dials":
		return f.dials(c, c.leg(h.fork), a)
	case "receives":
		return f.receives(m, a)
	case "checks":
		return f.checks(m, a)
	case "shakes":
		return f.shakes(m, a)
	}
	return fmt.Errorf("%q is nothing a peer does", verb)
}

// plays: plays F Hz | silence [from ADDR:PORT] [for D].
func (f *flow) plays(m *media, a *args) error {
	hz, err := 0, error(nil)
	if !a.accept("silence") {
		if hz, err = a.number("Hz"); err != nil {
			return err
		}
	}
	if a.accept("from") {
		at, err := parseAt(a.next())
		if err != nil {
			return err
		}
		if err := m.sourceAt(at); err != nil {
			return err
		}
	}
	if _, _, _, err := m.sending(); err != nil {
		return err
	}
	m.play(hz)
	f.ladder.note("%s plays %d Hz", m.who, hz)
	if a.accept("for") {
		d, err := a.duration()
		if err != nil {
			return err
		}
		sleep(d)
		m.player.halt()
		m.player = nil
	}
	return a.end()
}

// hears: hears F Hz [alone] [at ADDR:PORT] [within D] [for D] | nothing for D |
// [no] reports [within D] [for D] | noise [within D], any since it was last asked
// for | opus of N.
func (f *flow) hears(m *media, a *args) error {
	switch {
	case a.accept("nothing"):
		return f.hearsNothing(m, a)
	case a.accept("hissing"):
		within, _, err := a.spans()
		if err == nil && !f.wait(within, m.hearsHiss) {
			err = fmt.Errorf("%s hears no noise of %d dBov within %v", m.who, -hissLevel, within)
		}
		return err
	case a.accept("opus"):
		return m.hearsOpus(a)
	case a.accept("noise"):
		within, _, err := a.spans()
		if err == nil && !f.wait(within, m.noisy) {
			err = fmt.Errorf("%s got no comfort noise within %v", m.who, within)
		}
		return err
	case a.accept("no"):
		a.accept("reports")
		return f.hearsNoReports(m, a)
	case a.accept("reports"):
		within, _, err := a.spans()
		_, before := m.counts()
		if err == nil && !f.wait(within, func() bool { _, n := m.counts(); return n > before }) {
			err = fmt.Errorf("%s got no RTCP within %v", m.who, within)
		}
		return err
	}
	hz := 0 // silence
	var err error
	if !a.accept("silence") {
		if hz, err = a.number("Hz"); err != nil {
			return err
		}
	}
	alone := a.accept("alone")
	var to netip.AddrPort
	if a.accept("at") {
		if to, err = netip.ParseAddrPort(a.next()); err != nil {
			return err
		}
	}
	within, during, err := a.spans()
	if err != nil {
		return err
	}
	if alone {
		return f.hearsAlone(m, hz, to, during)
	}
	if !f.wait(within, func() bool { return m.hearsTone(hz, to) }) {
		share, rms := tone(m.last(100*time.Millisecond, to), float64(hz))
		n, _ := m.counts()
		return fmt.Errorf("%s does not hear %d Hz within %v: share %.2f, level %.0f, %d packets in all, %d not understood",
			m.who, hz, within, share, rms, n, m.strange)
	}
	f.ladder.note("%s hears %d Hz", m.who, hz)
	for end := now().Add(during); now().Before(end); {
		sleep(20 * time.Millisecond)
		settle()
		if !m.hearsTone(hz, to) {
			return fmt.Errorf("%s stopped hearing %d Hz", m.who, hz)
		}
	}
	return a.end()
}

// hearsOpus: opus of N, the samples a second that Opus has coded at most.
func (m *media) hearsOpus(a *args) error {
	a.accept("of")
	want, err := a.number()
	m.mu.Lock()
	defer m.mu.Unlock()
	if err == nil && m.widest != want {
		err = fmt.Errorf("%s hears Opus of %d samples a second", m.who, m.widest)
	}
	return err
}

// interval is the packet time of peers.
const interval = 20 * time.Millisecond

// hearsAlone asserts that whatever comes from now on is a tone, that the first
// packet of it comes within one interval, and the others at their times.
func (f *flow) hearsAlone(m *media, hz int, to netip.AddrPort, during time.Duration) error {
	settle()
	began := now()
	during = min(max(during, 10*interval), kept)
	sleep(during)
	settle()
	n, last := 0, began
	for _, s := range m.since(began) {
		share, rms := tone(s.pcm, float64(hz))
		switch at := s.at.Sub(began); {
		case to.IsValid() && s.to != to:
			return fmt.Errorf("%s heard a packet at %v after %v", m.who, s.to, at)
		case share < 0.7 || rms < 300:
			return fmt.Errorf("%s heard something else after %v: share of %d Hz %.2f, level %.0f", m.who, at, hz, share, rms)
		case s.at.Sub(last) > interval:
			return fmt.Errorf("%s heard nothing for %v, until %v had passed", m.who, s.at.Sub(last), at)
		}
		n, last = n+1, s.at
	}
	if n < int(during/interval)-1 {
		return fmt.Errorf("%s heard %d packets in %v", m.who, n, during)
	}
	f.ladder.note("%s hears %d Hz alone", m.who, hz)
	return nil
}

// spans reads "within D" and "for D", in any order.
func (a *args) spans() (within, during time.Duration, err error) {
	within = time.Second
	for err == nil && len(a.ws) > 0 {
		switch a.next() {
		case "within":
			within, err = a.duration()
		case "for":
			during, err = a.duration()
		default:
			err = errors.New(`only "within" and "for" may follow`)
		}
	}
	return within, during, err
}

// hearsNothing asserts that no speech arrives, once what is under way is in.
func (f *flow) hearsNothing(m *media, a *args) error {
	_, during, err := a.spans()
	if err != nil {
		return err
	}
	settle()
	before, _ := m.counts()
	sleep(max(during, 100*time.Millisecond))
	settle()
	if after, _ := m.counts(); after != before {
		return fmt.Errorf("%s heard %d packets", m.who, after-before)
	}
	return nil
}

// dials: dials DIGITS by event|info|tone [without marker] [with N end].
func (f *flow) dials(c *call, l *leg, a *args) error {
	keys, kind, marker, ends := a.next(), "event", true, 3
	for len(a.ws) > 0 {
		var err error
		switch w := a.next(); w {
		case "by":
			kind = a.next()
		case "without":
			marker = !a.accept("marker")
		case "with":
			ends, err = a.number("end", "ends")
		default:
			err = fmt.Errorf("%q is no way to dial", w)
		}
		if err != nil {
			return err
		}
	}
	f.ladder.note("%s dials %s by %s", l.media.who, keys, kind)
	return l.media.dial(keys, kind, marker, ends, func(key byte) error {
		ph := phrase{kind: "INFO", bodyType: "application/dtmf-relay", body: fmt.Sprintf("Signal=%c\r\nDuration=100\r\n", key)}
		if err := c.p.ask(c, l, ph); err != nil {
			return err
		}
		return c.p.expect(handle{c.p.name, c.n, l.fork}, phrase{kind: "200", to: "INFO", exactly: -1})
	})
}

// receives: receives DIGITS [by KIND] [within D]; receives no digits [for D].
func (f *flow) receives(m *media, a *args) error {
	if a.accept("no") {
		a.accept("digits")
		_, during, err := a.spans()
		if err != nil {
			return err
		}
		sleep(during)
		if got := m.digits(); len(got) > 0 {
			return fmt.Errorf("%s received %v", m.who, got)
		}
		return nil
	}
	keys, kind := a.next(), ""
	if a.accept("by") {
		kind = a.next()
	}
	within, _, err := a.spans()
	if err != nil {
		return err
	}
	f.wait(within, func() bool { return len(m.digits()) >= len(keys) })
	sleep(300 * time.Millisecond) // what is doubled would show now
	settle()
	got := m.digits()
	var s strings.Builder
	for _, d := range got {
		s.WriteByte(d.key)
		if kind != "" && d.kind != kind {
			return fmt.Errorf("%s received %c by %s, expected by %s (all: %v)", m.who, d.key, d.kind, kind, got)
		}
	}
	if s.String() != keys {
		return fmt.Errorf("%s received %q, expected %q: %v", m.who, s.String(), keys, got)
	}
	m.claim(len(got))
	f.ladder.note("%s received %s", m.who, keys)
	return nil
}

func (d digit) String() string { return fmt.Sprintf("%c(%s %dms)", d.key, d.kind, d.long) }
