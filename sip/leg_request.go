package sip

import (
	"slices"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// receiveRequest takes a request the UA found to be of this leg.
func (l *Leg) receiveRequest(now time.Time, r *sipmsg.Request, in *transport.Inbound) {
	if r.Method == sipmsg.ACK {
		l.receiveAck(now, r)
		return
	}
	key, method := requestKey(r), string(r.Method)
	if i := slices.IndexFunc(l.servers, func(s *server) bool { return s.key == key && s.method == method }); i >= 0 {
		if s := l.servers[i]; s.raw != nil { // §17.2.1, §17.2.2: the same answer
			_ = l.post(now, s.reply, s.raw, key)
		}
		return
	}
	s := newServer(r, in.Reply)
	s.at = now
	l.prune(now)
	l.servers = append(l.servers, s)
	if r.Method == sipmsg.CANCEL {
		l.receiveCancel(now, r, s)
		return
	}
	d := l.dialogOf(tagOf(r.From().Params))
	switch {
	case d == nil:
		l.respond(now, s, 481, "", nil, nil, "")
		return
	case !d.inOrder(s.seq): // §12.2.2
		l.respond(now, s, 500, "", nil, []Header{{"Retry-After", "1"}}, "")
		return
	}
	if no := unsupported(r, &l.cfg); len(no) > 0 {
		l.respond(now, s, 420, "", nil, no, "")
		return
	}
	l.follow(d, in)
	l.receiveInDialog(now, r, s, d, in)
}

// receiveInDialog sorts the requests of a dialog.
func (l *Leg) receiveInDialog(now time.Time, r *sipmsg.Request, s *server, d *dialog, in *transport.Inbound) {
	if r.Method == sipmsg.BYE {
		l.receiveBye(now, s, d, r)
		return
	}
	if l.released || d != l.dialog && l.phase != inviting {
		l.respond(now, s, 481, "", nil, nil, "")
		return
	}
	switch r.Method {
	case sipmsg.INVITE:
		l.receiveReinvite(now, r, s, d, in)
	case sipmsg.UPDATE:
		l.receiveUpdate(now, r, s, d, in)
	case sipmsg.PRACK:
		l.receivePrack(now, r, s)
	case sipmsg.INFO:
		l.receiveInfo(now, r, s, d)
	case sipmsg.REFER:
		l.receiveRefer(now, r, s)
	case sipmsg.NOTIFY:
		l.receiveNotify(now, r, s)
	case sipmsg.OPTIONS:
		l.respond(now, s, 200, "", nil, []Header{{"Accept", typeSDP}}, "")
	case sipmsg.MESSAGE, sipmsg.SUBSCRIBE, sipmsg.REGISTER, sipmsg.PUBLISH:
		l.respond(now, s, 405, "", nil, nil, "")
	default:
		l.respond(now, s, 501, "", nil, nil, "")
	}
}

// follow keeps the way to the peer fresh: a connection that it opened anew, or
// whatever address it comes from where that is how the trunk is reached.
func (l *Leg) follow(d *dialog, in *transport.Inbound) {
	switch f := in.Reply; {
	case l.cfg.Symmetric:
		d.flow, d.name = l.back(*in), ""
	case f.Kind == transport.WS || f.Kind == transport.WSS:
		d.flow = f
	case f.Kind == d.flow.Kind && f.Kind.Reliable() && f.Remote.Addr() == d.flow.Remote.Addr():
		d.flow.Conn, d.flow.Remote = f.Conn, f.Remote
	}
}

// refreshTarget takes a new Contact. RFC 3261 §12.2.2; RFC 3311 §5.2.
func (l *Leg) refreshTarget(d *dialog, c *sipmsg.ContactHeader, f transport.Flow) {
	if old := d.target; c != nil {
		if d.retarget(c); d.target != old {
			l.point(d, f)
		}
	}
}

// maxServers bounds the requests a leg remembers the answers of.
const maxServers = 24

// prune forgets requests that cannot come again any more, and the oldest
// beyond the bound.
func (l *Leg) prune(now time.Time) {
	if len(l.servers) < 8 {
		return
	}
	life := 64 * l.ua.cfg.T1
	l.servers = slices.DeleteFunc(l.servers, func(s *server) bool {
		return s.final() && s.expire.IsZero() && now.Sub(s.at) > life
	})
	for len(l.servers) >= maxServers {
		i := slices.IndexFunc(l.servers, func(s *server) bool { return s.final() && s != l.serving.invite })
		if i < 0 {
			return // more open ones than a peer can have: 491 and 500 see to that
		}
		l.servers = slices.Delete(l.servers, i, i+1)
	}
}

// receiveInfo answers an INFO and hands it up. RFC 6086 §4.2.2.
func (l *Leg) receiveInfo(now time.Time, r *sipmsg.Request, s *server, d *dialog) {
	contentType, body := bodyOf(r)
	if len(body) > 0 && !l.takesInfo(contentType) {
		l.respond(now, s, 415, "", nil, []Header{{"Accept", l.infoTypes()}}, "")
		return
	}
	l.respond(now, s, 200, "", nil, nil, "")
	l.emit(now, Informed{Dialog: d.tag, ContentType: contentType, Headers: kept(r), Body: body})
}

func (l *Leg) takesInfo(contentType string) bool {
	t := mediaType(contentType)
	if l.cfg.Info == nil {
		return t == "application/dtmf-relay" || t == "application/dtmf"
	}
	return slices.Contains(l.cfg.Info, t)
}

func (l *Leg) infoTypes() string {
	if l.cfg.Info == nil {
		return "application/dtmf-relay, application/dtmf"
	}
	return join(l.cfg.Info)
}

// Info sends an INFO in the confirmed dialog, or before in the early dialog
// named; "" is the newest. InfoAnswered follows. RFC 6086.
func (l *Leg) Info(now time.Time, dialog, contentType string, body []byte) {
	d := l.early(dialog)
	if d == nil || l.released {
		return
	}
	r := &request{method: "INFO", dialog: d, contentType: contentType, body: body, purpose: forInfo}
	if l.request(now, r) == nil {
		l.emit(now, InfoAnswered{Refusal(503)})
	}
}

// early returns the confirmed dialog, or before there is one the early dialog
// called tag, "" being the newest; nil without.
func (l *Leg) early(tag string) *dialog {
	if l.dialog != nil {
		return l.dialog
	}
	if tag != "" {
		return l.dialogOf(tag)
	}
	if n := len(l.dialogs); n > 0 {
		return l.dialogs[n-1]
	}
	return nil
}
