package sbc

import (
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sip"
)

// passRefer lets the other side do what a REFER asks for. A dialog that its
// target is to replace is none of ours: the target knows it.
func (c *Call) passRefer(now time.Time, s, stay *side, e sip.Referred) {
	c.depth++
	c.passing = s
	c.note(now, "REFER passed to "+stay.name)
	target := sip.Address{URI: stay.trunk.referTo(e.Target.URI, s.trunk)}
	stay.leg.Refer(now, target, e.Replaces, stay.trunk.referredBy(e.ReferredBy, s.trunk, stay.host))
}

// referTo writes the target of a REFER that came in on one trunk for the peer of
// another: the number as that one wants it, at its host. A URI without a user
// stays whole: its host is all that says who is meant.
func (t *Trunk) referTo(uri string, from *Trunk) string {
	user, _, named := userOf(uri)
	if !named {
		return uri
	}
	n, p := &t.cfg.Numbers, &t.cfg.Peer
	to := n.uri(from.cfg.Numbers.read(user), n.To, p.Host, p.Port)
	if u, err := sip.ParseURI(uri); err == nil && u.Scheme != "tel" && strings.HasPrefix(to, "sip:") {
		to += opaque(u.Params)
	}
	return to
}

// opaque are the parameters of a URI that mean something to its target alone:
// all but those that say how a request is made and where it goes, which concern
// the host they came with (RFC 3261 §19.1.1, RFC 5627 §4.1, RFC 5626 §4.2).
func opaque(params string) string {
	var out strings.Builder
	for p := range strings.SplitSeq(strings.TrimPrefix(params, ";"), ";") {
		name, _, _ := strings.Cut(p, "=")
		switch strings.ToLower(name) {
		case "", "transport", "maddr", "ttl", "lr", "method", "user", "gr", "ob":
			continue
		}
		out.WriteString(";" + p)
	}
	return out.String()
}

// referAnswered takes the answer to a REFER that was passed on.
func (c *Call) referAnswered(now time.Time, _ *side, e sip.ReferAnswered) {
	by := c.passing
	if by == nil || c.ending || by.lost {
		return
	}
	if e.Cause.Status < 300 {
		by.leg.AcceptRefer(now)
		return
	}
	c.passing = nil
	by.leg.RefuseRefer(now, e.Cause)
}

// notified passes on how a referred call goes.
func (c *Call) notified(now time.Time, _ *side, e sip.Notified) {
	by := c.passing
	if by == nil || c.ending || by.lost {
		return
	}
	if e.Status != 0 {
		by.leg.Notify(now, e.Status, e.Reason)
	}
	if e.Ended || e.Status >= 200 {
		c.passing = nil
	}
}
