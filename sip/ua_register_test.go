package sip

import (
	"testing"
	"time"

	"github.com/tandem-voip/tandem/sip/transport"
)

// binding is a Handler that is a Registrar as well.
type binding struct {
	*side
	got   Register
	bound []RegisterContact
	err   error
}

func (b *binding) Register(_ time.Time, r Register) ([]RegisterContact, error) {
	b.got = r
	return b.bound, b.err
}

// RFC 3261 §10.3.
func TestRegisterGoesToTheRegistrar(t *testing.T) {
	b := &binding{side: newSide(t, addrB, LegConfig{})}
	b.ua.Handle(b)
	register := func(lines ...string) {
		b.arrive(t0, rawRequest("REGISTER", lines...), transport.UDP, mustAddr(addrA))
	}
	b.bound = []RegisterContact{{URI: "sip:a@192.0.2.1", Expires: time.Minute}}
	register("Contact: <sip:a@192.0.2.1>;expires=60;q=0.5", "Contact: <sip:b@192.0.2.1>", "Expires: 120")
	r := b.answer("bound", 200)
	if v, _ := value(r, "contact"); v != "<sip:a@192.0.2.1>;expires=60" {
		t.Errorf("Contact %q", v)
	}
	want := []RegisterContact{{"sip:a@192.0.2.1", time.Minute, 500}, {"sip:b@192.0.2.1", 2 * time.Minute, 1000}}
	if len(b.got.Contacts) != 2 || b.got.Contacts[0] != want[0] || b.got.Contacts[1] != want[1] || b.got.Record.User != "b" {
		t.Errorf("asked %+v", b.got)
	}
	register("Contact: *", "Expires: 0")
	b.answer("all", 200)
	if !b.got.All {
		t.Errorf("asked %+v", b.got)
	}
	b.err = &TooBriefError{Min: time.Hour}
	register("Contact: <sip:a@192.0.2.1>;expires=1")
	if v, _ := value(b.answer("too brief", 423), "min-expires"); v != "3600" {
		t.Errorf("Min-Expires %q", v)
	}
	b.err = Refusal(403)
	register()
	b.answer("refused", 403)
	b.err = errNet
	register()
	b.answer("broken", 500)
}
