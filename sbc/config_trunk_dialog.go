package sbc

import "time"

// DialogConfig is the SIP that a peer speaks.
type DialogConfig struct {
	// Reliable says how provisional responses are made reliable (RFC 3262): off,
	// supported, unannounced (done when the peer asks, not advertised), required
	// or ignored (a peer that asks is not obliged).
	Reliable Reliable
	// ReliableRelay acknowledges a reliable provisional response of the peer by
	// PRACK when the caller has acknowledged the one it led to, so that the peer
	// knows that he was told. Where he gets none that is reliable, and without
	// this, it is acknowledged at once.
	ReliableRelay bool
	// Timer is what we do about session timers (RFC 4028): off, accept (a peer
	// that asks gets one), uac (we ask for one and refresh) or uas (we ask for one
	// and for the peer to refresh).
	Timer Timer
	// Expires is the session interval we ask for, at least 90s.
	Expires time.Duration
	// MinExpires is the shortest interval we take; a shorter one gets 422.
	MinExpires time.Duration
	// Refresh is the method of our refreshes: update or invite. UPDATE is used
	// only if the peer allows it.
	Refresh Refresh
	// Update allows UPDATE requests (RFC 3311) from the peer and to it.
	Update bool
	// Hold is the direction in which we put the peer on hold: sendonly (RFC 3264
	// §8.4) or inactive, for peers that understand no other.
	Hold Hold
	// DelayedOffer allows an INVITE without an offer to the peer when the caller
	// sent none. Otherwise we make the offer ourselves.
	DelayedOffer bool
	// Refer says what a REFER from the peer does: local (we do the transfer),
	// return (we do it too, by calling the target on this trunk whatever routes say,
	// with the Request-URI and the Referred-By that the peer wrote, so that its own
	// rules say who is meant), pass (the other side is asked, but for the attended
	// transfer of two calls of ours, which we do) or refuse.
	Refer Refer
	// Replaces takes an INVITE with Replaces from the peer (RFC 3891). Without it
	// such an INVITE is refused: by 420 if it requires the extension, which is
	// then not announced, else by 403.
	Replaces bool
	// Redirect says what a 3xx of the peer does: follow (its contacts are tried on
	// this trunk one after the other, the most preferred first, at most 8 of them,
	// none twice, and are told who redirected by identity.diversion) or pass (the
	// caller is told them all).
	Redirect Redirect
}

// Reliable is how provisional responses are made reliable.
type Reliable string

// The ways of RFC 3262.
const (
	ReliableOff         Reliable = "off"
	ReliableSupported   Reliable = "supported"
	ReliableUnannounced Reliable = "unannounced"
	ReliableRequired    Reliable = "required"
	ReliableIgnored     Reliable = "ignored"
)

// Timer is what we do about session timers.
type Timer string

// The ways of RFC 4028.
const (
	TimerOff    Timer = "off"
	TimerAccept Timer = "accept"
	TimerUAC    Timer = "uac"
	TimerUAS    Timer = "uas"
)

// Refresh is the method of a session refresh.
type Refresh string

// The methods.
const (
	RefreshUpdate Refresh = "update"
	RefreshInvite Refresh = "invite"
)

// Hold is the direction of a held side.
type Hold string

// The forms of hold.
const (
	HoldSendOnly Hold = "sendonly"
	HoldInactive Hold = "inactive"
)

// Refer is what becomes of a REFER.
type Refer string

// What may become of one.
const (
	ReferLocal  Refer = "local"
	ReferReturn Refer = "return"
	ReferPass   Refer = "pass"
	ReferRefuse Refer = "refuse"
)

// Redirect is what becomes of a 3xx.
type Redirect string

// What may become of one.
const (
	RedirectFollow Redirect = "follow"
	RedirectPass   Redirect = "pass"
)

func (d *DialogConfig) validate(f *findings, key string) {
	oneOf(f, key+".reliable", d.Reliable,
		ReliableOff, ReliableSupported, ReliableUnannounced, ReliableRequired, ReliableIgnored)
	oneOf(f, key+".timer", d.Timer, TimerOff, TimerAccept, TimerUAC, TimerUAS)
	oneOf(f, key+".refresh", d.Refresh, RefreshUpdate, RefreshInvite)
	oneOf(f, key+".hold", d.Hold, HoldSendOnly, HoldInactive)
	oneOf(f, key+".refer", d.Refer, ReferLocal, ReferReturn, ReferPass, ReferRefuse)
	oneOf(f, key+".redirect", d.Redirect, RedirectFollow, RedirectPass)
	if d.Timer == TimerOff {
		return
	}
	// RFC 4028 §4 and §5: neither may be below 90 seconds.
	if d.MinExpires < 90*time.Second || d.MinExpires > d.Expires {
		f.add(key+".min_expires", "%s is out of range; use 90s up to expires", d.MinExpires)
	}
	if d.Expires < 90*time.Second || d.Expires > 24*time.Hour {
		f.add(key+".expires", "%s is out of range; use 90s to 24h", d.Expires)
	}
}

// RingbackConfig is what a caller is told and hears while a trunk rings. Who is
// transferred to the trunk cannot be sent a 180, and hears a ringing tone of ours
// where a caller's phone would ring.
type RingbackConfig struct {
	// Policy is what passes to the caller of the peer's 18x: pass (all of them),
	// first (one of them), 180 (each as a 180 without SDP, so that the caller's
	// phone rings) or until_media (180 until packets of the called side really
	// arrive, then 183 with SDP; RFC 3960 §3.2).
	Policy Ringback
	// CallerMuted keeps the caller's speech from the called side until the
	// answer; digits pass. For peers that demand it (MS-SDPEXT §3.1.5.12.2).
	CallerMuted bool
	// ReleaseAfter is for peers that fork. The early dialog that is heard keeps
	// the caller's ear while another streams, until it has been silent for so
	// long; 0s is until the answer.
	ReleaseAfter time.Duration
}

// Ringback is what passes of 18x.
type Ringback string

// The policies.
const (
	RingbackPass       Ringback = "pass"
	RingbackFirst      Ringback = "first"
	Ringback180        Ringback = "180"
	RingbackUntilMedia Ringback = "until_media"
)

func (r *RingbackConfig) validate(f *findings, key string) {
	oneOf(f, key+".policy", r.Policy, RingbackPass, RingbackFirst, Ringback180, RingbackUntilMedia)
	if r.ReleaseAfter < 0 {
		f.add(key+".release_after", "is negative; use 0s to wait for the answer")
	}
}
