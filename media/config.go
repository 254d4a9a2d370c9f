package media

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// Config is the media section.
type Config struct {
	// Address is the IPv4 address RTP sockets are bound to.
	Address netip.Addr
	// Advertise is the IPv4 address put into SDP. Empty means Address.
	Advertise netip.Addr
	// Address6 is the IPv6 address RTP sockets are bound to. Empty means that
	// calls over IPv6 get no media.
	Address6 netip.Addr
	// Advertise6 is the IPv6 address put into SDP. Empty means Address6.
	Advertise6 netip.Addr

	// PortMin and PortMax bound the UDP ports for RTP, both included. RTP takes
	// an even port and RTCP the odd one above it (RFC 3550 §11).
	PortMin uint16
	PortMax uint16
	// PortRest is how long a freed port stays idle at least, so that late packets
	// of one call do not reach the next. Pairs are given out in turn, so that a
	// port rests far longer while the range is not nearly used up.
	PortRest time.Duration

	// Silence is how long an endpoint may hear nothing before its call is told.
	// 0 means never.
	Silence time.Duration

	// Latch says which address may become the remote one besides the one that
	// was signalled, after probation and in the first seconds after an offer or
	// answer: "signalled" (none), "same_ip" (another port of it, the default),
	// "nat" (any, for peers behind NAT). RFC 7362 §5 says why not more.
	Latch LatchPolicy
	// LatchWindow is how long after an offer or answer an address may be
	// learned from plain RTP.
	LatchWindow time.Duration

	// Dialogs bounds the early dialogs one endpoint keeps at a time.
	Dialogs int
	// RTCPInterval is the mean time between reports of one endpoint
	// (RFC 3550 §6.2). Each is randomized.
	RTCPInterval time.Duration
}

// DefaultConfig returns the values used for what the configuration leaves out.
func DefaultConfig() Config {
	return Config{
		Address:      netip.IPv4Unspecified(),
		PortMin:      16384,
		PortMax:      32767,
		PortRest:     time.Second,
		Silence:      60 * time.Second,
		Latch:        LatchSameIP,
		LatchWindow:  3 * time.Second,
		Dialogs:      16,
		RTCPInterval: 5 * time.Second,
	}
}

// Validate says what is wrong with c, all of it; nil if nothing is.
func (c Config) Validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("media."+key+": "+format, args...))
	}
	if !c.Address.Is4() {
		bad("address", "%v is not an IPv4 address", c.Address)
	}
	if c.Advertise.IsValid() && (!c.Advertise.Is4() || c.Advertise.IsUnspecified()) {
		bad("advertise", "%v is not an IPv4 address a peer can send to", c.Advertise)
	}
	if c.Address6.IsValid() && !c.Address6.Is6() {
		bad("address6", "%v is not an IPv6 address", c.Address6)
	}
	if c.Advertise6.IsValid() && (!c.Advertise6.Is6() || c.Advertise6.IsUnspecified()) {
		bad("advertise6", "%v is not an IPv6 address a peer can send to", c.Advertise6)
	}
	if c.PortMin < 1024 || c.PortMax < c.PortMin || c.PortMax-c.PortMin < 1 {
		bad("port_min", "ports %d to %d: want at least a pair above 1023", c.PortMin, c.PortMax)
	}
	if c.PortRest < 0 {
		bad("port_rest", "%v is negative", c.PortRest)
	}
	if c.Silence < 0 {
		bad("silence", "%v is negative; 0 means never", c.Silence)
	}
	if c.LatchWindow < 0 || c.LatchWindow > time.Minute {
		bad("latch_window", "%v: want 0 to 1m", c.LatchWindow)
	}
	if c.Dialogs < 1 || c.Dialogs > 64 {
		bad("dialogs", "%d: want 1 to 64", c.Dialogs)
	}
	if c.RTCPInterval < time.Second {
		bad("rtcp_interval", "%v: want 1s or more", c.RTCPInterval)
	}
	return errors.Join(errs...)
}
