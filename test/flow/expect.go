package flow

import (
	"errors"
	"fmt"
	"strings"
)

// expect waits for a message and holds it to what the flow says.
func (p *peer) expect(h handle, ph phrase) error {
	c := p.claim(h.call)
	within := ph.within
	if within == 0 {
		within = max(patience, ph.exactly+patience)
	}
	var got arrival
	if !p.f.wait(within, func() (ok bool) { got, ok = p.pick(c, ph); return ok }) {
		return fmt.Errorf("%s did not come within %v%s", ph.kind, within, p.waiting(c))
	}
	if err := c.accept(h, ph, got); err != nil {
		return fmt.Errorf("%w\n        in %s", err, strings.ReplaceAll(strings.TrimSpace(string(got.raw)), "\n", "\n           "))
	}
	return nil
}

// waiting tells what is there instead.
func (p *peer) waiting(c *call) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range append(append([]arrival(nil), c.inbox...), p.fresh...) {
		if !a.again {
			return "; there is " + a.msg.summary()
		}
	}
	return ""
}

// pick takes the next message that could be the one: repetitions are passed
// over unless asked for, and so is 100.
func (p *peer) pick(c *call, ph phrase) (arrival, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	box := &c.inbox
	if c.id == "" {
		box = &p.fresh
	}
	for i, a := range *box {
		switch {
		case a.again != ph.again:
			continue
		case a.msg.kind() == "100" && ph.kind != "100":
			continue
		case (ph.any || ph.again) && a.msg.kind() != ph.kind:
			continue
		}
		*box = append((*box)[:i:i], (*box)[i+1:]...)
		if c.id == "" {
			c.bind(a)
		}
		return a, true
	}
	return arrival{}, false
}

// bind makes the call the one that a request from the gateway began, and takes
// what else came of it. The caller holds the peer's mutex.
func (c *call) bind(a arrival) {
	m := a.msg
	c.id = m.get("Call-ID")
	c.localURI, c.remoteURI = address(m.get("To")), address(m.get("From"))
	via, _, _ := strings.Cut(m.get("Via"), " ")
	c.by, c.cseq = strings.ToLower(strings.TrimPrefix(via, "SIP/2.0/")), 500
	c.p.byID[c.id] = c
	rest := c.p.fresh[:0]
	for _, o := range c.p.fresh {
		if o.msg.get("Call-ID") == c.id {
			c.inbox = append(c.inbox, o)
		} else {
			rest = append(rest, o)
		}
	}
	c.p.fresh = rest
	c.seen(a.raw)
}

// accept holds a message to the phrase and learns from it.
func (c *call) accept(h handle, ph phrase, a arrival) error {
	m := a.msg
	if m.kind() != ph.kind {
		return fmt.Errorf("expected %s, got %s", ph.kind, m.summary())
	}
	if ph.exactly >= 0 {
		if d := a.at.Sub(c.p.f.last); d != ph.exactly {
			return fmt.Errorf("%s came after %v, not %v", ph.kind, d, ph.exactly)
		}
	}
	if m.request() {
		whom := user(m.uri())
		if strings.Contains(ph.to, ":") {
			whom = m.uri()
		}
		if ph.to != "" && !matches(ph.to, whom) {
			return fmt.Errorf("%s is for %q, expected %q", ph.kind, whom, ph.to)
		}
	} else if ph.to != "" && ph.to != m.method() {
		return fmt.Errorf("%s is for %s, expected %s", ph.kind, m.method(), ph.to)
	}
	if ph.from != "" && !matches(ph.from, user(address(m.get("From")))) {
		return fmt.Errorf("the caller is %q, expected %q", user(address(m.get("From"))), ph.from)
	}
	if err := checkHeaders(m, ph); err != nil {
		return err
	}
	c.p.challenged(m)
	l, err := c.learn(h, a)
	if err != nil {
		return err
	}
	return c.checkSDP(l, ph, m)
}

// checkHeaders looks for the headers that the phrase names.
func checkHeaders(m *message, ph phrase) error {
	for _, want := range ph.headers {
		found := false
		for _, v := range m.all(want.name) {
			found = found || matches(want.value, v)
		}
		if !found {
			return fmt.Errorf("no %s: %s", want.name, want.value)
		}
	}
	for _, n := range ph.without {
		if v := m.all(n); len(v) > 0 {
			return fmt.Errorf("there is %s: %s", n, v[0])
		}
	}
	return nil
}

// learn notes what a message says about its dialog.
func (c *call) learn(h handle, a arrival) (*leg, error) {
	m := a.msg
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	l := c.leg(h.fork)
	if m.request() {
		if c.requests == nil {
			c.requests = map[string]arrival{}
		}
		if m.kind() != "ACK" {
			c.theirs = a
		}
		c.requests[m.kind()] = a
		if m.kind() != "CANCEL" {
			l.remote = param(m.get("From"), "tag")
		}
	} else {
		c.progress(m)
		tag := param(m.get("To"), "tag")
		if h.fork != "" && l.remote != "" && tag != l.remote && m.method() != "CANCEL" {
			return nil, fmt.Errorf("the To tag is %s, but %s/%s is %s", tag, h.peer, h.fork, l.remote)
		}
		if m.kind() != "100" && m.method() != "CANCEL" && tag != "" {
			l.remote = tag
		}
		if r := m.get("RSeq"); r != "" {
			l.rseq = r
			l.invite, _, _ = strings.Cut(m.get("CSeq"), " ")
		}
	}
	if t := address(m.get("Contact")); t != "" && m.method() != "REGISTER" { // which makes no dialog
		l.target = t
	}
	return l, nil
}

// progress notes how our INVITE fares.
func (c *call) progress(m *message) {
	if m.method() != "INVITE" {
		return
	}
	switch m.kind()[0] {
	case '1':
	case '2':
		c.sent["answered"] = m
		delete(c.sent, "refusal")
	default:
		c.sent["refusal"] = m
	}
}

// checkSDP holds the body to the phrase.
func (c *call) checkSDP(l *leg, ph phrase, m *message) error {
	body := string(m.body)
	if ph.nosdp && body != "" {
		return errors.New("there is a body")
	}
	if ph.body != "" && strings.TrimSpace(ph.body) != strings.TrimSpace(body) {
		return fmt.Errorf("body is %q", body)
	}
	if ph.bodyType != "" && !strings.EqualFold(m.get("Content-Type"), ph.bodyType) {
		return fmt.Errorf("body is of type %q", m.get("Content-Type"))
	}
	if !strings.HasPrefix(body, "v=0") {
		if ph.sdp != nil {
			return errors.New("there is no SDP")
		}
		return nil
	}
	s, err := parseSession(m.body)
	if err != nil {
		return err
	}
	md, err := c.mediaOf(l, ph.mediaAt())
	if err != nil {
		return err
	}
	md.described(s)
	if ph.sdp == nil {
		return nil
	}
	return ph.sdp.check(s, md.before)
}
