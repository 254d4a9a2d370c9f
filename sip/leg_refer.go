package sip

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// referring is where transfers stand: of the peer's REFER, whose progress we
// report, and of ours, whose progress we are told. RFC 3515.
type referring struct {
	theirs *server // a REFER that the call has not answered
	quiet  bool    // it wants no NOTIFY (RFC 4488)

	subscribed bool    // we owe NOTIFYs
	id         string  // ";id=..." in their Event, from the second REFER on
	count      int     // REFERs accepted
	notify     *client // a NOTIFY on its way: they stay in order
	next       []notice

	ours bool // NOTIFYs are expected
}

// A notice is one status line to be told.
type notice struct {
	status int
	reason string
}

// maxRefers bounds the REFERs of one call.
const maxRefers = 10

// receiveRefer takes a REFER. RFC 3515 §2.4.2.
func (l *Leg) receiveRefer(now time.Time, r *sipmsg.Request, s *server) {
	var to referTo
	vs := values(r, "refer-to")
	err := error(Refusal(400))
	if len(vs) == 1 { // §2.1: exactly one
		to, err = parseReferTo(vs[0])
	}
	switch {
	case !l.cfg.Refer:
		l.respond(now, s, 405, "", nil, nil, "")
		return
	case l.refer.theirs != nil || l.refer.subscribed || l.phase != up:
		l.respond(now, s, 491, "", nil, nil, "")
		return
	case l.refer.count >= maxRefers:
		l.ua.counters.add(countRefers)
		l.respond(now, s, 603, "", nil, nil, "")
		return
	case err != nil:
		l.respond(now, s, 400, "Bad Refer-To", nil, nil, "")
		return
	}
	l.refer.theirs = s
	v, _ := value(r, "refer-sub")
	l.refer.quiet = strings.EqualFold(strings.TrimSpace(v), "false")
	e := Referred{Target: to.target, Replaces: to.replaces, Headers: kept(r), Embedded: to.embedded}
	e.ReferredBy, _ = value(r, "referred-by")
	l.emit(now, e)
}

// AcceptRefer answers the REFER of Referred with 202 and the first NOTIFY.
func (l *Leg) AcceptRefer(now time.Time) {
	f := &l.refer
	s := f.theirs
	if s == nil || l.released {
		return
	}
	f.theirs = nil
	f.count++
	if f.quiet {
		l.respond(now, s, 202, "", nil, []Header{{"Refer-Sub", "false"}}, "")
		return
	}
	f.subscribed, f.id = true, ""
	if f.count > 1 {
		f.id = ";id=" + strconv.FormatUint(uint64(s.seq), 10) // §2.4.6
	}
	l.respond(now, s, 202, "", nil, nil, "")
	l.Notify(now, 100, "")
}

// RefuseRefer refuses the REFER of Referred.
func (l *Leg) RefuseRefer(now time.Time, c Cause) {
	s := l.refer.theirs
	if s == nil || l.released {
		return
	}
	l.refer.theirs = nil
	l.respond(now, s, refusalStatus(c), "", nil, nil, "")
}

// Notify tells the transferor how the call it asked for goes. A status of 200
// or more ends the subscription. RFC 3515 §2.4.5.
func (l *Leg) Notify(now time.Time, status int, reason string) {
	if !l.refer.subscribed || l.released || status < 100 || status > 699 {
		return
	}
	if reason == "" || !validValue(reason) {
		reason = phrase(status)
	}
	n := notice{status, reason}
	if q := l.refer.next; len(q) >= maxWaiting { // only the newest matters
		q[len(q)-1] = n
	} else {
		l.refer.next = append(q, n)
	}
	l.pumpNotify(now)
}

func (l *Leg) pumpNotify(now time.Time) {
	f := &l.refer
	if f.notify != nil || len(f.next) == 0 || l.dialog == nil {
		return
	}
	n := f.next[0]
	f.next = f.next[1:]
	state := "active;expires=180"
	if n.status >= 200 {
		state = "terminated;reason=noresource"
		f.next = nil
	}
	f.notify = l.request(now, &request{
		method: "NOTIFY", dialog: l.dialog, purpose: forNotify, contentType: typeSIPFrag + ";version=2.0",
		lines: "Event: refer" + f.id + "\r\nSubscription-State: " + state + "\r\n",
		body:  []byte("SIP/2.0 " + itoa(n.status) + " " + n.reason + "\r\n"),
	})
	if n.status >= 200 || f.notify == nil {
		f.subscribed = false
	}
}

// notifyResponded takes the response to a NOTIFY. A refusal ends the
// subscription and nothing else. RFC 5057 §5.1; RFC 6665 §4.2.2.
func (l *Leg) notifyResponded(now time.Time, status int) {
	l.refer.notify = nil
	if status >= 300 {
		l.refer.subscribed, l.refer.next = false, nil
	}
	l.pumpNotify(now)
}

// Refer asks the peer to call target. ReferAnswered and Notified follow.
// RFC 3515; RFC 3892.
func (l *Leg) Refer(now time.Time, target Address, replaces *Replaces, referredBy string) {
	if l.phase != up || l.released {
		return
	}
	if replaces != nil {
		target.URI += "?Replaces=" + escape(replaces.String())
	}
	to := target.String()
	if to == "" {
		l.emit(now, ReferAnswered{Refusal(484)})
		return
	}
	if referredBy == "" {
		referredBy = l.local
	}
	l.refer.ours = true
	r := &request{method: "REFER", dialog: l.dialog, purpose: forRefer, headers: []Header{
		{"Refer-To", to}, {"Referred-By", referredBy},
	}}
	if l.request(now, r) == nil {
		l.refer.ours = false
		l.emit(now, ReferAnswered{Refusal(503)})
	}
}

func (l *Leg) referResponded(now time.Time, r *sipmsg.Response) {
	if r.StatusCode >= 300 {
		l.refer.ours = false
	}
	l.emit(now, ReferAnswered{reasonOf(r, r.StatusCode)})
}

// receiveNotify takes a NOTIFY about a REFER of ours; there are no other
// subscriptions. RFC 6665 §4.1.3.
func (l *Leg) receiveNotify(now time.Time, r *sipmsg.Request, s *server) {
	v, _ := value(r, "event")
	event, _ := cutParams(v)
	switch {
	case !strings.EqualFold(strings.TrimSpace(event), "refer"):
		l.respond(now, s, 489, "", nil, []Header{{"Allow-Events", "refer"}}, "")
		return
	case !l.refer.ours:
		l.respond(now, s, 481, "", nil, nil, "")
		return
	}
	l.respond(now, s, 200, "", nil, nil, "")
	var e Notified
	if contentType, body := bodyOf(r); mediaType(contentType) == typeSIPFrag {
		e.Status, e.Reason = statusLine(body)
	}
	state, _ := value(r, "subscription-state")
	state, _ = cutParams(state)
	e.Ended = strings.EqualFold(strings.TrimSpace(state), "terminated")
	l.refer.ours = !e.Ended
	l.emit(now, e)
}

// statusLine reads the status line a sipfrag begins with. RFC 3420 §2.
func statusLine(b []byte) (status int, reason string) {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	f := strings.SplitN(strings.TrimSpace(string(line)), " ", 3)
	if len(f) < 2 || !strings.EqualFold(f[0], "SIP/2.0") || len(f[1]) != 3 {
		return 0, ""
	}
	n, err := strconv.Atoi(f[1])
	if err != nil || n < 100 || n > 699 {
		return 0, ""
	}
	if len(f) == 3 {
		reason = f[2]
	}
	return n, reason
}

// escape writes s for use in the headers of a URI. RFC 3261 §19.1.2.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}
