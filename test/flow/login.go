package flow

import (
	"crypto/md5" // RFC 3261 §22.4 has it, and many phones know no other
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
)

// A login is what the word login says of the credentials of a request.
type login struct {
	user, password, algorithm string
	count                     int // nc; 0: one more than the last
}

// A challenge is what a peer was last asked for.
type challenge struct {
	realm, nonce string
	stale        bool
	algorithms   []string
	count        int // requests that it was answered in
}

// parseLogin reads USER:PASSWORD [with ALGORITHM] [count N].
func parseLogin(a *args) (*login, error) {
	l := &login{algorithm: "SHA-256"}
	var ok bool
	if l.user, l.password, ok = strings.Cut(a.next(), ":"); !ok {
		return nil, errors.New(`"login" wants USER:PASSWORD`)
	}
	if a.accept("with") {
		l.algorithm = a.next()
	}
	if a.accept("count") {
		var err error
		if l.count, err = a.number(); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// challenged remembers what a response asks for. A peer has one challenge at a
// time, as a phone has.
func (p *peer) challenged(m *message) {
	asked := m.all("WWW-Authenticate")
	if len(asked) == 0 {
		return
	}
	c := &challenge{}
	for _, v := range asked {
		c.realm, c.nonce = directive(v, "realm"), directive(v, "nonce")
		c.stale = strings.EqualFold(directive(v, "stale"), "true")
		c.algorithms = append(c.algorithms, directive(v, "algorithm"))
	}
	p.challenge = c
}

// directive is the value of one name in a challenge.
func directive(v, name string) string {
	_, v, _ = strings.Cut(v, " ")
	for part := range strings.SplitSeq(v, ",") {
		k, x, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(k, name) {
			return strings.Trim(x, `"`)
		}
	}
	return ""
}

// answer writes the Authorization of a request (RFC 7616 §3.4.1, with qop "auth").
func (c *challenge) answer(l *login, method, uri string) (string, error) {
	if c == nil {
		return "", errors.New("nobody has asked for a login")
	}
	sum := func(s string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(s))) }
	if l.algorithm == "MD5" {
		sum = func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	}
	count := l.count
	if count == 0 {
		c.count++
		count = c.count
	}
	const cnonce = "0a4f113b"
	nc := fmt.Sprintf("%08x", count)
	secret := sum(l.user + ":" + c.realm + ":" + l.password)
	response := sum(strings.Join([]string{secret, c.nonce, nc, cnonce, "auth", sum(method + ":" + uri)}, ":"))
	return fmt.Sprintf("Digest username=%q, realm=%q, nonce=%q, uri=%q, response=%q, algorithm=%s, cnonce=%q, qop=auth, nc=%s",
		l.user, c.realm, c.nonce, uri, response, l.algorithm, cnonce, nc), nil
}
