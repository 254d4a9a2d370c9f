package flow

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// say sends one message of a call.
func (p *peer) say(h handle, ph phrase) error {
	c := p.claim(h.call)
	for i := range ph.headers {
		v, err := p.f.named(ph.headers[i].value)
		if err != nil {
			return err
		}
		ph.headers[i].value = v
	}
	switch {
	case ph.kind == "raw":
		return p.sayRaw(c, ph)
	case ph.again:
		return p.sayAgain(c, ph)
	case ph.kind[0] >= '0' && ph.kind[0] <= '9':
		return p.respond(c, c.leg(h.fork), ph)
	}
	return p.ask(c, c.leg(h.fork), ph)
}

// named puts the name of a dialog where a header has $replaces(PEER#N): as
// Replaces writes it (RFC 3891 §6.1), and escaped for a URI as $escaped(PEER#N).
func (f *flow) named(v string) (string, error) {
	for _, word := range []string{"$replaces(", "$escaped("} {
		before, rest, found := strings.Cut(v, word)
		who, after, closed := strings.Cut(rest, ")")
		if !found || !closed {
			continue
		}
		h, ok := parseHandle(who)
		p := f.peers[h.peer]
		if !ok || p == nil {
			return "", fmt.Errorf("%q is no call", who)
		}
		c := p.claim(h.call)
		l := c.leg(h.fork)
		// Seen by the gateway: its own tag is the to-tag.
		name := fmt.Sprintf("%s;to-tag=%s;from-tag=%s", c.id, l.remote, l.tag(c))
		if word == "$escaped(" {
			name = strings.NewReplacer(";", "%3B", "=", "%3D", "@", "%40").Replace(name)
		}
		v = before + name + after
	}
	return v, nil
}

// sayRaw sends lines as they are written, with our addresses put in.
func (p *peer) sayRaw(c *call, ph phrase) error {
	to := p.f.gateway(p.at.Addr())
	r := strings.NewReplacer("$GW", to.String(), "$ADDR", p.at.String(), "$ID", p.f.token("raw"))
	raw := r.Replace(ph.body)
	if m, err := parse([]byte(raw)); err == nil && m.get("Call-ID") != "" {
		c.id = m.get("Call-ID")
		p.mu.Lock()
		p.byID[c.id] = c
		p.mu.Unlock()
		p.f.ladder.add(now(), p.name, "gw", m, []byte(raw), false)
	} else {
		p.f.ladder.note("%s -> gw  %d bytes", p.name, len(raw))
	}
	by := p.by
	if ph.by != "" {
		by = ph.by
	}
	return p.send([]byte(raw), by, to)
}

// sayAgain repeats a message byte for byte.
func (p *peer) sayAgain(c *call, ph phrase) error {
	m := c.sent[ph.kind]
	if ph.to != "" {
		m = c.sent[ph.kind+" "+ph.to]
	}
	if m == nil {
		return fmt.Errorf("%s has not sent %s yet", p.name, ph.kind)
	}
	p.f.ladder.add(now(), p.name, "gw", m, m.bytes(), true)
	if m.request() {
		return p.send(m.bytes(), c.by, c.destination(m.uri()))
	}
	return c.requests[m.method()].reply(m.bytes())
}

// ask sends a request.
func (p *peer) ask(c *call, l *leg, ph phrase) error {
	if ph.kind == "INVITE" {
		delete(c.sent, "refusal")
	}
	m, to, err := c.request(ph, l)
	if err != nil {
		return err
	}
	if err := c.describe(m, l, ph); err != nil {
		return err
	}
	if ph.login != nil {
		v, err := p.challenge.answer(ph.login, m.kind(), m.uri())
		if err != nil {
			return err
		}
		m.set("Authorization", v)
	}
	finish(m, ph)
	c.sent[m.kind()] = m
	p.f.ladder.add(now(), p.name, "gw", m, m.bytes(), false)
	return p.send(m.bytes(), c.by, to)
}

// respond answers the last request, or the last one of the method named.
func (p *peer) respond(c *call, l *leg, ph phrase) error {
	status, err := strconv.Atoi(ph.kind)
	if err != nil {
		return fmt.Errorf("%q is no status", ph.kind)
	}
	to := c.theirs
	if ph.to != "" {
		to = c.requests[ph.to]
	}
	if to.msg == nil {
		return errors.New("there is no request to answer")
	}
	m := answerTo(to.msg, status, l.tag(c))
	method := to.msg.kind()
	if status > 100 && status < 300 && (method == "INVITE" || method == "UPDATE") {
		m.add("Contact", c.contact())
	}
	if err := c.describe(m, l, ph); err != nil {
		return err
	}
	finish(m, ph)
	c.sent[m.kind()], c.sent[m.kind()+" "+method] = m, m
	p.f.ladder.add(now(), p.name, "gw", m, m.bytes(), false)
	return to.reply(m.bytes())
}

// finish puts into a message what the flow says about its headers and body.
func finish(m *message, ph phrase) {
	replaced := map[string]bool{}
	for _, h := range ph.headers {
		if k := strings.ToLower(h.name); replaced[k] {
			m.add(h.name, h.value)
		} else {
			m.set(h.name, h.value)
			replaced[k] = true
		}
	}
	for _, n := range ph.without {
		m.set(n, "")
	}
	if ph.body != "" {
		m.body = []byte(ph.body)
		if ph.bodyType != "" {
			m.set("Content-Type", ph.bodyType)
		}
	}
}

// describe puts SDP into a message, if the flow says so.
func (c *call) describe(m *message, l *leg, ph phrase) error {
	if ph.sdp == nil {
		return nil
	}
	fork := l.fork != "" && l.media == nil && !c.uac
	md, err := c.mediaOf(l, ph.sdp.media)
	if err != nil {
		return err
	}
	if fork { // it answers the offer that all forks were sent
		if s, err := parseSession(c.requests["INVITE"].msg.body); err == nil {
			md.described(s)
		}
	}
	b, err := md.describe(ph.sdp, ph.sdp.answer)
	if err != nil {
		return err
	}
	m.add("Content-Type", "application/sdp")
	m.body = b
	return nil
}

// mediaOf gives the media of a dialog. A caller has one for all forks of its
// offer, a called side one for each.
func (c *call) mediaOf(l *leg, at netip.AddrPort) (*media, error) {
	if l.media == nil && c.uac {
		for _, o := range c.legs {
			if o.media != nil {
				l.media = o.media
			}
		}
	}
	if l.media != nil {
		if at.IsValid() && at != l.media.rtp.AddrPort() {
			return l.media, l.media.move(at)
		}
		return l.media, nil
	}
	if !at.IsValid() {
		at = netip.AddrPortFrom(c.p.at.Addr(), 0)
	}
	h, err := c.p.f.host(at.Addr())
	if err != nil {
		return nil, err
	}
	who := c.p.name
	if l.fork != "" {
		who += "/" + l.fork
	}
	l.media, err = openMedia(c.p.f, who, h, at)
	return l.media, err
}
