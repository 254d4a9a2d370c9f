package sbc

import (
	"errors"
	"sync"
	"time"

	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/registrar"
	"github.com/tandem-voip/tandem/sip/transport"
)

// PhonesConfig lets phones of a trunk register with us, and be called.
type PhonesConfig struct {
	// Enabled takes REGISTER on this trunk (RFC 3261 §10.3). A call to the trunk
	// then goes to the contacts that the number asked for is registered with, all
	// at once, over the connection each phone opened; 480 when there is none.
	Enabled bool
	// Expires is the longest a registration lasts before the phone must renew it.
	Expires time.Duration
	// Numbers bounds how many numbers may be registered at one time.
	Numbers int
}

func (p *PhonesConfig) validate(f *findings, key string) {
	if !p.Enabled {
		return
	}
	if p.Expires < time.Minute || p.Expires > 24*time.Hour {
		f.add(key+".expires", "%s is out of range; use 1m to 24h", p.Expires)
	}
	between(f, key+".numbers", p.Numbers, 1, 1_000_000)
}

// phones are the registrations of a trunk. They outlive a reload. Safe for
// concurrent use.
type phones struct {
	mu sync.Mutex
	// Guarded by mu.
	table *registrar.Table[transport.Flow]
}

func newPhones(c PhonesConfig) *phones {
	cfg := registrar.DefaultConfig()
	cfg.Max, cfg.Records = c.Expires, c.Numbers
	return &phones{table: registrar.New[transport.Flow](cfg)}
}

// phonesOf are the registrations of a trunk: those it had before a reload, none
// where it takes none.
func phonesOf(c PhonesConfig, was *Trunk) *phones {
	switch {
	case !c.Enabled:
		return nil
	case was != nil && was.phones != nil && was.cfg.Phones == c:
		return was.phones
	}
	return newPhones(c)
}

// Register implements sip.Registrar: phones of a trunk that takes registrations.
func (b *B2BUA) Register(now time.Time, r sip.Register) ([]sip.RegisterContact, error) {
	t := b.Dialplan().Trunks.Of(r.Flow)
	switch {
	case t == nil:
		return nil, sip.Refusal(403)
	case t.phones == nil:
		return nil, sip.Refusal(405)
	case b.draining.Load():
		return nil, sip.Refusal(503).WithText("Stopping")
	case r.User != "" && r.Record.User != escapeUser(r.User):
		return nil, sip.Refusal(403).WithText("Not your address") // RFC 3261 §10.3, step 4
	}
	return t.phones.register(now, r)
}

func (p *phones) register(now time.Time, r sip.Register) ([]sip.RegisterContact, error) {
	req := registrar.Request[transport.Flow]{Record: r.Record.User, CallID: r.CallID, Seq: r.Seq, All: r.All, Through: r.Flow}
	for _, c := range r.Contacts {
		req.Contacts = append(req.Contacts, registrar.Contact(c))
	}
	p.mu.Lock()
	bound, err := p.table.Register(now, req)
	p.mu.Unlock()
	var brief *registrar.BriefError
	switch {
	case errors.As(err, &brief):
		return nil, &sip.TooBriefError{Min: brief.Min}
	case errors.Is(err, registrar.ErrOrder):
		return nil, sip.Refusal(500).WithText("Out of order")
	case errors.Is(err, registrar.ErrFull):
		return nil, sip.Refusal(503).WithText("Too many registrations")
	case err != nil:
		return nil, sip.Refusal(400)
	}
	contacts := make([]sip.RegisterContact, 0, len(bound))
	for _, b := range bound {
		contacts = append(contacts, sip.RegisterContact{URI: b.URI, Expires: b.Until.Sub(now), Q: b.Q})
	}
	return contacts, nil
}

// lookup returns where a number is registered.
func (p *phones) lookup(now time.Time, number string) []registrar.Binding[transport.Flow] {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.table.Lookup(now, number)
}

// reached puts in place of each hop to a trunk of phones one hop for each
// contact the number is registered with, all of one group.
func (p Plan) reached(now time.Time) Plan {
	hops := make([]Hop, 0, len(p.Hops))
	for _, h := range p.Hops {
		if h.Trunk == nil || h.Trunk.phones == nil {
			hops = append(hops, h)
			continue
		}
		bound := h.Trunk.phones.lookup(now, h.Called)
		if len(bound) == 0 {
			h.absent = true
			hops = append(hops, h)
		}
		for i, b := range bound {
			phone := h
			f := b.Through
			phone.Target = b.URI
			phone.through = transport.Target{Kind: f.Kind, Addr: f.Remote, Host: f.Host, Listener: f.Listener, Conn: f.Conn}
			phone.WithNext = h.WithNext || i < len(bound)-1
			hops = append(hops, phone)
		}
	}
	p.Hops = hops
	return p
}
