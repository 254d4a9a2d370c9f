package sip

import (
	"slices"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

func timerConfig(mode SessionMode, expires time.Duration) LegConfig {
	return LegConfig{Update: true, Session: SessionTimer{Mode: mode, Expires: expires}}
}

// RFC 4028: who refreshes, by what, and that the call lives on through it.
func TestSessionIsRefreshedByWhoIsToDoIt(t *testing.T) {
	for _, by := range []Refresher{RefreshByUs, RefreshByPeer} {
		for _, update := range []bool{true, false} {
			a, b := timerConfig(SessionRequest, 100*time.Second), timerConfig(SessionAccept, 0)
			a.Session.Refresher = by
			a.Update, b.Update = update, update
			p := newPair(t, a, b)
			p.up()
			refresher := p.leg
			if by == RefreshByPeer {
				refresher = p.b.leg
			}
			if !refresher.session.ours || refresher.session.refresh.Sub(p.now) != 50*time.Second {
				t.Fatalf("%s: session %+v, want a refresh at half the interval", by, refresher.session)
			}
			for range 10 {
				p.after(time.Minute)
				for _, s := range []*side{p.a, p.b} {
					for _, e := range s.took() {
						switch e := e.(type) {
						case Offered: // a refresh by re-INVITE is an offer like any other
							answerer := p.leg
							if s == p.b {
								answerer = p.b.leg
							}
							answerer.Accept(p.now, []byte(answerSDP))
							p.run()
						case OfferAnswered:
						default:
							t.Fatalf("%s, update %v: %#v", by, update, e)
						}
					}
				}
			}
			p.leg.Release(p.now, Normal())
			p.run()
			p.nothingLeft()
		}
	}
}

// F8: nobody refreshes any more. RFC 4028 §10.
func TestCallEndsWhenTheSessionIsNotRefreshed(t *testing.T) {
	c := answeredCallee(t, timerConfig(SessionRequest, 100*time.Second), "Session-Expires: 120;refresher=uas", "Require: timer")
	sentAt(c.side, c.leg, 87*time.Second)
	if len(c.took()) > 0 {
		t.Fatal("ended too early")
	}
	c.events = append(c.events, c.leg.Advance(t0.Add(88*time.Second))...)
	c.wantSent("the peer did not refresh: 32 s before the end of the interval", "BYE")
	if r := event[Released](c.side, "expired"); r.Cause.Status != 408 || r.Remote {
		t.Errorf("released %+v", r)
	}
}

// RFC 4028 §7.2: no Session-Expires in the 2xx, no timer.
func TestPeerWithoutSessionTimersGetsNone(t *testing.T) {
	c := answeredCallee(t, timerConfig(SessionRequest, 0))
	if !c.leg.session.due().IsZero() {
		t.Errorf("session %+v", c.leg.session)
	}
}

// RFC 4028 §7.4, §9.
func TestShortIntervalIsRefusedWith422AndAskedForAgain(t *testing.T) {
	a, b := timerConfig(SessionRequest, 90*time.Second), timerConfig(SessionAccept, 0)
	b.Session.MinSE = 200 * time.Second
	p := newPair(t, a, b)
	p.leg.Dial(p.now, outgoing(p.kind, addrB))
	p.b.arrive(p.now, p.a.take()[0].Raw, transport.UDP, p.a.net.local)
	refusal := p.b.wantSent("too short", "422")[0].Raw
	r, _ := parse(t, refusal).(*sipmsg.Response)
	if v, _ := value(r, "min-se"); v != "200" {
		t.Errorf("Min-SE %q", v)
	}
	p.a.arrive(p.now, refusal, transport.UDP, p.b.net.local)
	p.run()
	if p.b.leg == nil {
		t.Fatal("the INVITE did not come again")
	}
	p.b.leg.Answer(p.now, []byte(answerSDP), Extra{})
	p.run()
	if got := p.leg.session.interval; got != 200*time.Second {
		t.Errorf("interval %v", got)
	}
}

// RFC 4028 §9 table 2: what the UAS says.
func TestAnswerNamesTheRefresher(t *testing.T) {
	for _, c := range []struct {
		asked     string // Session-Expires of the INVITE
		supported bool
		mode      SessionMode
		by        Refresher
		want      string
		required  bool
	}{
		{"1800", true, SessionAccept, RefreshByUs, "1800;refresher=uas", false},
		{"1800", true, SessionAccept, RefreshByPeer, "1800;refresher=uac", true},
		{"1800;refresher=uac", true, SessionAccept, RefreshByUs, "1800;refresher=uac", true},
		{"1800;refresher=uas", true, SessionAccept, RefreshByPeer, "1800;refresher=uas", false},
		{"1800", false, SessionAccept, RefreshByPeer, "1800;refresher=uas", false},
		{"7200", true, SessionRequest, RefreshByUs, "600;refresher=uas", false},
		{"", true, SessionRequest, RefreshByUs, "600;refresher=uas", false},
		{"", true, SessionAccept, RefreshByUs, "", false},
		{"1800", true, SessionOff, RefreshByUs, "", false},
	} {
		cfg := timerConfig(c.mode, 600*time.Second)
		cfg.Session.Refresher = c.by
		s := newSide(t, addrB, cfg)
		var lines []string
		if c.asked != "" {
			lines = append(lines, "x: "+c.asked) // the compact form
		}
		if c.supported {
			lines = append(lines, "k: timer")
		}
		s.arrive(t0, rawInvite("call", "1", newBranch(), lines...), transport.UDP, mustAddr(addrA))
		s.leg.Answer(t0, []byte(answerSDP), Extra{})
		r, _ := parse(t, s.wantSent("answered", "100", "200")[1].Raw).(*sipmsg.Response)
		if got, _ := value(r, "session-expires"); got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
		if got := lists(r, "require", "timer"); got != c.required {
			t.Errorf("%+v: required %v", c, got)
		}
	}
}

// A peer that takes no UPDATE after all is refreshed by re-INVITE.
func TestRefreshFallsBackToReinvite(t *testing.T) {
	c := answeredCallee(t, timerConfig(SessionRequest, 100*time.Second),
		"Session-Expires: 100;refresher=uac", "Allow: INVITE, UPDATE")
	at := t0.Add(50 * time.Second)
	c.leg.Advance(at)
	update := c.lastRequest("half of the interval", "UPDATE")
	c.says(at, update, 405, "x", "")
	if r := c.lastRequest("the same offer", "INVITE"); string(r.Body()) != offerSDP {
		t.Errorf("offer %q", r.Body())
	}
}

// A refresh or an offer that the peer finds too short comes again with the
// interval it wants, and Min-SE: nobody hears of it. RFC 4028 §7.3, §7.4.
func TestRefreshComesAgainWithTheIntervalThePeerWants(t *testing.T) {
	for _, method := range []string{"UPDATE", "INVITE"} {
		cfg := timerConfig(SessionRequest, 100*time.Second)
		cfg.Session.Reinvite = method == "INVITE"
		c := answeredCallee(t, cfg, "Session-Expires: 100;refresher=uac", "Allow: INVITE, UPDATE")
		c.leg.Advance(t0.Add(50 * time.Second))
		c.refusesAsTooShort(method)
	}
	c := answeredCallee(t, timerConfig(SessionRequest, 100*time.Second), "Session-Expires: 100;refresher=uac")
	c.leg.Offer(t0, []byte(offerSDP))
	c.refusesAsTooShort("INVITE")
}

// refusesAsTooShort answers the request of that method with 422, and the one
// that follows with 200.
func (c *callee) refusesAsTooShort(method string) {
	c.t.Helper()
	at := t0.Add(50 * time.Second)
	c.says(at, c.lastRequest("due", method), 422, "x", "", "Min-SE: 600")
	if method == "INVITE" {
		sent := c.wantSent("refused, and again", "ACK", "INVITE")
		c.answersLonger(at, c.request(sent[1].Raw), answerSDP)
		c.wantSent("answered", "ACK")
		event[OfferAnswered](c.side, "the one answer that counts")
	} else {
		c.answersLonger(at, c.lastRequest("again", method), "")
	}
	if es := c.took(); len(es) > 0 {
		c.t.Errorf("%s: events %#v", method, es)
	}
	if got := c.leg.session.interval; got != 600*time.Second {
		c.t.Errorf("%s: interval %v", method, got)
	}
}

func (c *callee) answersLonger(at time.Time, r *sipmsg.Request, body string) {
	c.t.Helper()
	se, _ := value(r, "session-expires")
	least, _ := value(r, "min-se")
	if se != "600;refresher=uac" || least != "600" {
		c.t.Errorf("Session-Expires %q, Min-SE %q", se, least)
	}
	c.says(at, r, 200, "x", body, contactB, "Session-Expires: 600;refresher=uac")
}

// A 422 that asks for nothing longer is a refusal like another.
func TestTooShortWithoutALongerIntervalIsARefusal(t *testing.T) {
	c := answeredCallee(t, timerConfig(SessionRequest, 100*time.Second), "Session-Expires: 100;refresher=uac")
	c.leg.Offer(t0, []byte(offerSDP))
	c.says(t0, c.lastRequest("the offer", "INVITE"), 422, "x", "", "Min-SE: 90")
	c.wantSent("refused", "ACK")
	if e := event[OfferAnswered](c.side, "refused"); e.Cause.Status != 422 {
		t.Errorf("cause %+v", e.Cause)
	}
}

func TestTransferorIsToldHowTheCallGoes(t *testing.T) {
	p := newPair(t, LegConfig{}, LegConfig{Refer: true})
	p.up()
	rep := &Replaces{CallID: "abc@x", ToTag: "t;1", FromTag: "f=2"}
	p.leg.Refer(p.now, Address{URI: "sip:+15550111@192.0.2.9;user=phone"}, rep, "")
	p.run()
	e := event[Referred](p.b, "REFER came")
	if e.Target.URI != "sip:+15550111@192.0.2.9;user=phone" || e.ReferredBy == "" {
		t.Errorf("referred %+v", e)
	}
	if e.Replaces == nil || e.Replaces.CallID != "abc@x" {
		t.Errorf("replaces %+v", e.Replaces)
	}
	p.b.leg.AcceptRefer(p.now)
	p.b.leg.Notify(p.now, 180, "")
	p.b.leg.Notify(p.now, 200, "")
	p.run()
	got := p.a.took()
	want := []Event{ReferAnswered{Cause{202, 0, "Accepted"}}, Notified{100, "Trying", false}, Notified{180, "Ringing", false}, Notified{200, "OK", true}}
	if !slices.Equal(got, want) {
		t.Errorf("events\n%#v, want\n%#v", got, want)
	}
	p.b.leg.Notify(p.now, 486, "")
	p.run()
	if es := p.a.took(); len(es) > 0 {
		t.Errorf("after the end %#v", es)
	}
}

func TestReferIsRefusedWhereItIsNotAllowed(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "REFER", 1, "x", "", "Refer-To: <sip:a@192.0.2.9>")
	c.wantSent("not in Allow", "405")
	c = answeredCallee(t, LegConfig{Refer: true})
	for i, refer := range [][]string{
		{},
		{"Refer-To: <sip:a@b>", "Refer-To: <sip:c@d>"},
		{"Refer-To: <http://example.com>"},
		{"Refer-To: <sip:a@b?Replaces=nothing>"},
		{"Refer-To: <sip:a@b?X=1%0d%0aEvil%3A%201>"},
	} {
		c.asks(t0, "REFER", 2+i, "x", "", refer...)
		c.wantSent("bad Refer-To", "400")
	}
	if es := c.took(); len(es) > 0 {
		t.Errorf("events %#v", es)
	}
}

// A NOTIFY nobody asked for must not look like one that was.
func TestNotifyWithoutReferIsRefused(t *testing.T) {
	c := answeredCallee(t, LegConfig{})
	c.asks(t0, "NOTIFY", 1, "x", "SIP/2.0 200 OK", "Event: refer", "Subscription-State: terminated", "Content-Type: message/sipfrag")
	c.asks(t0, "NOTIFY", 2, "x", "", "Event: presence", "Subscription-State: active")
	c.wantSent("no subscription, no such event", "481", "489")
}

// One transfer at a time, from when it is asked for until its end is told.
func TestReferWhileOneIsOpenGets491(t *testing.T) {
	c := answeredCallee(t, LegConfig{Refer: true})
	refer := func(seq int) { c.asks(t0, "REFER", seq, "x", "", "Refer-To: <sip:a@192.0.2.9>") }
	refer(1)
	refer(2)
	c.wantSent("asked for", "491")
	c.leg.AcceptRefer(t0)
	refer(3)
	c.wantSent("under way", "202", "NOTIFY", "491")
}

// RFC 4488: no NOTIFY where none is wanted; bounded how often one call transfers.
func TestReferWithoutSubscriptionAndTooManyOfThem(t *testing.T) {
	c := answeredCallee(t, LegConfig{Refer: true})
	seq := 0
	refer := func() {
		seq++
		c.asks(t0, "REFER", seq, "x", "", "Refer-To: <sip:a@192.0.2.9>", "Refer-Sub: false")
	}
	for range maxRefers {
		refer()
		event[Referred](c.side, "REFER came")
		c.leg.AcceptRefer(t0)
		c.wantSent("accepted, no NOTIFY", "202")
	}
	refer()
	c.wantSent("enough", "603")
	if got := c.ua.Stats().Counters["refer.too_many"]; got != 1 {
		t.Errorf("counted %d", got)
	}
}
