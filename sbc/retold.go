package sbc

import (
	"github.com/tandem-voip/tandem/sip"
)

// retold writes a URI that came in on one trunk for another: the same number as
// the other wants it, at our host there, without what else was in it. It is
// empty if the URI names nobody. A redirection and a Referred-By pass so from
// one side of a call to the other, and nothing of the side with them.
func (t *Trunk) retold(uri string, from *Trunk, host string) string {
	user, _, ok := userOf(uri)
	if !ok {
		return ""
	}
	return t.cfg.Numbers.uri(from.cfg.Numbers.read(user), t.cfg.Numbers.To, host, 0)
}

// referredBy writes the value of a Referred-By that came in on one trunk for
// another. Back to the trunk itself it goes as it came, since its parameters
// mean something there (RFC 3892 §2.1; Teams and ACS look for theirs).
func (t *Trunk) referredBy(value string, from *Trunk, host string) string {
	if value == "" || from == nil || from.Name() == t.Name() {
		return value
	}
	a, err := sip.ParseAddress(value)
	if err != nil {
		return ""
	}
	uri := t.retold(a.URI, from, host)
	if uri == "" {
		return ""
	}
	return sip.Address{URI: uri}.String()
}
