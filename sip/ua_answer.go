package sip

import (
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// outside answers requests that belong to no dialog and start none.
func (u *UA) outside(now time.Time, h Handler, r *sipmsg.Request, in transport.Inbound) {
	p, ok := u.known(now, h, r, in)
	if !ok {
		return
	}
	switch r.Method {
	case sipmsg.OPTIONS:
		u.options(now, r, in, &p.Leg)
	case sipmsg.BYE, sipmsg.UPDATE, sipmsg.PRACK, sipmsg.NOTIFY, sipmsg.INFO:
		u.counters.add(countNoDialog) // those live in a dialog only; RFC 6665 §4.1.3
		u.refuse(now, r, in, 481)
	case sipmsg.REGISTER:
		u.register(now, h, r, in, p)
	case sipmsg.SUBSCRIBE, sipmsg.PUBLISH, sipmsg.MESSAGE, sipmsg.REFER:
		u.refuse(now, r, in, 405, Header{"Allow", allow(&p.Leg)}) // §8.2.1
	default:
		u.refuse(now, r, in, 501, Header{"Allow", allow(&p.Leg)}) // §21.5.2
	}
}

// options answers as an INVITE would be answered. RFC 3261 §11.2.
func (u *UA) options(now time.Time, r *sipmsg.Request, in transport.Inbound, c *LegConfig) {
	if no := unsupported(r, c); len(no) > 0 {
		u.refuse(now, r, in, 420, no...)
		return
	}
	if u.draining.Load() {
		u.refuse(now, r, in, 503, Header{"Retry-After", secs(u.cfg.RetryAfter)})
		return
	}
	u.reply(now, r, in, 200, []Header{
		{"Allow", allow(c)}, {"Accept", typeSDP}, {"Supported", supported(c)},
	})
}

// refuse answers without state, and counts.
func (u *UA) refuse(now time.Time, r *sipmsg.Request, in transport.Inbound, status int, headers ...Header) {
	u.counters.add(countRefused)
	u.reply(now, r, in, status, headers)
}

// refuseWith answers with a Cause without state.
func (u *UA) refuseWith(now time.Time, r *sipmsg.Request, in transport.Inbound, c Cause) {
	u.counters.add(countRefused)
	var headers []Header
	if reason := c.Reason(); reason != "" {
		headers = append(headers, Header{"Reason", reason})
	}
	u.reply(now, r, in, c.Status, append(headers, u.advice(c.Status)...))
}

// advice is what a refusal of a call says besides its status.
func (u *UA) advice(status int) []Header {
	switch status {
	case 415:
		return []Header{{"Accept", typeSDP}} // §21.4.13
	case 503:
		return []Header{{"Retry-After", secs(u.cfg.RetryAfter)}} // §21.5.4
	}
	return nil
}

// reply answers without state: the request coming again gets the same answer.
// RFC 3261 §8.2.7.
func (u *UA) reply(now time.Time, r *sipmsg.Request, in transport.Inbound, status int, headers []Header) {
	s := newServer(r, in.Reply)
	tag, _ := r.To().Params.Get("tag")
	if tag == "" {
		tag = u.statelessTag(string(*r.CallID()), s.key)
	}
	w := s.begin(status, "", tag, 0)
	for _, h := range headers {
		w.header(h)
	}
	if u.cfg.Software != "" {
		w.line("Server", u.cfg.Software)
	}
	_ = u.send(now, in.Reply, w.body("", nil), string(*r.CallID()), s.key)
}

// allow lists the methods a leg takes. RFC 3261 §20.5.
func allow(c *LegConfig) string {
	const always = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, NOTIFY"
	prack := c.Reliable != ReliableOff && c.Reliable != ReliableIgnored
	switch {
	case prack && c.Update && c.Refer:
		return always + ", PRACK, UPDATE, REFER"
	case prack && c.Update:
		return always + ", PRACK, UPDATE"
	case prack && c.Refer:
		return always + ", PRACK, REFER"
	case c.Update && c.Refer:
		return always + ", UPDATE, REFER"
	case prack:
		return always + ", PRACK"
	case c.Update:
		return always + ", UPDATE"
	case c.Refer:
		return always + ", REFER"
	}
	return always
}

// supported lists the extensions a leg announces. RFC 3261 §20.37.
func supported(c *LegConfig) string {
	ts := make([]string, 0, 3)
	if c.Reliable == ReliableSupported || c.Reliable == ReliableRequired {
		ts = append(ts, "100rel")
	}
	if c.Session.Mode != SessionOff {
		ts = append(ts, "timer")
	}
	if c.Replaces {
		ts = append(ts, "replaces")
	}
	return strings.Join(ts, ", ")
}

// late answers a response to an INVITE whose leg is gone: a target that was
// given up for its silence must not ring; each final response gets its ACK, and
// a 2xx that nobody waits for a BYE as well. What is sent here is not repeated
// by us: the response is, and with it this.
// RFC 3261 §9.1, §13.2.2.4, §17.1.1.3; RFC 6026 §8.4.
func (u *UA) late(now time.Time, r *sipmsg.Response, f transport.Flow, m remnant) {
	callID := string(*r.CallID())
	branch, _ := r.Via().Params.Get("branch")
	switch {
	case r.StatusCode < 200:
		if m.tag == "" {
			_ = u.send(now, f, hopByHop(r, "CANCEL", m.uri), callID, branch)
		}
		return
	case r.StatusCode >= 300:
		_ = u.send(now, f, hopByHop(r, "ACK", m.uri), callID, branch)
		return
	}
	u.counters.add(countStrayAnswer)
	l, ok := u.net.ListenerFor(f)
	if !ok {
		return
	}
	via := viaOf(f.Kind, l.Host, l.Port)
	_ = u.send(now, f, stray(r, "ACK", via, newBranch()), callID, "")
	if tag, _ := r.To().Params.Get("tag"); tag != m.tag {
		_ = u.send(now, f, stray(r, "BYE", via, newBranch()), callID, "")
	}
}

// hopByHop is an ACK or a CANCEL of the INVITE's own transaction, whose Via it
// has. The To of a CANCEL is that of the INVITE, without a tag.
// RFC 3261 §9.1, §17.1.1.3.
func hopByHop(r *sipmsg.Response, method, uri string) []byte {
	w := newWire(0)
	w.str(method, " ", uri, " SIP/2.0\r\n")
	w.copied(r.Via())
	w.str("Max-Forwards: 70\r\n")
	w.copied(r.From())
	if method == "ACK" {
		w.copied(r.To())
	} else {
		w.line("To", nameAddr(r.To().DisplayName, &r.To().Address))
	}
	w.copied(r.CallID())
	w.str("CSeq: ")
	w.num(uint64(r.CSeq().SeqNo))
	w.str(" ", method, "\r\n")
	return w.body("", nil)
}

// stray is an ACK or a BYE in the dialog that a 2xx made. RFC 3261 §12.1.2.
func stray(r *sipmsg.Response, method, via, branch string) []byte {
	uri := uriString(&r.To().Address)
	if c := r.Contact(); c != nil {
		uri = uriString(&c.Address)
	}
	w := newWire(0)
	w.str(method, " ", uri, " SIP/2.0\r\n", via, branch, "\r\nMax-Forwards: 70\r\n")
	for _, route := range routesOf(r, true) {
		w.line("Route", "<"+route+">")
	}
	w.copied(r.From())
	w.copied(r.To())
	w.copied(r.CallID())
	seq := uint64(r.CSeq().SeqNo)
	if method == "BYE" {
		seq++
	}
	w.str("CSeq: ")
	w.num(seq)
	w.str(" ", method, "\r\n")
	return w.body("", nil)
}
