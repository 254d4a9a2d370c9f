package sbc

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/config/secret"
	"github.com/tandem-voip/tandem/sip/transport"
)

// TrunkConfig is one trunk: a peer we exchange calls with. Begin with
// [DefaultTrunk] or [ProfileTrunk] and change what differs; in a configuration
// file the profile's values stand for whatever the trunk leaves out.
type TrunkConfig struct {
	// Name is what routes, limits, records and logs call the trunk: letters,
	// digits, "-", "_" and ".", at most 64.
	Name string
	// Profile names the preset the other keys start from: generic, twilio,
	// telnyx, vonage, bandwidth, teams or acs. docs/profiles.md lists what each
	// sets. A profile is a starting point taken from what the peer publishes; it
	// is not a certification.
	Profile Profile
	// Disabled takes the trunk out of use: its calls are refused as a
	// stranger's are and routes pass over it.
	Disabled bool

	// Peer says where the trunk is and how it is recognised.
	Peer PeerConfig
	// Auth answers the peer's digest challenges (RFC 3261 §22). A challenge is
	// answered on this trunk only, and for its realm only if one is given.
	Auth AuthConfig
	// Login asks the peer's own requests for a password.
	Login LoginConfig
	// Register keeps us registered with the peer.
	Register RegisterConfig
	// Phones lets phones of the trunk register with us.
	Phones PhonesConfig
	// Options watches the trunk by OPTIONS requests.
	Options OptionsConfig
	// Reroute says when a call that failed here goes to the next target.
	Reroute RerouteConfig
	// Limits bound the trunk's calls.
	Limits TrunkLimits
	// Dialog is the SIP the peer speaks.
	Dialog DialogConfig
	// Ringback says what the caller is told and hears while this trunk rings.
	Ringback RingbackConfig
	// Media is the audio: codecs, digits, latch.
	Media MediaConfig
	// Security protects the media.
	Security SecurityConfig
	// Numbers says how telephone numbers are written to and read from the peer.
	Numbers NumbersConfig
	// Identity says how callers are named to the peer, and whether its own word
	// for them is taken.
	Identity IdentityConfig
	// Headers says which other headers pass.
	Headers HeadersConfig
}

// PeerConfig is where a trunk is.
type PeerConfig struct {
	// Addresses are the sources its requests come from: addresses and ranges
	// such as 192.0.2.10 or 198.51.100.0/24. The longest prefix that holds a
	// source decides whose it is. With none, only requests from the addresses
	// Host names literally are its.
	Addresses []string
	// Listener is the name of the listener requests to it leave by; empty takes
	// the first that fits. With transport ws or wss it is also how the trunk is
	// recognised, since nobody knows the addresses of browsers: whoever may open
	// that listener is on this trunk, unless another trunk has his address. Guard
	// it by the listener's origins, and by login.
	Listener string
	// Host is where requests to it go: a name, found by RFC 3263, or an address.
	// It also stands in the Request-URI. Empty: the trunk only calls us.
	Host string
	// Port is the port there. 0 lets DNS say, then 5060, or 5061 for TLS; with
	// a port SRV records are not asked for (RFC 3263 §4.2).
	Port uint16
	// Transport is udp, tcp, tls, ws or wss; empty lets DNS choose (RFC 3263
	// §4.1), then udp.
	Transport Transport
	// Proxy is the host, with or without a port, that requests are sent to
	// instead of Host, which then only stands in the Request-URI (an outbound
	// proxy). Empty sends them to Host.
	Proxy string
	// Domain is the host we call ourselves by in From, Contact and identity
	// headers: our name, which the peer must be able to reach. Empty uses the
	// advertised address of the listener. Teams and ACS demand a name that our
	// certificate bears.
	Domain string
	// Names are the TLS names whose holder is this trunk when it connects to us
	// with a certificate, exactly or with one label "*". With Names, over TLS the
	// source address alone does not make it this trunk (RFC 5922 §7).
	Names []string
	// Cleartext lets the source address alone make it this trunk where no TLS is
	// spoken, though Names or a transport of tls or wss is given. An address is
	// forged easily over UDP; set it only where the network in between keeps
	// strangers from doing so.
	Cleartext bool
	// TLS names the profile of the transport section that connections to it are
	// opened with: our certificate, the authorities we trust. Empty is "default".
	TLS string
	// ServerName is the name its certificate must bear, in place of Host.
	ServerName string
	// KeepAlive is the time between two empty datagrams (CRLF) that keep a NAT
	// open before a peer over UDP. 0 sends none. Connections have a keep-alive of
	// their own in the transport section.
	KeepAlive time.Duration
	// KeepAliveSTUN sends STUN binding requests instead, for peers that want them
	// (RFC 5626 §3.5.2). What they answer is counted and has no effect.
	KeepAliveSTUN bool
	// Symmetric sends requests in a dialog to where the peer's last one came
	// from, whatever its Contact says; for peers behind NAT.
	Symmetric bool
	// Datagram is how large a request over UDP may be in bytes before TCP is
	// used for it (RFC 3261 §18.1.1). 0 is 1300.
	Datagram int
}

// A Transport names what carries SIP.
type Transport string

// The transports.
const (
	TransportAny Transport = ""
	TransportUDP Transport = "udp"
	TransportTCP Transport = "tcp"
	TransportTLS Transport = "tls"
	TransportWS  Transport = "ws"
	TransportWSS Transport = "wss"
)

// AuthConfig is a digest user and password.
type AuthConfig struct {
	// Username is the user a challenge is answered with. Empty answers none.
	Username string
	// Password is the secret; password_file names a file that holds it.
	Password secret.String
	// Realm is the only realm a challenge is answered for. Empty answers the
	// peer's whatever it calls itself.
	Realm string
}

// RegisterConfig keeps a registration with the peer (RFC 3261 §10).
type RegisterConfig struct {
	// Enabled registers.
	Enabled bool
	// Registrar is the host to register with, with or without a port. Empty
	// uses Host of the peer.
	Registrar string
	// User is the user part of the address-of-record. Empty uses the username of
	// Auth.
	User string
	// Contacts are the user parts of the contacts to register, the most preferred
	// first. Empty registers one, with User.
	Contacts []string
	// Expires is what is asked for. The registrar may shorten it, and lengthen
	// it by 423 (RFC 3261 §10.2.8).
	Expires time.Duration
}

// OptionsConfig watches a trunk (RFC 3261 §11).
type OptionsConfig struct {
	// Interval is the time between two OPTIONS requests. 0 sends none, and none
	// are sent to a trunk without a host.
	Interval time.Duration
	// Down is how many failures in a row take the trunk down, Up how many
	// answers in a row bring it back.
	Down int
	Up   int
	// Codes are the statuses that count as an answer. Empty counts all but 408,
	// 500 and above: any other shows that a SIP element listens there.
	Codes []int
}

// RerouteConfig says when the next target is tried.
type RerouteConfig struct {
	// Codes are the final statuses after which a call goes to the next target.
	// Silence (408) and transport errors (503) are among them only if 408 and
	// 503 are. A status from 600 on never leads to another target (RFC 3261
	// §21.6), nor does one that means no.
	Codes []int
	// Timeout is how long the peer may take for its first answer of any kind, 100
	// included, before it counts as silent. 0 waits for Timer B, 32 s.
	Timeout time.Duration
	// RetryAfter keeps calls away from the trunk for as long as a 503 of it says,
	// at most five minutes (RFC 3261 §21.5.4).
	RetryAfter bool
}

// TrunkLimits bound a trunk's calls. 0 means no limit.
type TrunkLimits struct {
	// Calls bounds the calls of both directions at one time; CallsIn and
	// CallsOut those from the peer and those to it.
	Calls    int
	CallsIn  int
	CallsOut int
	// Rate bounds new calls of both directions per second; RateIn and RateOut
	// each direction. Fractions are possible; a burst of one second's worth, at
	// least one call, may come at once.
	Rate    float64
	RateIn  float64
	RateOut float64
}

func (t *TrunkConfig) validate(f *findings, key string) {
	if !isName(t.Name) {
		f.add(key+".name", "%q is not a name; use 1 to 64 letters, digits, \"-\", \"_\" or \".\"", t.Name)
	}
	oneOf(f, key+".profile", t.Profile, Profiles()...)
	t.Peer.validate(f, key+".peer")
	if _, err := netip.ParseAddr(t.Peer.Domain); t.cloud() && (t.Peer.Domain == "" || err == nil) {
		f.add(key+".peer.domain", "is no name; give the one our certificate bears, which the peer looks for in Contact")
	}
	if t.Peer.KeepAlive > 0 && t.Options.Interval == 0 && !t.Register.Enabled {
		f.add(key+".peer.keep_alive", "needs options.interval or register: it goes where these found the trunk")
	}
	t.Auth.validate(f, key+".auth")
	t.Login.validate(f, key+".login")
	t.Register.validate(f, key+".register", t)
	t.Phones.validate(f, key+".phones")
	t.Options.validate(f, key+".options")
	t.Reroute.validate(f, key+".reroute")
	t.Limits.validate(f, key+".limits")
	t.Dialog.validate(f, key+".dialog")
	t.Ringback.validate(f, key+".ringback")
	t.Media.validate(f, key+".media")
	t.Security.validate(f, key+".security", t.Peer.Transport)
	t.Numbers.validate(f, key+".numbers")
	t.Identity.validate(f, key+".identity")
	t.Headers.validate(f, key+".headers")
}

// cloud reports whether the peer knows us by the host in Contact alone.
func (t *TrunkConfig) cloud() bool { return t.Profile == ProfileTeams || t.Profile == ProfileACS }

// isName reports whether s may name a trunk or a route.
func isName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("-_.", r)
	}) < 0
}

func (p *PeerConfig) validate(f *findings, key string) {
	for i, a := range p.Addresses {
		if _, err := parsePrefix(a); err != nil {
			f.add(fmt.Sprintf("%s.addresses[%d]", key, i), "%q is neither an address nor a range; write 192.0.2.10 or 192.0.2.0/24", a)
		}
	}
	if len(p.Addresses) == 0 && !p.byListener() && p.Host == "" && len(p.Names) == 0 {
		f.add(key, "says neither where the trunk is nor whom it is known by; give host, addresses, names or listener")
	}
	for k, h := range map[string]string{"host": p.Host, "domain": p.Domain} {
		if h != "" && !isHost(h) {
			f.add(key+"."+k, "%q is not a host; use a name or an address without a port", h)
		}
	}
	if p.Proxy != "" && !isHostPort(p.Proxy) {
		f.add(key+".proxy", "%q is not a host with or without a port", p.Proxy)
	}
	if p.Proxy != "" && p.Host == "" {
		f.add(key+".proxy", "stands without a host for the Request-URI; give host")
	}
	oneOf(f, key+".transport", p.Transport,
		TransportAny, TransportUDP, TransportTCP, TransportTLS, TransportWS, TransportWSS)
	for i, n := range p.Names {
		if !isHost(strings.TrimPrefix(n, "*.")) {
			f.add(fmt.Sprintf("%s.names[%d]", key, i), "%q is not a TLS name; write sbc.example.com or *.example.com", n)
		}
	}
	if !isPlain(p.TLS) || !isPlain(p.Listener) {
		f.add(key, "names a TLS profile or listener with control characters")
	}
	if p.ServerName != "" && !isHost(p.ServerName) {
		f.add(key+".server_name", "%q is not a host name", p.ServerName)
	}
	if p.KeepAlive != 0 && (p.KeepAlive < time.Second || p.KeepAlive > time.Hour) {
		f.add(key+".keep_alive", "%s is out of range; use 1s to 1h, or 0 for none", p.KeepAlive)
	}
	if p.KeepAliveSTUN && p.KeepAlive == 0 {
		f.add(key+".keep_alive_stun", "needs keep_alive, the time between two")
	}
	if p.Datagram != 0 {
		between(f, key+".datagram", p.Datagram, 512, 65000)
	}
}

// byListener reports whether the trunk is recognised by its listener.
func (p *PeerConfig) byListener() bool {
	return p.Listener != "" && (p.Transport == TransportWS || p.Transport == TransportWSS)
}

// byAddress reports whether the source address alone is proof enough of the
// trunk on a flow of that kind. Where a certificate could be asked for, or TLS
// at least, an address without it is none: over UDP it can be forged.
func (p *PeerConfig) byAddress(k transport.Kind) bool {
	named := len(p.Names) > 0
	if k.Secure() {
		return !named
	}
	return p.Cleartext || !named && !p.secure()
}

// secure reports whether the trunk's own transport is an encrypted one.
func (p *PeerConfig) secure() bool { return p.Transport == TransportTLS || p.Transport == TransportWSS }

// validatePeers finds two trunks that claim the same source.
func (c Config) validatePeers(f *findings) {
	prefixes := make(map[netip.Prefix]string)
	others := make(map[string]string)
	claim := func(key, what, name string) {
		if other, taken := others[what]; taken {
			f.add(key, "%s is claimed by trunk %s as well; a source belongs to one trunk", what, other)
		}
		others[what] = name
	}
	for i := range c.Trunks {
		t := &c.Trunks[i]
		if t.Disabled {
			continue
		}
		key := fmt.Sprintf("trunks[%d].peer", i)
		for j, a := range t.Peer.Addresses {
			p, err := parsePrefix(a)
			if err != nil {
				continue // said above
			}
			if other, taken := prefixes[p]; taken && len(t.Peer.Names) == 0 {
				f.add(fmt.Sprintf("%s.addresses[%d]", key, j), "%s belongs to trunk %s already; a source belongs to one trunk", p, other)
			}
			prefixes[p] = t.Name
		}
		for j, n := range t.Peer.Names {
			claim(fmt.Sprintf("%s.names[%d]", key, j), "name "+strings.ToLower(n), t.Name)
		}
		if t.Peer.byListener() {
			claim(key+".listener", "listener "+t.Peer.Listener, t.Name)
		}
	}
}

func (a *AuthConfig) validate(f *findings, key string) {
	if a.Username == "" && !a.Password.Empty() {
		f.add(key+".username", "is missing beside a password")
	}
	for k, v := range map[string]string{"username": a.Username, "realm": a.Realm} {
		if !isPlain(v) {
			f.add(key+"."+k, "holds a control character or is longer than 256 bytes")
		}
	}
}

func (r *RegisterConfig) validate(f *findings, key string, t *TrunkConfig) {
	if !r.Enabled {
		return
	}
	if r.Registrar == "" && t.Peer.Host == "" {
		f.add(key+".registrar", "is missing and the peer has no host; give one of them")
	}
	if r.Registrar != "" && !isHostPort(r.Registrar) {
		f.add(key+".registrar", "%q is not a host with or without a port", r.Registrar)
	}
	if r.User == "" && t.Auth.Username == "" {
		f.add(key+".user", "is missing and auth has no username; give one of them")
	}
	if len(r.Contacts) > maxContacts {
		f.add(key+".contacts", "are more than %d", maxContacts)
	}
	for i, c := range r.Contacts {
		if !isUser(c) {
			f.add(fmt.Sprintf("%s.contacts[%d]", key, i), "%q cannot be the user part of a URI", c)
		}
	}
	if r.Expires < time.Minute || r.Expires > 24*time.Hour {
		f.add(key+".expires", "%s is out of range; use 1m to 24h", r.Expires)
	}
}

// maxContacts bounds the contacts of one registration.
const maxContacts = 8

func (o *OptionsConfig) validate(f *findings, key string) {
	if o.Interval == 0 {
		return
	}
	if o.Interval < time.Second || o.Interval > time.Hour {
		f.add(key+".interval", "%s is out of range; use 1s to 1h, or 0 for none", o.Interval)
	}
	between(f, key+".down", o.Down, 1, 100)
	between(f, key+".up", o.Up, 1, 100)
	statuses(f, key+".codes", o.Codes, 200, 699)
}

func (r *RerouteConfig) validate(f *findings, key string) {
	// RFC 3261 §21.6: nobody else is to be tried after a 6xx.
	statuses(f, key+".codes", r.Codes, 300, 599)
	if r.Timeout < 0 || r.Timeout > 32*time.Second {
		f.add(key+".timeout", "%s is out of range; use up to 32s, or 0 for that", r.Timeout)
	}
}

func (l *TrunkLimits) validate(f *findings, key string) {
	if min(l.Calls, l.CallsIn, l.CallsOut) < 0 {
		f.add(key, "a number of calls is negative; use 0 for no limit")
	}
	if min(l.Rate, l.RateIn, l.RateOut) < 0 {
		f.add(key, "a rate is negative; use 0 for no limit")
	}
}

// statuses finds fault with statuses outside low to high or said twice.
func statuses(f *findings, key string, codes []int, low, high int) {
	for i, c := range codes {
		between(f, fmt.Sprintf("%s[%d]", key, i), c, low, high)
		if slices.Index(codes, c) != i {
			f.add(fmt.Sprintf("%s[%d]", key, i), "%d is there twice", c)
		}
	}
}
