package sip

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// dialing is what a UAC keeps of its INVITE until the final response.
type dialing struct {
	invite  Invite
	base    *dialog // what INVITEs are written in: no tag, our CSeq
	request *request
	client  *client // the transaction with the target being tried
	next    int     // index of the target after that one
	err     error   // why the INVITE could not be sent to the target being tried

	deadline time.Time // the call is given up
	silence  time.Time // the target is given up if it has not said anything
	rung     bool      // it has said more than 100
	settled  bool      // a final response has been taken

	minSE time.Duration // what a 422 asked for
	short int           // how often

	cancel    bool // the call wants no answer any more
	cancelled bool // CANCEL is sent
	headers   []Header
	until     time.Time // no final response to the cancelled INVITE. RFC 3261 §9.1
}

func (d *dialing) due() time.Time {
	return earlier(earlier(d.deadline, d.silence), d.until)
}

// defaultRing is how long an INVITE may ring. RFC 3261 §16.6 step 11.
const defaultRing = 180 * time.Second

// Dial sends an INVITE. Call it once, first, on a leg of NewLeg.
// RFC 3261 §13.2.
func (l *Leg) Dial(now time.Time, in Invite) {
	if l.uas || l.phase != idle || l.released {
		return
	}
	l.phase = inviting
	l.local, l.remote = in.From.String(), in.To.String()
	if l.local == "" || l.remote == "" || !validURI(in.RequestURI) {
		l.end(now, Released{Cause: Refusal(484).WithText("an address that cannot be written")})
		l.settle(now)
		return
	}
	if !l.ua.table.add(l.entry) {
		l.ua.counters.add(countTableFull)
		l.end(now, Released{Cause: Refusal(503).WithText("too many legs")})
		l.settle(now)
		return
	}
	if in.Timeout == 0 {
		in.Timeout = defaultRing
	}
	l.dial = dialing{
		invite: in, base: &dialog{target: in.RequestURI}, deadline: now.Add(in.Timeout),
		minSE: l.cfg.Session.least(),
	}
	l.tryTarget(now, Refusal(503).WithText("no target"), 0)
	l.settle(now)
}

// tryTarget sends the INVITE to the next target, having given up the last one
// for why. Where there is none left, that is why the call fails.
// RFC 3263 §4.3.
func (l *Leg) tryTarget(now time.Time, why Cause, after time.Duration) {
	d := &l.dial
	if d.client != nil {
		d.client.resend = time.Time{} // it is given up; what it may still say is answered
	}
	for d.next < len(d.invite.Targets) {
		if d.next > 0 {
			l.ua.counters.add(countTargetFailed)
			l.emit(now, TargetFailed{Target: d.invite.Targets[d.next-1], Cause: why, RetryAfter: after, Err: d.err})
		}
		t := d.invite.Targets[d.next]
		d.next++
		d.err = nil
		f := t.Flow()
		if l.cfg.Listener != "" && f.Listener == "" {
			f.Listener = l.cfg.Listener
		}
		d.base.flow, d.rung = f, false
		l.newInvite()
		if d.client = l.request(now, d.request); d.client != nil {
			l.entry.moved(t.Addr.Addr())
			d.silence = time.Time{}
			if l.cfg.Answer > 0 {
				d.silence = now.Add(l.cfg.Answer)
			}
			return
		}
		why, after = Refusal(503).WithText("transport: cannot send"), 0
	}
	d.client, d.settled = nil, true
	l.end(now, Released{Cause: why, RetryAfter: after})
	d.stop()
}

// stop ends the timers of the INVITE.
func (d *dialing) stop() { d.deadline, d.silence, d.until = time.Time{}, time.Time{}, time.Time{} }

// newInvite makes the request that the INVITE is written from.
func (l *Leg) newInvite() {
	in := &l.dial.invite
	var w wire
	l.session.ask(&w, &l.cfg, l.dial.minSE)
	if l.cfg.Reliable == ReliableRequired {
		w.line("Require", "100rel")
	}
	for _, t := range in.Supported {
		w.header(Header{"Supported", t})
	}
	for _, t := range in.Require {
		w.header(Header{"Require", t})
	}
	if in.Replaces != nil {
		w.header(Header{"Replaces", in.Replaces.String()})
		w.line("Require", "replaces") // RFC 3891 §4
	}
	if in.ReferredBy != "" {
		w.header(Header{"Referred-By", in.ReferredBy})
	}
	l.dial.request = &request{
		method: "INVITE", dialog: l.dial.base, headers: in.Headers, lines: string(w.b),
		contentType: in.ContentType, body: in.Body, purpose: forCall, forwards: in.MaxForwards,
	}
	l.offer.last = in.Body
}

// invited takes a response to the INVITE of Dial.
func (l *Leg) invited(now time.Time, c *client, r *sipmsg.Response, in *transport.Inbound) {
	if r.StatusCode >= 200 {
		l.uncancel(c.branch)
	}
	if c != l.dial.client && (r.StatusCode < 200 || r.StatusCode >= 300) {
		l.abandoned(now, c, r)
		return
	}
	switch {
	case r.StatusCode < 200:
		l.dial.silence = time.Time{}
		if l.dial.cancel {
			l.sendCancel(now, c)
			return
		}
		l.provisional(now, c, r, in)
	case r.StatusCode < 300:
		l.answered(now, c, r, in)
	default:
		l.ackRefusal(now, c, r)
		l.refused(now, c, r)
	}
}

// abandoned takes what a target says that was given up for its silence.
func (l *Leg) abandoned(now time.Time, c *client, r *sipmsg.Response) {
	if r.StatusCode >= 300 {
		l.ackRefusal(now, c, r)
		return
	}
	if !c.req.cancelled {
		c.req.cancelled = true
		l.sendCancelOf(now, c)
	}
}

// provisional takes a response from 100 to 199 of the target being tried.
func (l *Leg) provisional(now time.Time, c *client, r *sipmsg.Response, in *transport.Inbound) {
	e := Progressed{Status: r.StatusCode, Reason: r.Reason}
	if r.StatusCode == 100 || l.dial.settled {
		if !l.dial.settled {
			l.emit(now, e)
		}
		return
	}
	l.dial.rung = true
	e.Headers = kept(r)
	e.ContentType, e.Body = bodyOf(r)
	if tag := tagOf(r.To().Params); tag != "" {
		d := l.fork(r, in, tag)
		if d == nil {
			l.ua.counters.add(countForks)
			return
		}
		e.Dialog = tag
		if r.StatusCode == 199 {
			l.dropDialog(d)
			l.emit(now, DialogEnded{Dialog: tag, Cause: reasonOf(r, 199)})
			return
		}
		if !l.reliably(now, c, r, d, &e) {
			return
		}
	}
	l.emit(now, e)
}

// fork returns the early dialog of a tag, made if it is new. RFC 3261 §12.1.2,
// §13.2.2.1. nil: there are too many.
func (l *Leg) fork(r *sipmsg.Response, in *transport.Inbound, tag string) *dialog {
	d := l.dialogOf(tag)
	if d == nil {
		if len(l.dialogs) >= l.ua.cfg.MaxForks {
			return nil
		}
		d = &dialog{tag: tag, target: l.dial.base.target, localSeq: l.dial.base.localSeq}
		l.dialogs = append(l.dialogs, d)
		d.routes = routesOf(r, true)
		d.retarget(r.Contact())
		l.point(d, in.Flow)
	}
	if lists(r, "allow", "UPDATE") {
		d.update = true
	}
	return d
}

// refused takes a final response of 300 or more.
func (l *Leg) refused(now time.Time, c *client, r *sipmsg.Response) {
	d := &l.dial
	if d.settled {
		return
	}
	if !d.cancel && l.retryInvite(now, c, r) {
		return
	}
	cause := reasonOf(r, r.StatusCode)
	// §4.3: only what says that the server cannot, and nobody behind it has
	// been heard; all else is an answer.
	if r.StatusCode == 503 && !d.rung && !d.cancel && d.next < len(d.invite.Targets) {
		l.tryTarget(now, cause, retryAfter(r))
		return
	}
	d.settled = true
	d.stop()
	if r.StatusCode < 400 && !d.cancel {
		l.emit(now, Redirected{Status: r.StatusCode, Contacts: contactsOf(r), Headers: kept(r)})
	}
	l.end(now, Released{
		Cause: cause, Remote: true, Status: r.StatusCode, RetryAfter: retryAfter(r), Headers: kept(r),
	})
}

// retryInvite sends the INVITE again where the refusal says how it would do.
func (l *Leg) retryInvite(now time.Time, c *client, r *sipmsg.Response) bool {
	d := &l.dial
	switch r.StatusCode {
	case 401, 407: // RFC 3261 §22.2
		if c.req.answers >= maxAnswers || !l.auth.challenged(r) {
			return false
		}
		c.req.answers++
	case 422: // RFC 4028 §7.4
		v, _ := value(r, "min-se")
		least, ok := seconds(v)
		if !ok || least > maxSession || d.short >= 2 || l.cfg.Session.Mode == SessionOff {
			return false
		}
		d.minSE = max(d.minSE, least)
		d.short++
		answers := c.req.answers
		l.newInvite()
		d.request.answers = answers
	default:
		return false
	}
	if n := l.requestBy(now, d.request, c.flow); n != nil {
		d.client, d.rung = n, false
		return true
	}
	return false
}

// maxAnswers bounds the challenges answered for one request: one, one that is
// stale, and one of a proxy behind.
const maxAnswers = 3

// advanceDial gives up what takes too long.
func (l *Leg) advanceDial(now time.Time) {
	d := &l.dial
	if due(now, d.silence) {
		d.silence = time.Time{}
		if c := d.client; c != nil && !c.heard {
			l.tryTarget(now, Refusal(408).WithText("target is silent"), 0)
		}
	}
	if due(now, d.deadline) {
		d.deadline = time.Time{}
		if !d.settled && !d.cancel {
			l.release(now, Cause{Status: 408, Q850: 19, Text: "No answer"}, nil)
		}
	}
	if due(now, d.until) {
		d.until = time.Time{} // §9.1: cancelled, whatever the peer thinks
		if d.client != nil && d.client.open() {
			d.client.end()
		}
	}
}

// due reports whether t has come; zero never does.
func due(now, t time.Time) bool { return !t.IsZero() && !now.Before(t) }

// contactsOf returns the contacts of a redirection, best first. RFC 3261 §8.1.3.4.
func contactsOf(r *sipmsg.Response) []Contact {
	var out []Contact
	for _, h := range r.Headers() {
		c, ok := h.(*sipmsg.ContactHeader)
		if !ok || c.Address.Wildcard || len(out) == maxContacts {
			continue
		}
		a := Address{Display: unescape(c.DisplayName), URI: uriString(&c.Address)}
		if !validURI(a.URI) {
			continue
		}
		q := 1.0
		if v, ok := c.Params.Get("q"); ok {
			if f, err := strconv.ParseFloat(v, 64); err == nil && f >= 0 && f <= 1 {
				q = f
			}
		}
		out = append(out, Contact{Address: a, Q: q})
	}
	slices.SortStableFunc(out, func(x, y Contact) int { return cmp.Compare(y.Q, x.Q) })
	return out
}

// maxContacts bounds the contacts read from one response.
const maxContacts = 16
