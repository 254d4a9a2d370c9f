package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Config is the transport section.
type Config struct {
	// Listeners are the sockets SIP is spoken on. A change needs a restart.
	Listeners []ListenerConfig
	// Profiles are the TLS certificates and rules listeners and trunks refer to
	// by name. A reload takes them up, and their files are read again when they
	// change; connections that are open go on.
	Profiles []Profile
	// Gate limits what strangers may send. A reload takes it up.
	Gate GateConfig
	// Streams limits TCP, TLS and WebSocket connections. A change needs a restart.
	Streams StreamConfig
	// DNS says how next hops are looked up. A change needs a restart.
	DNS DNSConfig
}

// ListenerConfig is one socket.
type ListenerConfig struct {
	// Name is what trunks and logs call it. It is unique.
	Name string
	// Transport is "udp", "tcp", "tls", "ws" or "wss".
	Transport string
	// Address is the address and port to bind, "192.0.2.1:5060", "[::]:5060".
	// Port 0 lets the system choose.
	Address string
	// Advertise is the host name or address put in Via and Contact, with a port
	// if it differs from the bound one. Empty means the bound address; it is
	// needed behind NAT and where Address is 0.0.0.0 or [::].
	Advertise string
	// Profile names the TLS profile of "tls" and "wss". Empty is "default".
	Profile string
	// Origins are the web origins that may open a WebSocket here, such as
	// "https://phone.example.com"; "*" lets any. Empty lets only clients that
	// send no Origin, hence no browser. RFC 7118 §5.1, RFC 6455 §10.2.
	Origins []string
}

// A Profile is a certificate and what we ask of the other side's. TLS is 1.2 at
// least. RFC 5922; RFC 3261 §26.3.1.
type Profile struct {
	// Name is what listeners and trunks call it; "default" serves those that
	// name none.
	Name string
	// Certificate and Key are PEM files: the chain, and the private key. A
	// listener needs them; a client shows them if asked.
	Certificate string
	Key         string
	// CA is a PEM file of the authorities we trust. Empty means the system's.
	CA string
	// ServerName is the name asked of a server and looked for in its
	// certificate. Empty means the host of the trunk.
	ServerName string
	// ClientAuth says whether a listener asks for a certificate: "none",
	// "optional" (shown ones are verified) or "required". Empty is "none".
	ClientAuth string
	// Wildcards lets "*.example.com" in the certificate of a server stand for
	// one label. RFC 5922 §7.2 forbids it for SIP, yet some clouds are certified
	// so (RFC 2818 §3.1).
	Wildcards bool
	// MinVersion is "1.2" or "1.3". Empty is "1.2".
	MinVersion string
	// Insecure accepts any certificate of a server. Only for tests in a lab.
	Insecure bool
}

// GateConfig limits messages and new connections of sources that no trunk names.
// The sources of trunks have a share of their own that strangers cannot use up.
type GateConfig struct {
	// Rate and Burst bound the messages per second of one stranger (one IPv4
	// address or one IPv6 /64).
	Rate  float64
	Burst int
	// TotalRate and TotalBurst bound those of all strangers together.
	TotalRate  float64
	TotalBurst int
	// KnownRate and KnownBurst bound the messages per second of one trunk's
	// source. 0 means no bound.
	KnownRate  float64
	KnownBurst int
	// Sources bounds the table of strangers. Beyond it those not seen lately are
	// forgotten and only TotalRate still holds them.
	Sources int
}

// StreamConfig limits stream connections.
type StreamConfig struct {
	// MaxConnections bounds the connections of all listeners together, and
	// MaxPerSource those of one address.
	MaxConnections int
	MaxPerSource   int
	// HeaderTimeout is how long a message may take from its first octet to the
	// end of its header, and again to the end of its body, and how long a
	// handshake may take.
	HeaderTimeout time.Duration
	// IdleTimeout closes a connection on which nothing arrives. A ping counts.
	IdleTimeout time.Duration
	// DialTimeout bounds opening a connection, handshakes included.
	DialTimeout time.Duration
	// WriteTimeout is how long a write may stall before the connection is closed.
	WriteTimeout time.Duration
	// Queue bounds the messages waiting to be written to one connection.
	Queue int
	// PingInterval is how often a CRLF ping (a WebSocket ping on WS) is sent on
	// connections we opened, and on WebSockets we accepted. 0 means never.
	// RFC 5626 §4.4.1; RFC 7118 §6.
	PingInterval time.Duration
}

// DNSConfig says how names are looked up. RFC 3263.
type DNSConfig struct {
	// Servers are the name servers, "192.0.2.53" or "192.0.2.53:53", asked in
	// order. Empty means those of /etc/resolv.conf.
	Servers []string
	// Hosts is a file of addresses and names, as /etc/hosts has them. A name that
	// is there is not looked up in the DNS. The file is read again when it has
	// changed. Empty means none.
	Hosts string
	// Timeout bounds one question to one server.
	Timeout time.Duration
	// MinTTL and MaxTTL bound how long an answer is used, whatever it says.
	MinTTL time.Duration
	MaxTTL time.Duration
	// Stale is how long beyond its time the last good answer is used while the
	// servers do not answer. 0 means not at all.
	Stale time.Duration
	// Concurrent bounds the lookups in flight.
	Concurrent int
	// Names bounds the cache.
	Names int
}

// DefaultConfig is a configuration without listeners; all else is set.
func DefaultConfig() Config {
	return Config{
		Gate: GateConfig{
			Rate: 50, Burst: 100,
			TotalRate: 2000, TotalBurst: 4000,
			Sources: 65536,
		},
		Streams: StreamConfig{
			MaxConnections: 4096, MaxPerSource: 256,
			HeaderTimeout: 10 * time.Second,
			IdleTimeout:   10 * time.Minute,
			DialTimeout:   5 * time.Second,
			WriteTimeout:  10 * time.Second,
			Queue:         256,
			PingInterval:  30 * time.Second,
		},
		DNS: DNSConfig{
			Hosts:   "/etc/hosts",
			Timeout: 2 * time.Second,
			MinTTL:  time.Second, MaxTTL: time.Hour,
			Stale:      10 * time.Minute,
			Concurrent: 256, Names: 4096,
		},
	}
}

// Validate reports everything that is wrong, each finding with its key.
func (c Config) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	names := map[string]bool{}
	for i, l := range c.Listeners {
		key := fmt.Sprintf("listeners[%d]", i)
		if l.Name == "" || names[l.Name] {
			bad("%s.name: %q must be given and unique", key, l.Name)
		}
		names[l.Name] = true
		errs = append(errs, c.validateListener(key, l)...)
	}
	profiles := map[string]bool{}
	for i, p := range c.Profiles {
		key := fmt.Sprintf("profiles[%d]", i)
		if p.Name == "" || profiles[p.Name] {
			bad("%s.name: %q must be given and unique", key, p.Name)
		}
		profiles[p.Name] = true
		errs = append(errs, p.validate(key)...)
	}
	positive := func(key string, ok bool) {
		if !ok {
			bad("%s: must be greater than zero", key)
		}
	}
	positive("gate.rate", c.Gate.Rate > 0)
	positive("gate.burst", c.Gate.Burst > 0)
	positive("gate.total_rate", c.Gate.TotalRate > 0)
	positive("gate.total_burst", c.Gate.TotalBurst > 0)
	positive("gate.sources", c.Gate.Sources > 0)
	positive("streams.max_connections", c.Streams.MaxConnections > 0)
	positive("streams.max_per_source", c.Streams.MaxPerSource > 0)
	positive("streams.header_timeout", c.Streams.HeaderTimeout > 0)
	positive("streams.idle_timeout", c.Streams.IdleTimeout > 0)
	positive("streams.dial_timeout", c.Streams.DialTimeout > 0)
	positive("streams.write_timeout", c.Streams.WriteTimeout > 0)
	positive("streams.queue", c.Streams.Queue > 0)
	positive("dns.timeout", c.DNS.Timeout > 0)
	positive("dns.max_ttl", c.DNS.MaxTTL > 0)
	positive("dns.concurrent", c.DNS.Concurrent > 0)
	positive("dns.names", c.DNS.Names > 0)
	for i, s := range c.DNS.Servers {
		if _, err := serverAddr(s); err != nil {
			bad("dns.servers[%d]: %q is not an address or address:port", i, s)
		}
	}
	return errors.Join(errs...)
}

func (c Config) validateListener(key string, l ListenerConfig) []error {
	var errs []error
	kind, ok := ParseKind(l.Transport)
	if !ok {
		errs = append(errs, fmt.Errorf("%s.transport: %q is not udp, tcp, tls, ws or wss", key, l.Transport))
	}
	addr, err := netip.ParseAddrPort(l.Address)
	if err != nil {
		errs = append(errs, fmt.Errorf("%s.address: %q is not address:port, like 192.0.2.1:5060", key, l.Address))
	}
	if _, _, err := splitAdvertise(l.Advertise); err != nil {
		errs = append(errs, fmt.Errorf("%s.advertise: %q is not host or host:port", key, l.Advertise))
	}
	if err == nil && addr.Addr().IsUnspecified() && l.Advertise == "" {
		errs = append(errs, fmt.Errorf("%s.advertise: must be given where address is %s", key, addr.Addr()))
	}
	if kind.Secure() {
		i := slices.IndexFunc(c.Profiles, func(p Profile) bool { return p.Name == profileName(l.Profile) })
		if i < 0 || c.Profiles[i].Certificate == "" {
			errs = append(errs, fmt.Errorf("%s.profile: no profile %q with a certificate", key, profileName(l.Profile)))
		}
	}
	return errs
}

func (p Profile) validate(key string) []error {
	var errs []error
	if (p.Certificate == "") != (p.Key == "") {
		errs = append(errs, fmt.Errorf("%s.key: certificate and key must be given together", key))
	}
	if !slices.Contains([]string{"", "none", "optional", "required"}, p.ClientAuth) {
		errs = append(errs, fmt.Errorf("%s.client_auth: %q is not none, optional or required", key, p.ClientAuth))
	}
	if !slices.Contains([]string{"", "1.2", "1.3"}, p.MinVersion) {
		errs = append(errs, fmt.Errorf("%s.min_version: %q is not 1.2 or 1.3", key, p.MinVersion))
	}
	return errs
}

// profileName maps the empty reference to the profile it means.
func profileName(s string) string {
	if s == "" {
		return "default"
	}
	return s
}

// splitAdvertise reads "host", "host:port", "[v6]" and "[v6]:port". Port 0 means
// the bound one.
func splitAdvertise(s string) (host string, port uint16, err error) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().String(), ap.Port(), nil
	}
	bare := strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if a, err := netip.ParseAddr(bare); err == nil {
		return a.String(), 0, nil
	}
	host = s
	if h, p, ok := strings.Cut(s, ":"); ok {
		n, err := parsePort(p)
		if err != nil {
			return "", 0, err
		}
		host, port = h, n
	}
	if s != "" && !isHost(host) {
		return "", 0, fmt.Errorf("bad host %q", host)
	}
	return host, port, nil
}

// serverAddr reads a name server; the port defaults to 53.
func serverAddr(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	return netip.ParseAddrPort(s)
}
