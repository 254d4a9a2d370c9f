package sbc

import (
	"slices"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
)

// start takes the INVITE: is its offer one we can use, and whom to call.
func (c *Call) start(now time.Time) {
	if c.in.Replaces != nil {
		c.replace(now)
		return
	}
	if !c.begin(now) {
		return
	}
	c.search = newSearch(now, c.hops, c.config.Forks)
	c.next(now)
}

// begin opens the caller's media and looks at the offer. It reports whether the
// call can go on; if not, it has ended it.
func (c *Call) begin(now time.Time) bool {
	c.a.host = c.host()
	if len(c.in.Body) > 0 && !isSDP(c.in.ContentType) {
		c.refuse(now, sip.Refusal(415), sip.Header{Name: "Accept", Value: "application/sdp"})
		return false
	}
	offer, err := parseOffer(c.in.Body)
	if err == nil {
		c.a.fill = c.hops.silent()
		if err := c.a.open(now, c.b2b, c.wantsIPv6(offer)); err != nil {
			c.noMedia(now, err)
			return false
		}
		// A call that can never be joined is refused before anybody's phone rings.
		// Only the first description of a dialog can find nothing in common that
		// a later one would have.
		c.offers, err = c.a.probe(offer)
	}
	if err != nil {
		c.b2b.count.offersRefused.Add(1)
		c.refuse(now, refusalOf(err), warning(err))
		return false
	}
	if offer != nil {
		c.wanted = offered(offer)
	}
	return true
}

// parseOffer reads the offer of an INVITE; nil when it has none.
func parseOffer(body []byte) (*sdp.Description, error) {
	if len(body) == 0 {
		return nil, nil //nolint:nilnil // no offer is no error (RFC 3261 §13.2.1)
	}
	return sdp.Parse(body)
}

// isSDP reports whether a body is a session description (RFC 3261 §20.15).
func isSDP(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.TrimSpace(kind)
	return kind == "" || strings.EqualFold(kind, "application/sdp")
}

// wantsIPv6 is the address family of the caller's media: that of the offer, or
// of the signalling when there is none.
func (c *Call) wantsIPv6(offer *sdp.Description) bool {
	if offer != nil {
		if m := offer.Audio(); m != nil && m.Addr.IsValid() {
			return m.Addr.Is6() && !m.Addr.Is4In6()
		}
	}
	a := c.in.Flow.Remote.Addr().Unmap()
	return a.Is6()
}

// probe tells whether an answer to offer is possible, and which ways the offer
// lets audio go, seen from us.
func (x *exchange) probe(offer *sdp.Description) (sdp.Direction, error) {
	if offer == nil {
		return sdp.SendRecv, nil
	}
	_, agreed, err := sdp.Answer(offer, x.local)
	if err != nil {
		return sdp.SendRecv, err
	}
	return willing(offer.Audio(), agreed), nil
}

// refuse ends a call that was never more than its INVITE.
func (c *Call) refuse(now time.Time, cause sip.Cause, headers ...sip.Header) {
	c.release(now, c.a, cause, headers...)
	c.end(now, cause, byGateway)
}

// noMedia ends a call for which no endpoint could be opened.
func (c *Call) noMedia(now time.Time, err error) {
	c.b2b.count.noMedia.Add(1)
	c.log.Warn("no media endpoint", "err", err)
	c.refuse(now, sip.Refusal(503).WithText("No media port"), c.b2b.retryAfter())
}

// answerBody returns our answer to the caller's offer, which is made once: what
// a provisional response said the 200 repeats (RFC 3261 §13.2.1). First are the
// codecs of the called side, so that nothing need be recoded. Where the INVITE
// had no offer, it is our offer.
func (c *Call) answerBody(now time.Time, first ...codec.Params) ([]byte, error) {
	a := c.a
	if a.answer != nil {
		return a.answer, nil
	}
	if len(c.in.Body) == 0 {
		a.answer = a.propose(sdp.SendRecv, first...)
		a.wantsSDP = true
		return a.answer, nil
	}
	body, _, err := a.respond(a.dialog, c.in.Body, sdp.SendRecv, first...)
	if err != nil {
		return nil, err
	}
	a.answer = body
	c.applied(now, a, a.dialog)
	return body, nil
}

// early lets a called side be heard before the answer, by the caller or the side
// that stays in a transfer, unless another is heard already: the first whose media
// arrives is (RFC 3960 §3.1; with forks of one target the endpoint decides, among
// targets we do).
func (c *Call) early(now time.Time, s *side) {
	q := c.search
	if c.ending || q == nil || !slices.Contains(q.sides, s) {
		return
	}
	if q.heard == nil || !q.heard.latched && s.latched {
		q.heard = s
	}
	if s.latched && q.heard == s {
		c.record.EarlyMedia = c.record.EarlyMedia || q.transfer == nil
		c.say(now, s, q.ringing.heard(), nil)
	}
}

// say sends the caller a provisional response. A side that stays in a transfer
// cannot be sent one, and is let hear what a caller would.
func (c *Call) say(now time.Time, s *side, p progress, headers []sip.Header) {
	if q := c.search; q.transfer != nil {
		q.open = q.open || p.sdp
		q.rings = q.rings || p.status == 180
		return
	}
	if p.status == 0 || c.a.joined {
		return
	}
	var body []byte
	// Without an offer in the INVITE ours may only be in a reliable response, and
	// once (RFC 3262 §5); where there is none it waits for the 200.
	if p.sdp && (len(c.in.Body) > 0 || c.reliable() && c.a.answer == nil) {
		b, err := c.answerBody(now, s.uses()...)
		if err != nil {
			c.note(now, "no answer to the caller's offer: "+err.Error())
			c.end(now, refusalOf(err), byGateway)
			return
		}
		body = b
	}
	c.tell(now, p.status, body, headers)
}

// reliable reports whether our provisional responses to the caller are made
// reliable (RFC 3262 §3).
func (c *Call) reliable() bool {
	switch c.origin.cfg.Dialog.Reliable {
	case ReliableOff, ReliableIgnored:
		return false
	case ReliableUnannounced:
		return slices.Contains(c.in.Require, "100rel")
	case ReliableSupported, ReliableRequired:
	}
	return slices.Contains(c.in.Supported, "100rel") || slices.Contains(c.in.Require, "100rel")
}
