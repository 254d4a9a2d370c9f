package sip

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// auth answers challenges with one set of credentials. It is used only on legs
// to the trunk that owns them, so that nobody else gets a digest to attack.
// RFC 3261 §22; RFC 7616; RFC 8760.
type auth struct {
	creds Credentials
	// server is of WWW-Authenticate, proxy of Proxy-Authenticate; nil: none yet.
	server, proxy *challenge
}

// A challenge is one we can answer, and how often we have.
type challenge struct {
	*digest.Challenge
	count int // nc
}

// maxChallenge bounds a challenge in bytes, maxChallenges their number.
const (
	maxChallenge  = 4096
	maxChallenges = 8
)

// challenged takes the challenges of a 401 or 407 and reports whether the
// request is worth sending again: there is one for us, and it is new.
func (a *auth) challenged(r *sipmsg.Response) bool {
	if a.creds.Username == "" {
		return false
	}
	name, slot := "www-authenticate", &a.server
	if r.StatusCode == 407 {
		name, slot = "proxy-authenticate", &a.proxy
	}
	best := strongest(values(r, name), a.creds.Realm)
	if best == nil {
		return false
	}
	// The same nonce, refused and not stale: the password is wrong.
	if old := *slot; old != nil && old.Nonce == best.Nonce && !best.Stale {
		return false
	}
	*slot = &challenge{Challenge: best}
	return true
}

// strongest returns the best challenge that we can answer, nil without one.
func strongest(headers []string, realm string) *digest.Challenge {
	var best *digest.Challenge
	for i, h := range headers {
		if i == maxChallenges {
			break
		}
		c := parseChallenge(h)
		if c == nil || realm != "" && c.Realm != realm {
			continue
		}
		if best == nil || strength(c.Algorithm) > strength(best.Algorithm) {
			best = c
		}
	}
	return best
}

// parseChallenge reads one challenge, nil if we cannot answer it. auth-int is
// not answered: it would bind us to bodies that proxies may change.
func parseChallenge(s string) *digest.Challenge {
	if len(s) > maxChallenge || !validValue(s) {
		return nil
	}
	c, err := digest.ParseChallenge(s)
	if err != nil || c.Nonce == "" || strength(c.Algorithm) == 0 {
		return nil
	}
	offered := c.QOP
	c.QOP = nil
	for _, q := range offered {
		if strings.EqualFold(strings.TrimSpace(q), "auth") {
			c.QOP = []string{"auth"}
		}
	}
	if len(offered) > 0 && c.QOP == nil {
		return nil
	}
	return c
}

// strength orders the algorithms; 0: not ours. RFC 8760 §2.
func strength(algorithm string) int {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return 1
	case "SHA-256":
		return 2
	case "SHA-512-256":
		return 3
	}
	return 0
}

// write adds the answers to what was asked, to this request and all after it.
func (a *auth) write(w *wire, method, uri string) {
	a.server.write(w, "Authorization", a.creds, method, uri)
	a.proxy.write(w, "Proxy-Authorization", a.creds, method, uri)
}

func (c *challenge) write(w *wire, name string, creds Credentials, method, uri string) {
	if c == nil || method == "ACK" || method == "CANCEL" { // RFC 3261 §22.1
		return
	}
	c.count++
	answer, err := digest.Digest(c.Challenge, digest.Options{
		Method: method, URI: uri, Count: c.count, Username: creds.Username, Password: creds.Password,
	})
	if err == nil {
		w.header(Header{name, answer.String()})
	}
}
