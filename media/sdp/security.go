package sdp

// A Policy says whether a stream is SRTP.
type Policy uint8

// The policies.
const (
	SecurityOff      Policy = iota // plain RTP; keyed offers are refused
	SecurityOptional               // RTP/AVP with keys beside it (RFC 8643); whatever is offered is accepted
	SecurityRequired               // SRTP or no call
)

// Security is what we bring to the keying of a stream.
type Security struct {
	Policy Policy
	// Keys are our SDES keys, most preferred suite first, at most one per
	// suite: all of them offered, one of them used. None: we do not speak SDES.
	Keys []Key
	// Fingerprint is that of our certificate. Zero: we do not speak DTLS-SRTP.
	Fingerprint Fingerprint
	// Role is ours in DTLS if we may choose: RoleNone and RoleServer answer as
	// the server, RoleClient as the client. Offers leave it open (actpass).
	Role Role
	// TLSID is written as a=tls-id when not empty. RFC 8842 §5.1.
	TLSID string
	// PreferSDES takes SDES where both are on the table; else DTLS is taken.
	PreferSDES bool
}

// A Fingerprint is a certificate's hash as a=fingerprint has it. RFC 8122 §5.
type Fingerprint struct {
	Hash  string // "sha-256", lower case; empty: none
	Value string // upper case pairs with colons
}

// A Profile is the transport protocol of an m-line.
type Profile uint8

// The profiles we speak. ProfileNone stands for every other one.
const (
	ProfileNone  Profile = iota
	ProfileAVP           // RTP/AVP (RFC 3551)
	ProfileAVPF          // RTP/AVPF (RFC 4585)
	ProfileSAVP          // RTP/SAVP (RFC 3711)
	ProfileSAVPF         // RTP/SAVPF (RFC 5124)
	ProfileTLS           // UDP/TLS/RTP/SAVP (RFC 5764)
	ProfileTLSF          // UDP/TLS/RTP/SAVPF (RFC 5764)
)

// Secure reports whether the profile itself demands SRTP.
func (p Profile) Secure() bool { return p >= ProfileSAVP }

// String is the name in the m-line, empty for ProfileNone.
func (p Profile) String() string {
	switch p {
	case ProfileAVP:
		return "RTP/AVP"
	case ProfileAVPF:
		return "RTP/AVPF"
	case ProfileSAVP:
		return "RTP/SAVP"
	case ProfileSAVPF:
		return "RTP/SAVPF"
	case ProfileTLS:
		return "UDP/TLS/RTP/SAVP"
	case ProfileTLSF:
		return "UDP/TLS/RTP/SAVPF"
	case ProfileNone:
	}
	return ""
}
