package sbc

import (
	"time"

	"github.com/tandem-voip/tandem/media/dtmf"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// LegConfig is how a leg that faces the trunk behaves.
func (t *Trunk) LegConfig() sip.LegConfig {
	c := &t.cfg
	leg := sip.LegConfig{
		Peer:          c.Name,
		Listener:      c.Peer.Listener,
		ContactHost:   c.Peer.Domain,
		Credentials:   t.credentials(),
		Reliable:      reliableMode(c.Dialog.Reliable),
		HoldPRACK:     c.Dialog.ReliableRelay,
		Session:       sessionTimer(&c.Dialog),
		Update:        c.Dialog.Update,
		Refer:         c.Dialog.Refer != ReferRefuse,
		Replaces:      c.Dialog.Replaces,
		Symmetric:     c.Peer.Symmetric,
		DatagramLimit: c.Peer.Datagram,
		Answer:        c.Reroute.Timeout,
	}
	if c.Media.ICE == ICELite {
		leg.Info = []string{dtmf.InfoRelay, dtmf.InfoPlain, sdp.TypeFragment}
	}
	return leg
}

func (t *Trunk) credentials() sip.Credentials {
	a := &t.cfg.Auth
	return sip.Credentials{Username: a.Username, Password: a.Password.Reveal(), Realm: a.Realm}
}

func reliableMode(r Reliable) sip.Reliable {
	switch r {
	case ReliableSupported:
		return sip.ReliableSupported
	case ReliableUnannounced:
		return sip.ReliableSilent
	case ReliableRequired:
		return sip.ReliableRequired
	case ReliableIgnored:
		return sip.ReliableIgnored
	case ReliableOff:
	}
	return sip.ReliableOff
}

func sessionTimer(d *DialogConfig) sip.SessionTimer {
	s := sip.SessionTimer{Expires: d.Expires, MinSE: d.MinExpires, Reinvite: d.Refresh == RefreshInvite}
	switch d.Timer {
	case TimerOff:
		return sip.SessionTimer{}
	case TimerAccept:
		s.Mode = sip.SessionAccept
	case TimerUAC:
		s.Mode, s.Refresher = sip.SessionRequest, sip.RefreshByUs
	case TimerUAS:
		s.Mode, s.Refresher = sip.SessionRequest, sip.RefreshByPeer
	}
	return s
}

// pingTimeout is how long an OPTIONS may stay unanswered: four of its
// repetitions over UDP.
const pingTimeout = 8 * time.Second

// pingConfig is whom the monitor asks and how.
func (t *Trunk) pingConfig() sip.PingConfig {
	p := &t.cfg.Peer
	c := sip.PingConfig{
		RequestURI: "sip:" + joinHostPort(p.Host, p.Port), Timeout: pingTimeout, Leg: t.LegConfig(),
	}
	if p.Transport == TransportTLS || p.Transport == TransportTCP {
		c.RequestURI += ";transport=" + string(p.Transport)
	}
	if p.Domain != "" {
		c.From = "sip:" + joinHostPort(p.Domain, 0)
	}
	return c
}

// registrationConfig is what the monitor keeps registered.
func (t *Trunk) registrationConfig(random func() float64) sip.RegistrationConfig {
	r := &t.cfg.Register
	user, registrar := r.User, r.Registrar
	if user == "" {
		user = t.cfg.Auth.Username
	}
	if registrar == "" {
		registrar = joinHostPort(t.cfg.Peer.Host, 0)
	}
	host, _, _ := splitHostPort(registrar)
	contacts := make([]string, 0, max(1, len(r.Contacts)))
	for _, c := range r.Contacts {
		contacts = append(contacts, escapeUser(c))
	}
	if len(contacts) == 0 {
		contacts = append(contacts, escapeUser(user))
	}
	return sip.RegistrationConfig{
		Registrar: "sip:" + registrar,
		AOR:       "sip:" + escapeUser(user) + "@" + joinHostPort(host, 0),
		Contacts:  contacts,
		Expires:   max(r.Expires, time.Minute),
		Random:    random,
		Leg:       t.LegConfig(),
	}
}

// registrar is where registrations go.
func (t *Trunk) registrar() transport.Destination {
	d := t.Destination()
	if r := t.cfg.Register.Registrar; r != "" {
		d.Host, d.Port, _ = splitHostPort(r)
	}
	return d
}
