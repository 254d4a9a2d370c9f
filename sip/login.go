package sip

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A Login asks whoever sends INVITE or REGISTER for a name and a password, by
// digest. RFC 3261 §22.4; RFC 7616; RFC 8760.
type Login struct {
	// Realm is what they log in to.
	Realm string
	// Password returns the password of a user, and false if there is no such
	// user. It is called on the goroutines of the transport's readers.
	Password func(user string) (string, bool)
	// MD5 takes MD5 besides SHA-256, for phones that know no other, those in
	// browsers among them.
	MD5 bool
}

// The life of a nonce, and how many used ones are remembered.
const (
	nonceLife = 5 * time.Minute
	maxNonces = 1 << 14
)

// nonces makes nonces and takes each count of one once (RFC 7616 §3.4.5). A
// nonce carries its time and proves that we made it, so that asking costs
// nothing; only those used by somebody who knew a password are remembered.
// Safe for concurrent use.
type nonces struct {
	key [32]byte // set once

	mu sync.Mutex
	// Guarded by mu.
	used  map[string]usedNonce
	swept time.Time
	floor time.Time // older ones are stale
}

// A usedNonce is the highest count of a nonce that was taken, and which of the
// 64 below it were: requests may overtake one another.
type usedNonce struct {
	made   time.Time
	last   int
	window uint64
}

func newNonces() *nonces {
	n := &nonces{used: make(map[string]usedNonce)}
	_, _ = rand.Read(n.key[:]) // it does not fail (crypto/rand)
	return n
}

// fresh makes a nonce for a source.
func (n *nonces) fresh(now time.Time, from netip.Addr) string {
	var b [48]byte
	binary.BigEndian.PutUint64(b[:], uint64(now.UnixMilli()))
	_, _ = rand.Read(b[8:16]) // it does not fail (crypto/rand)
	copy(b[16:], n.sign(b[:16], from))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func (n *nonces) sign(b []byte, from netip.Addr) []byte {
	h := hmac.New(sha256.New, n.key[:])
	_, _ = h.Write(b)
	_, _ = h.Write(from.Unmap().AsSlice())
	return h.Sum(nil)
}

// made returns when we made a nonce for the source; false if we did not, or too
// long ago.
func (n *nonces) made(now time.Time, nonce string, from netip.Addr) (time.Time, bool) {
	b, err := base64.RawURLEncoding.DecodeString(nonce)
	if err != nil || len(b) != 48 || !hmac.Equal(b[16:], n.sign(b[:16], from)) {
		return time.Time{}, false
	}
	at := time.UnixMilli(int64(binary.BigEndian.Uint64(b)))
	return at, now.Sub(at) < nonceLife
}

// take uses a count of a nonce up; false if it was used before.
func (n *nonces) take(now time.Time, nonce string, made time.Time, count int) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	u, known := n.used[nonce]
	if !known {
		n.sweep(now)
		if !made.After(n.floor) {
			return false
		}
		u.made = made
	}
	switch ahead := count - u.last; {
	case ahead >= 64:
		u.window, u.last = 1, count
	case ahead > 0:
		u.window, u.last = u.window<<ahead|1, count
	case ahead > -64 && u.window>>-ahead&1 == 0:
		u.window |= 1 << -ahead
	default:
		return false
	}
	n.used[nonce] = u
	return true
}

// sweep forgets nonces that are stale anyway. Where there are too many that are
// not, all of them become so: their users are asked once more. n.mu is held.
func (n *nonces) sweep(now time.Time) {
	full := len(n.used) >= maxNonces
	if !full && now.Sub(n.swept) < time.Minute {
		return
	}
	n.swept = now
	var newest time.Time
	for k, u := range n.used {
		if u.made.After(newest) {
			newest = u.made
		}
		if now.Sub(u.made) >= nonceLife {
			delete(n.used, k)
		}
	}
	if len(n.used) >= maxNonces {
		clear(n.used)
		n.floor = newest
	}
}

// login returns the user that a request proves to come from, "" where nobody
// need log in. False: the request was answered with a challenge.
func (u *UA) login(now time.Time, l *Login, r *sipmsg.Request, in transport.Inbound) (user string, ok bool) {
	if l == nil {
		return "", true
	}
	stale := false
	for i, v := range values(r, "authorization") {
		if i == maxChallenges {
			break
		}
		var made bool
		if user, made, ok = u.proved(now, l, r, in, v); ok {
			return user, true
		}
		stale = stale || made
	}
	switch {
	case stale:
		u.counters.add(countLoginStale)
	case len(values(r, "authorization")) > 0:
		u.counters.add(countLoginWrong)
	}
	u.counters.add(countChallenged)
	u.refuse(now, r, in, 401, u.challenges(now, l, in, stale)...)
	return "", false
}

// challenges are the headers of a 401, the strongest first (RFC 8760 §2.4).
func (u *UA) challenges(now time.Time, l *Login, in transport.Inbound, stale bool) []Header {
	nonce := u.nonces.fresh(now, in.Flow.Remote.Addr())
	algorithms := []string{"SHA-256", "MD5"}
	if !l.MD5 {
		algorithms = algorithms[:1]
	}
	out := make([]Header, 0, len(algorithms))
	for _, a := range algorithms {
		v := `Digest realm=` + quote(l.Realm) + `, nonce="` + nonce + `", algorithm=` + a + `, qop="auth"`
		if stale {
			v += ", stale=true"
		}
		out = append(out, Header{"WWW-Authenticate", v})
	}
	return out
}

// proved checks credentials. Stale is set where all is right but the nonce,
// which is then asked for again without asking the user (RFC 7616 §3.3).
func (u *UA) proved(now time.Time, l *Login, r *sipmsg.Request, in transport.Inbound, v string) (user string, stale, ok bool) {
	c := parseCredentials(v)
	if c == nil || c.Realm != l.Realm || !sameURI(c.URI, uriString(&r.Recipient)) ||
		!strings.EqualFold(c.Algorithm, "SHA-256") && !(l.MD5 && (c.Algorithm == "" || strings.EqualFold(c.Algorithm, "MD5"))) {
		return "", false, false
	}
	// A user who does not exist costs as much as one whose password is wrong.
	password, known := l.Password(c.Username)
	want, err := digest.Digest(
		&digest.Challenge{Realm: l.Realm, Nonce: c.Nonce, Algorithm: c.Algorithm, QOP: []string{"auth"}},
		digest.Options{
			Method: string(r.Method), URI: c.URI, Count: c.Nc, Cnonce: c.Cnonce, Username: c.Username, Password: password,
		})
	if err != nil {
		return "", false, false
	}
	right := subtle.ConstantTimeCompare([]byte(want.Response), []byte(strings.ToLower(c.Response))) == 1
	if !right || !known || password == "" {
		return "", false, false
	}
	made, valid := u.nonces.made(now, c.Nonce, in.Flow.Remote.Addr())
	if !valid || !u.nonces.take(now, c.Nonce, made, c.Nc) {
		return "", true, false
	}
	return c.Username, false, true
}

// parseCredentials reads an Authorization header; nil if it is none we take.
// Without qop a request could be played again; auth-int would bind us to bodies
// that proxies may change.
func parseCredentials(v string) *digest.Credentials {
	if len(v) > maxChallenge || !validValue(v) {
		return nil
	}
	c, err := digest.ParseCredentials(v)
	if err != nil || c.QOP != "auth" || c.Cnonce == "" || c.Nonce == "" || c.Nc < 1 || c.Userhash {
		return nil
	}
	return c
}

// sameURI reports whether credentials are for the URI that was asked for
// (RFC 3261 §22.4 item 6): the same text, or the same user at the same host.
func sameURI(a, b string) bool {
	if a == b {
		return true
	}
	x, errX := ParseURI(a)
	y, errY := ParseURI(b)
	return errX == nil && errY == nil && x.Scheme == y.Scheme && x.User == y.User &&
		strings.EqualFold(x.Host, y.Host) && x.Port == y.Port
}
