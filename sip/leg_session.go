package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// session is the session timer of a leg. RFC 4028.
type session struct {
	interval time.Duration // 0: none
	least    time.Duration // the longest Min-SE of a 422 so far, 0: none came
	ours     bool          // we refresh
	refresh  time.Time     // our refresh is due
	expire   time.Time     // the call ends
}

func (s *session) due() time.Time { return earlier(s.refresh, s.expire) }

// least is the shortest interval we take. RFC 4028 §5: not under 90 s.
func (t SessionTimer) least() time.Duration { return max(t.MinSE, 90*time.Second) }

// wanted is the interval we ask for.
func (t SessionTimer) wanted() time.Duration {
	if t.Expires == 0 {
		return max(30*time.Minute, t.least())
	}
	return max(t.Expires, t.least())
}

// ask writes what an INVITE asks for. RFC 4028 §7.1.
func (s *session) ask(w *wire, c *LegConfig, least time.Duration) {
	if c.Session.Mode == SessionRequest {
		w.str("Session-Expires: ", secs(max(c.Session.wanted(), least)))
		if c.Session.Refresher == RefreshByPeer {
			w.str(";refresher=uas\r\n")
		} else {
			w.str(";refresher=uac\r\n")
		}
	}
	if c.Session.Mode != SessionOff && least > 90*time.Second {
		w.line("Min-SE", secs(least))
	}
}

// lines is what a request says that refreshes a session. RFC 4028 §7.4.
func (s *session) lines() string {
	if s.interval == 0 {
		return ""
	}
	lines := "Session-Expires: " + secs(s.interval) + ";refresher=uas\r\n"
	if s.ours {
		lines = "Session-Expires: " + secs(s.interval) + ";refresher=uac\r\n"
	}
	if s.least > 0 {
		lines += "Min-SE: " + secs(s.least) + "\r\n" // RFC 4028 §7.3
	}
	return lines
}

// lengthen takes what a 422 wants, and reports whether the request should be
// sent again. RFC 4028 §7.3, §7.4.
func (s *session) lengthen(r *sipmsg.Response) bool {
	v, _ := value(r, "min-se")
	least, ok := seconds(v)
	if !ok || s.interval == 0 || least <= s.interval || least > maxSession {
		return false
	}
	s.interval, s.least = least, least
	return true
}

// agreed takes what a 2xx to an INVITE or UPDATE of ours says. RFC 4028 §7.2.
func (s *session) agreed(now time.Time, r *sipmsg.Response, t SessionTimer) {
	if t.Mode == SessionOff {
		return
	}
	v, ok := value(r, "session-expires")
	se, err := parseSessionExpires(v)
	if !ok || err != nil {
		*s = session{} // the peer knows no session timers: no one ends the session
		return
	}
	s.start(now, se.interval, se.refresher != "uas")
}

// answer decides as UAS and writes it into the 2xx. RFC 4028 §9.
func (s *session) answer(now time.Time, w *wire, t SessionTimer, asked sessionExpires, peerKnows bool) {
	if t.Mode == SessionOff {
		return
	}
	interval, refresher := asked.interval, asked.refresher
	switch {
	case interval > 0:
		if t.Mode == SessionRequest {
			interval = min(interval, t.wanted())
		}
		interval = max(interval, t.least())
	case s.interval > 0: // a refresh that says nothing changes nothing
		interval, refresher = s.interval, "uac"
		if s.ours {
			refresher = "uas"
		}
	case t.Mode == SessionRequest:
		interval = t.wanted()
	default:
		return
	}
	if refresher == "" || !peerKnows {
		refresher = "uas"
		if peerKnows && t.Refresher == RefreshByPeer {
			refresher = "uac"
		}
	}
	w.str("Session-Expires: ", secs(interval), ";refresher=", refresher, "\r\n")
	if refresher == "uac" {
		w.line("Require", "timer")
	}
	s.start(now, interval, refresher == "uas")
}

// start begins a session interval: who refreshes does so at half of it, who
// does not ends the call a little before its end. RFC 4028 §10.
func (s *session) start(now time.Time, interval time.Duration, ours bool) {
	*s = session{interval: interval, least: s.least, ours: ours}
	if ours {
		s.refresh = now.Add(interval / 2)
	}
	s.expire = now.Add(interval - min(32*time.Second, interval/3))
}

// refusesSession refuses a request whose session interval is too short for us,
// and reports whether it did. RFC 4028 §9.
func (l *Leg) refusesSession(now time.Time, s *server, r *sipmsg.Request) bool {
	status, headers := l.ua.admitSession(r, &l.cfg)
	if status == 0 {
		return false
	}
	var w wire
	for _, h := range headers {
		w.line(h.Name, h.Value)
	}
	l.respondLines(now, s, status, Extra{}, nil, string(w.b))
	return true
}

// readSession notes what a refresh of the peer's says.
func (l *Leg) readSession(r *sipmsg.Request) {
	l.serving.asked = sessionExpires{}
	if v, ok := value(r, "session-expires"); ok {
		l.serving.asked, _ = parseSessionExpires(v)
		l.serving.timer = lists(r, "supported", "timer")
	}
}

// advanceSession refreshes the session, or ends it where nobody did.
func (l *Leg) advanceSession(now time.Time) {
	s := &l.session
	if due(now, s.expire) {
		l.release(now, Cause{Status: 408, Q850: 102, Text: "session timer expired"}, nil)
		return
	}
	if !due(now, s.refresh) {
		return
	}
	if l.offerOpen() || l.offer.waiting != nil {
		s.refresh = now.Add(time.Second) // what is under way refreshes as well
		return
	}
	s.refresh = time.Time{}
	l.sendRefresh(now)
}

// sendRefresh refreshes by UPDATE where the peer takes it, else by a re-INVITE
// with the session description that was sent last. RFC 4028 §10.
func (l *Leg) sendRefresh(now time.Time) {
	d := l.dialog
	if l.cfg.Update && d.update && !l.cfg.Session.Reinvite {
		l.request(now, &request{method: "UPDATE", dialog: d, lines: l.session.lines(), purpose: forRefresh})
		return
	}
	if len(l.offer.last) > 0 {
		l.offer.waiting, l.offer.tries = &offerOf{d, l.offer.last}, 0 // settle sends it
	}
}

// refreshResponded takes the final response to an UPDATE that refreshes.
func (l *Leg) refreshResponded(now time.Time, c *client, r *sipmsg.Response) {
	switch {
	case r.StatusCode < 300:
		l.session.agreed(now, r, l.cfg.Session)
	case r.StatusCode == 422:
		if l.session.lengthen(r) {
			l.sendRefresh(now)
		}
	case r.StatusCode == 405 || r.StatusCode == 501:
		c.req.dialog.update = false
		l.sendRefresh(now)
	case r.StatusCode == 491 || r.StatusCode == 500:
		l.session.refresh = now.Add(2*time.Second + time.Duration(below(200))*10*time.Millisecond)
	default:
		l.checkGone(now, r.StatusCode) // else it ends when nobody else refreshes
	}
}
