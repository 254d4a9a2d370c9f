package sip

import (
	"errors"
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// serving is what a UAS keeps of the INVITE that came in.
type serving struct {
	invite   *server
	offered  bool // it had an offer
	reliable bool // the peer can or wants reliable provisional responses
	timer    bool // the peer knows session timers
	asked    sessionExpires
	answer   *laterAnswer // waits for a PRACK

	first   *reliable     // the provisional response that waits for its PRACK
	waiting []laterStatus // those after it
	rseq    uint32

	bye     bool // BYE as soon as the ACK has come
	headers []Header
}

// laterAnswer and laterStatus are responses that wait. RFC 3262 §3.
type laterAnswer struct {
	body  []byte
	extra Extra
}

type laterStatus struct {
	status int
	body   []byte
	extra  Extra
}

func (s *serving) due() time.Time {
	if s.first == nil {
		return time.Time{}
	}
	return earlier(s.first.resend, s.first.expire)
}

func (s *serving) stop() { s.first, s.waiting, s.answer = nil, nil, nil }

// readInvite makes plain data of an INVITE.
func readInvite(r *sipmsg.Request, in transport.Inbound, peer string) (Invite, error) {
	i := Invite{
		Flow: in.Flow, Peer: peer, CallID: string(*r.CallID()), MaxForwards: 70,
		RequestURI: uriString(&r.Recipient),
		From:       Address{unescape(r.From().DisplayName), uriString(&r.From().Address)},
		To:         Address{unescape(r.To().DisplayName), uriString(&r.To().Address)},
		Supported:  tags(r, "supported"), Require: tags(r, "require"), Headers: kept(r),
	}
	if m := r.MaxForwards(); m != nil {
		i.MaxForwards = int(min(*m, 255))
	}
	if !validURI(i.From.URI) || !validURI(i.To.URI) || !validURI(i.RequestURI) {
		return i, Refusal(400)
	}
	var err error
	i.ContentType, i.Body = bodyOf(r)
	if len(i.Body) > 0 && !isSDP(i.ContentType) {
		return i, Refusal(415)
	}
	i.ReferredBy, _ = value(r, "referred-by")
	if vs := values(r, "replaces"); len(vs) > 0 {
		var rep Replaces
		if rep, err = ParseReplaces(vs[0]); err != nil || len(vs) > 1 { // RFC 3891 §3
			return i, errors.Join(err, Refusal(400))
		}
		i.Replaces = &rep
	}
	return i, nil
}

// serve makes the leg the UAS of r. RFC 3261 §12.1.1.
func (l *Leg) serve(now time.Time, r *sipmsg.Request, in transport.Inbound) {
	l.phase = called
	s := newServer(r, in.Reply)
	l.local = s.to
	l.remote = nameAddr(r.From().DisplayName, &r.From().Address)
	l.servers = append(l.servers, s)
	d := &dialog{tag: tagOf(r.From().Params), target: uriString(&r.From().Address), routes: routesOf(r, false)}
	d.retarget(r.Contact())
	d.update = lists(r, "allow", "UPDATE")
	d.inOrder(s.seq)
	l.dialog = d
	l.point(d, l.back(in))
	l.serving = serving{
		invite: s, offered: len(r.Body()) > 0, timer: lists(r, "supported", "timer"),
		reliable: l.cfg.Reliable.use(lists(r, "supported", "100rel"), lists(r, "require", "100rel")),
	}
	if v, ok := value(r, "session-expires"); ok {
		l.serving.asked, _ = parseSessionExpires(v)
	}
	s.at = now
}

// back is the way requests of ours take to whom a request came from.
func (l *Leg) back(in transport.Inbound) transport.Flow {
	f := in.Reply
	if l.cfg.Symmetric {
		f.Remote = in.Flow.Remote
	}
	return f
}

// use reports whether provisional responses of ours are sent reliably to a peer
// that supports or requires it.
func (m Reliable) use(supports, requires bool) bool {
	switch m {
	case ReliableSupported, ReliableRequired:
		return supports || requires
	case ReliableSilent:
		return requires
	case ReliableOff, ReliableIgnored:
	}
	return false
}

// trying sends 100. RFC 3261 §8.2.6.1: without a tag.
func (l *Leg) trying(now time.Time) {
	s := l.serving.invite
	w := s.begin(100, "", "", 0)
	raw := w.body("", nil)
	s.sent(now, &l.ua.cfg, 100, raw)
	_ = l.post(now, s.reply, raw, s.key)
}

// Progress sends a provisional response, 101 to 199, to the INVITE that came in.
// RFC 3261 §13.3.1.1.
func (l *Leg) Progress(now time.Time, status int, body []byte, x Extra) {
	if l.phase != called || status <= 100 || status > 199 || l.serving.answer != nil {
		return
	}
	if l.serving.reliable {
		l.progressReliably(now, laterStatus{status, body, x})
	} else {
		l.respond(now, l.serving.invite, status, x.Reason, body, x.Headers, x.ContentType)
	}
	l.settle(now)
}

// Answer sends the 200 to the INVITE that came in; body is the answer, or the
// offer where the INVITE had none. It waits for the PRACK of a reliable
// provisional response that carried an offer or answer (RFC 3262 §3).
// RFC 3261 §13.3.1.4.
func (l *Leg) Answer(now time.Time, body []byte, x Extra) {
	if l.phase != called || l.serving.answer != nil {
		return
	}
	if f := l.serving.first; f != nil && f.sdp {
		l.serving.waiting = nil
		l.serving.answer = &laterAnswer{body, x}
		return
	}
	l.accept(now, body, x)
	l.settle(now)
}

// accept sends the 200.
func (l *Leg) accept(now time.Time, body []byte, x Extra) {
	s := &l.serving
	s.stop()
	if l.dialog.agreed {
		body = nil // the answer has been acknowledged in a reliable response (RFC 6337 §3.1.1)
	} else {
		l.offer.last = body
	}
	l.phase = unacked
	var w wire
	l.session.answer(now, &w, l.cfg.Session, s.asked, s.timer)
	l.respondLines(now, s.invite, 200, x, body, string(w.b))
	if s.offered {
		l.dialog.agreed = true
	}
}

// respond sends a response of this leg.
func (l *Leg) respond(now time.Time, s *server, status int, reason string, body []byte, headers []Header, contentType string) {
	l.respondLines(now, s, status, Extra{reason, contentType, headers}, body, "")
}

// respondLines is respond with ready lines of our own.
func (l *Leg) respondLines(now time.Time, s *server, status int, x Extra, body []byte, lines string) {
	if s == nil || s.final() {
		return
	}
	raw := l.response(s, status, x, body, lines)
	s.sent(now, &l.ua.cfg, status, raw)
	_ = l.post(now, s.reply, raw, s.key)
}

// response writes a response.
func (l *Leg) response(s *server, status int, x Extra, body []byte, lines string) []byte {
	w := s.begin(status, x.Reason, l.entry.tag, len(body))
	switch {
	case s.method == "INVITE" && status < 300, s.method == "UPDATE" && status < 300:
		w.b = append(w.b, s.routes...) // RFC 3261 §12.1.1
		if o, ok := l.from(s.reply); ok {
			w.str(o.contact)
		}
		w.str("Allow: ", allow(&l.cfg), "\r\nSupported: ", supported(&l.cfg), "\r\n")
	case s.method == "REFER" && status < 300:
		if o, ok := l.from(s.reply); ok {
			w.str(o.contact)
		}
	case status == 405, status == 501:
		w.str("Allow: ", allow(&l.cfg), "\r\n")
	case status >= 300 && status < 400:
		for _, h := range x.Headers { // a redirection passed on
			if longName(h.Name) == "contact" {
				w.header(h)
			}
		}
	}
	w.str(lines)
	w.headers(x.Headers)
	if l.ua.cfg.Software != "" {
		w.line("Server", l.ua.cfg.Software)
	}
	return w.body(x.ContentType, body)
}

// receiveAck takes an ACK for any of our final responses to an INVITE.
func (l *Leg) receiveAck(now time.Time, r *sipmsg.Request) {
	i := slices.IndexFunc(l.servers, func(s *server) bool {
		return s.method == "INVITE" && s.seq == r.CSeq().SeqNo && s.final() && !s.expire.IsZero()
	})
	if i < 0 {
		return // it came twice
	}
	s := l.servers[i]
	s.acked()
	if s.status >= 300 {
		return
	}
	contentType, body := bodyOf(r)
	if s != l.serving.invite {
		l.offer.acked(l, now, s, contentType, body)
		return
	}
	if l.serving.bye {
		l.serving.bye = false
		l.bye(now, l.serving.headers)
		return
	}
	if l.phase == unacked {
		l.phase = up
		l.dialog.confirmed, l.dialog.agreed = true, true
		l.emit(now, Confirmed{ContentType: contentType, Body: body})
	}
}
