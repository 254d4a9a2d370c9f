package sbc

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// phoneTrunk takes registrations of alice and bob.
func phoneTrunk() TrunkConfig {
	return namedTrunk("phones", "", func(c *TrunkConfig) {
		c.Peer.Addresses = []string{"192.0.2.0/24"}
		c.Phones = PhonesConfig{Enabled: true, Expires: time.Hour, Numbers: 10}
		c.Login.Users = []UserConfig{
			{Name: "alice", Password: secret.New("a")}, {Name: "+15550100222", Password: secret.New("b")},
		}
	})
}

// Who has logged in calls as himself, whatever his From says, and may still hide.
func TestLoggedInUserCallsAsHimself(t *testing.T) {
	trunk := one(t, phoneTrunk())
	in := invite("P-Asserted-Identity: <sip:+15550100000@x>")
	in.User = "+15550100222"
	want := Caller{Number: "+15550100222", Display: "Alice", Asserted: "+15550100222"}
	if got := readCaller(in, trunk); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	hidden := anonymousInvite()
	hidden.User = "+15550100222"
	if got := readCaller(hidden, trunk); !got.Private || got.Number != "+15550100222" {
		t.Errorf("hidden: %+v", got)
	}
}

// S12: who has logged in registers himself and nobody else (RFC 3261 §10.3).
func TestLoggedInUserRegistersHimselfAlone(t *testing.T) {
	c := DefaultConfig()
	c.Trunks = []TrunkConfig{phoneTrunk()}
	b := &B2BUA{}
	b.setup.Store(&setup{plan: ready(t, c)})
	register := func(user, record string) error {
		u, err := sip.ParseURI("sip:" + record + "@gw.example.com")
		if err != nil {
			t.Fatal(err)
		}
		_, err = b.Register(t0, sip.Register{
			Record: u, CallID: record, Seq: 1, User: user,
			Contacts: []sip.RegisterContact{{URI: "sip:x@192.0.2.9", Expires: time.Hour}},
			Flow:     transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.9:5060")},
		})
		return err
	}
	if err := register("alice", "alice"); err != nil {
		t.Errorf("alice as alice: %v", err)
	}
	if err := register("+15550100222", "+15550100222"); err != nil {
		t.Errorf("a number as itself: %v", err)
	}
	var cause sip.Cause
	if err := register("alice", "bob"); !errors.As(err, &cause) || cause.Status != 403 {
		t.Errorf("alice as bob: %v, want 403", err)
	}
	peer, ok := b.Peer(transport.Flow{Kind: transport.UDP, Remote: netip.MustParseAddrPort("192.0.2.9:5060")})
	if !ok || peer.Login == nil {
		t.Fatal("nobody is asked to log in")
	}
	if p, known := peer.Login.Password("alice"); p != "a" || !known {
		t.Error("the password of alice is not known")
	}
	if _, known := peer.Login.Password("carol"); known {
		t.Error("carol is known")
	}
}

// Users that cannot log in, or twice, are found in the configuration.
func TestLoginMistakesAreFound(t *testing.T) {
	for key, u := range map[string][]UserConfig{
		"trunks[0].login.users[0].name":     {{Name: "", Password: secret.New("x")}},
		"trunks[0].login.users[0].password": {{Name: "alice"}},
		"trunks[0].login.users[1].name":     {{Name: "a", Password: secret.New("x")}, {Name: "a", Password: secret.New("x")}},
	} {
		c := DefaultConfig()
		c.Trunks = []TrunkConfig{phoneTrunk()}
		c.Trunks[0].Login.Users = u
		if err := c.Validate(); !found(err, key) {
			t.Errorf("%s is not found in %v", key, err)
		}
	}
}
