package sbc

import "time"

// A Profile names a set of values a trunk starts from.
type Profile string

// The profiles. What each sets stands in docs/profiles.md.
const (
	ProfileGeneric   Profile = "generic"
	ProfileTwilio    Profile = "twilio"
	ProfileTelnyx    Profile = "telnyx"
	ProfileVonage    Profile = "vonage"
	ProfileBandwidth Profile = "bandwidth"
	ProfileTeams     Profile = "teams"
	ProfileACS       Profile = "acs"
)

// Profiles returns all of them, the generic one first.
func Profiles() []Profile {
	return []Profile{
		ProfileGeneric, ProfileTwilio, ProfileTelnyx, ProfileVonage, ProfileBandwidth, ProfileTeams, ProfileACS,
	}
}

// DefaultTrunk is a trunk of the generic profile: what RFC 3261 and RFC 3264
// make usual, over UDP, without SRTP. It has no name and no peer yet.
func DefaultTrunk() TrunkConfig {
	return TrunkConfig{
		Profile:  ProfileGeneric,
		Peer:     PeerConfig{Datagram: 1300},
		Login:    LoginConfig{Realm: "tandem"},
		Register: RegisterConfig{Expires: time.Hour},
		Phones:   PhonesConfig{Expires: time.Hour, Numbers: 10_000},
		Options:  OptionsConfig{Interval: time.Minute, Down: 3, Up: 2},
		Reroute:  RerouteConfig{Codes: []int{408, 503, 504}, Timeout: 6 * time.Second, RetryAfter: true},
		Dialog: DialogConfig{
			Reliable: ReliableSupported,
			Timer:    TimerAccept, Expires: 30 * time.Minute, MinExpires: 90 * time.Second, Refresh: RefreshUpdate,
			Update: true, Hold: HoldSendOnly,
			Refer: ReferLocal, Replaces: true, Redirect: RedirectFollow,
		},
		Ringback: RingbackConfig{Policy: RingbackPass},
		Media: MediaConfig{
			Codecs: []string{"PCMU", "PCMA"}, Ptime: 20,
			DTMF: DTMFEvents, Latch: LatchSameIP, Relearn: time.Second, Mux: MuxOff, ICE: ICEOff,
		},
		Security: SecurityConfig{SRTP: SRTPOff, Keys: KeysSDES, Suites: []string{SuiteCM80}},
		Numbers: NumbersConfig{
			RequestURI: NumberFormat{Form: FormUnchanged},
			From:       NumberFormat{Form: FormUnchanged},
			To:         NumberFormat{Form: FormUnchanged},
			Identity:   NumberFormat{Form: FormUnchanged},
			Diversion:  NumberFormat{Form: FormUnchanged},
		},
		Identity: IdentityConfig{Display: true, Privacy: PrivacyHonour, Diversion: DivertingOff},
	}
}

// ProfileTrunk is a trunk that starts from the profile; an unknown one is the
// generic one, which [Config.Validate] then finds fault with.
func ProfileTrunk(p Profile) TrunkConfig {
	t := DefaultTrunk()
	t.Profile = p
	switch p {
	case ProfileGeneric:
	case ProfileTwilio:
		t.twilio()
	case ProfileTelnyx:
		t.telnyx()
	case ProfileVonage:
		t.vonage()
	case ProfileBandwidth:
		t.carrier()
	case ProfileTeams:
		t.teams()
	case ProfileACS:
		t.teams()
		t.acs()
	}
	return t
}

// all writes all numbers alike.
func (n *NumbersConfig) all(f NumberFormat) {
	n.RequestURI, n.From, n.To, n.Identity, n.Diversion = f, f, f, f, f
}

// carrier is what the four carriers have in common: E.164 with a plus, and
// callers named in P-Asserted-Identity.
func (t *TrunkConfig) carrier() {
	t.Numbers.all(NumberFormat{Form: FormE164})
	t.Identity.Write = []IdentityHeader{IdentityPAI}
	t.Identity.Diversion = DivertingDiversion
	t.Media.Latch = LatchSameIP
}

// twilio: the offer's first supported codec is taken, so the order counts;
// SDES suites _80 and _32 without MKI.
func (t *TrunkConfig) twilio() {
	t.carrier()
	t.Security.Suites = []string{SuiteCM80, SuiteCM32}
}

// telnyx: other targets are tried after 408, 480, 503 and 504.
func (t *TrunkConfig) telnyx() {
	t.carrier()
	t.Reroute.Codes = []int{408, 480, 503, 504}
	t.Limits.RateOut = 20
}

// vonage: E.164 without the plus, also from it.
func (t *TrunkConfig) vonage() {
	t.carrier()
	t.Numbers.all(NumberFormat{Form: FormPlain})
	t.Numbers.Bare = true
	t.Media.Codecs = []string{"PCMA", "PCMU", "G722"}
}

// teams: TLS, our name in Contact, SDES, ICE lite, RTCP on the media port, hold
// with a=inactive only, numbers with plus and user=phone. What it refers to is
// called through it, by the parameters it wrote.
func (t *TrunkConfig) teams() {
	t.Peer.Transport, t.Peer.Host, t.Peer.Port = TransportTLS, "sip.pstnhub.microsoft.com", 5061
	t.Peer.Addresses = []string{"52.112.0.0/14", "52.120.0.0/14"}
	t.Numbers.all(NumberFormat{Form: FormE164, UserPhone: true})
	t.Identity.Trusted = true
	t.Identity.Write = []IdentityHeader{IdentityPAI}
	t.Identity.Diversion = DivertingHistory
	t.Dialog.Hold = HoldInactive
	t.Dialog.Update = false
	t.Dialog.Refer = ReferReturn
	t.Dialog.Refresh = RefreshInvite
	t.Ringback.Policy = RingbackUntilMedia
	t.Media.Codecs = []string{"G722", "PCMU", "PCMA"}
	t.Media.ComfortNoise = true
	t.Media.KeepMedia = true
	t.Media.Mux = MuxOffered
	t.Media.ICE = ICELite
	t.Media.Ranges = []string{"52.112.0.0/14", "52.120.0.0/14"}
	t.Security = SecurityConfig{SRTP: SRTPRequired, Keys: KeysSDES, Suites: []string{SuiteCM80}, Lifetime: true}
}

// acs: direct routing without media bypass, hence without ICE; custom headers and
// User-to-User pass. The session timers it always asks for are granted, as anyone's
// are.
func (t *TrunkConfig) acs() {
	t.Media.ICE = ICEOff
	t.Identity.UserToUser = true
	t.Headers.Allow = []string{"X-MS-Custom-*"}
}
