package sip

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"

	"github.com/tandem-voip/tandem/sip/transport"
)

// A guarded is a side where users must log in: alice with the password "secret".
type guarded struct{ *binding }

func newGuarded(t testing.TB, md5 bool) *guarded {
	t.Helper()
	g := &guarded{&binding{side: newSide(t, addrB, LegConfig{})}}
	login := &Login{Realm: "tandem", MD5: md5, Password: func(user string) (string, bool) {
		if user == "alice" {
			return "secret", true
		}
		return "", user == "empty"
	}}
	g.peers = func(transport.Flow) (Peer, bool) { return Peer{Name: "trunk", Login: login}, true }
	g.ua.Handle(g.binding)
	return g
}

// challenge sends a REGISTER without credentials and returns what is asked.
func (g *guarded) challenge(now time.Time, from netip.AddrPort) []*digest.Challenge {
	g.t.Helper()
	g.arrive(now, rawRequest("REGISTER"), transport.UDP, from)
	var out []*digest.Challenge
	for _, v := range values(g.answer("without credentials", 401), "www-authenticate") {
		c, err := digest.ParseChallenge(v)
		if err != nil {
			g.t.Fatalf("challenge %q: %v", v, err)
		}
		out = append(out, c)
	}
	return out
}

// credentials answers a challenge, for the URI that is asked for.
func credentials(t testing.TB, c *digest.Challenge, method, user, password string, count int) string {
	t.Helper()
	return credentialsFor(t, "sip:+15550100@192.0.2.2", c, method, user, password, count)
}

func credentialsFor(t testing.TB, uri string, c *digest.Challenge, method, user, password string, count int) string {
	t.Helper()
	a, err := digest.Digest(c, digest.Options{
		Method: method, URI: uri, Count: count, Username: user, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: " + a.String()
}

// register sends a REGISTER with credentials and wants the status.
func (g *guarded) register(now time.Time, why string, status int, lines ...string) (stale bool) {
	g.t.Helper()
	g.got = Register{}
	g.arrive(now, rawRequest("REGISTER", lines...), transport.UDP, mustAddr(addrA))
	r := g.answer(why, status)
	v, _ := value(r, "www-authenticate")
	if status == 200 && g.got.User != "alice" {
		g.t.Errorf("%s: user %q, want alice", why, g.got.User)
	}
	return strings.Contains(v, "stale=true")
}

// The password opens the door, for REGISTER and for INVITE, and nothing else
// does (RFC 3261 §22.4, RFC 7616).
func TestLoginTakesTheRightPasswordAlone(t *testing.T) {
	g := newGuarded(t, false)
	c := g.challenge(t0, mustAddr(addrA))
	if len(c) != 1 || c[0].Algorithm != "SHA-256" || !c[0].SupportsQOP("auth") {
		t.Fatalf("asked %+v, want SHA-256 alone", c)
	}
	g.register(t0, "the password", 200, credentials(t, c[0], "REGISTER", "alice", "secret", 1))
	for _, bad := range []struct {
		why  string
		line string
	}{
		{"another password", credentials(t, c[0], "REGISTER", "alice", "Secret", 2)},
		{"nobody", credentials(t, c[0], "REGISTER", "bob", "secret", 2)},
		{"a user without a password", credentials(t, c[0], "REGISTER", "empty", "", 2)},
		{"for another method", credentials(t, c[0], "INVITE", "alice", "secret", 2)},
		{"for another URI", credentialsFor(t, "sip:x@192.0.2.2", c[0], "REGISTER", "alice", "secret", 2)},
		{"another realm", credentials(t, &digest.Challenge{Realm: "x", Nonce: c[0].Nonce, Algorithm: "SHA-256", QOP: []string{"auth"}}, "REGISTER", "alice", "secret", 2)},
		{"without qop", credentials(t, &digest.Challenge{Realm: "tandem", Nonce: c[0].Nonce, Algorithm: "SHA-256"}, "REGISTER", "alice", "secret", 2)},
		{"MD5 where it is not taken", credentials(t, &digest.Challenge{Realm: "tandem", Nonce: c[0].Nonce, QOP: []string{"auth"}}, "REGISTER", "alice", "secret", 2)},
		{"nonsense", "Authorization: Digest ,,,="},
		{"another scheme", "Authorization: Basic YWxpY2U6c2VjcmV0"},
		{"too long", "Authorization: Digest username=\"" + strings.Repeat("a", 5000) + "\""},
	} {
		if g.register(t0, bad.why, 401, bad.line) {
			t.Errorf("%s: called stale, which would hide that it is wrong", bad.why)
		}
	}
	g.arrive(t0, rawRequest("INVITE", credentials(t, c[0], "INVITE", "alice", "secret", 3), "Content-Type: application/sdp"), transport.UDP, mustAddr(addrA))
	if g.leg == nil || g.invite.User != "alice" {
		t.Errorf("the INVITE of alice came as %+v", g.invite)
	}
}

// An INVITE without credentials makes no call.
func TestInviteWithoutLoginMakesNoCall(t *testing.T) {
	g := newGuarded(t, true)
	g.arrive(t0, rawRequest("INVITE"), transport.UDP, mustAddr(addrA))
	r := g.answer("without credentials", 401)
	if g.leg != nil || g.ua.Stats().Legs != 0 {
		t.Error("a leg was made")
	}
	if vs := values(r, "www-authenticate"); len(vs) != 2 || !strings.Contains(vs[0], "SHA-256") || !strings.Contains(vs[1], "MD5") {
		t.Errorf("asked %q, want the stronger first (RFC 8760 §2.4)", vs)
	}
}

// S7: credentials work once; what is played again, or of a nonce that is old,
// made elsewhere or for another address, is stale.
func TestCredentialsWorkOnce(t *testing.T) {
	g := newGuarded(t, true)
	c := g.challenge(t0, mustAddr(addrA))[0]
	answer := func(n int) string { return credentials(t, c, "REGISTER", "alice", "secret", n) }
	first := answer(1)
	g.register(t0, "first", 200, first)
	if !g.register(t0, "played again", 401, first) {
		t.Error("played again: not called stale")
	}
	g.register(t0, "out of order", 200, answer(5))
	g.register(t0, "overtaken", 200, answer(3))
	if !g.register(t0, "overtaken, and again", 401, answer(3)) {
		t.Error("a count between was taken twice")
	}
	g.register(t0, "far ahead", 200, answer(500))
	if !g.register(t0, "far behind", 401, answer(400)) {
		t.Error("far behind: not called stale")
	}
	if !g.register(t0.Add(nonceLife), "after its life", 401, answer(501)) {
		t.Error("an old nonce: not called stale")
	}
	elsewhere := newGuarded(t, true).challenge(t0, mustAddr(addrA))[0]
	if !g.register(t0, "made elsewhere", 401, credentials(t, elsewhere, "REGISTER", "alice", "secret", 1)) {
		t.Error("another's nonce: not called stale")
	}
	moved := g.challenge(t0, mustAddr("203.0.113.9:5060"))[0]
	if !g.register(t0, "from another address", 401, credentials(t, moved, "REGISTER", "alice", "secret", 1)) {
		t.Error("a nonce for another address: not called stale")
	}
}

// Asking costs nothing that lasts, and what is remembered is bounded: beyond it
// everybody is asked once more.
func TestNoncesAreBounded(t *testing.T) {
	g := newGuarded(t, true)
	for range 1000 {
		g.challenge(t0, mustAddr(addrA))
	}
	if n := len(g.ua.nonces.used); n != 0 {
		t.Errorf("%d nonces are remembered that nobody used", n)
	}
	n := newNonces()
	a := netip.MustParseAddr("192.0.2.1")
	for i := range maxNonces + 10 {
		now := t0.Add(time.Duration(i) * time.Millisecond)
		nonce := n.fresh(now, a)
		made, ok := n.made(now, nonce, a)
		if !ok || !n.take(now.Add(time.Microsecond), nonce, made, 1) {
			t.Fatalf("nonce %d was not taken", i)
		}
		if n.take(now, nonce, made, 1) {
			t.Fatalf("nonce %d was taken twice", i)
		}
		if len(n.used) > maxNonces {
			t.Fatalf("%d nonces are remembered", len(n.used))
		}
	}
}

// Whatever stands in Authorization, it is answered, and opens nothing.
func FuzzAuthorization(f *testing.F) {
	for _, s := range []string{
		`Digest username="alice", realm="tandem", nonce="n", uri="sip:+15550100@192.0.2.2", response="0", qop=auth, nc=00000001, cnonce="c"`,
		`Digest`, `Digest ,`, `Digest a=,b="`, `Digest nc=zz`, `Basic x`, strings.Repeat("Digest ", 100),
	} {
		f.Add(s)
	}
	g := newGuarded(f, true)
	f.Fuzz(func(t *testing.T, v string) {
		if !validValue(v) {
			return // the transport lets no such message through
		}
		g.got = Register{}
		m := parse(t, rawRequest("REGISTER"))
		m.AppendHeader(sipmsg.NewHeader("Authorization", v))
		flow := transport.Flow{Kind: transport.UDP, Remote: mustAddr(addrA), Local: g.net.local}
		g.ua.Receive(t0, transport.Inbound{Msg: m, Flow: flow, Reply: flow, Size: len(v)})
		if g.got.User != "" {
			t.Fatalf("%q opened the door for %s", v, g.got.User)
		}
		if out := g.take(); len(out) != 1 || !strings.HasPrefix(string(out[0].Raw), "SIP/2.0 401") {
			t.Fatalf("%q was answered by %d messages", v, len(out))
		}
	})
}
