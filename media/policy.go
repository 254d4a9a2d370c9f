package media

import "fmt"

// A LatchPolicy says which source may become the remote address of an endpoint
// besides the one that was signalled. RFC 7362 §5 says why not more.
type LatchPolicy uint8

// The policies, from the default to the most open.
const (
	// LatchDefault is what the configuration of the pool says; in a Config it
	// is LatchSameIP.
	LatchDefault LatchPolicy = iota
	// LatchSignalled accepts the signalled address and nothing else.
	LatchSignalled
	// LatchSameIP accepts another port of the signalled IP address too, after
	// probation.
	LatchSameIP
	// LatchNAT accepts any address within the media ranges, after probation:
	// for peers behind NAT. A DTLS handshake it takes from any of them too, which
	// the other policies take from the signalled address alone.
	LatchNAT
)

// String returns the name the configuration uses.
func (p LatchPolicy) String() string {
	switch p {
	case LatchSignalled:
		return "signalled"
	case LatchSameIP:
		return "same_ip"
	case LatchNAT:
		return "nat"
	case LatchDefault:
	}
	return "default"
}

// MarshalText writes the name the configuration uses.
func (p LatchPolicy) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the name of a policy: "signalled", "same_ip" or "nat";
// empty and "default" are LatchDefault.
func (p *LatchPolicy) UnmarshalText(b []byte) error {
	switch string(b) {
	case "", "default":
		*p = LatchDefault
	case "signalled":
		*p = LatchSignalled
	case "same_ip":
		*p = LatchSameIP
	case "nat":
		*p = LatchNAT
	default:
		return fmt.Errorf("latch policy %q: want signalled, same_ip or nat", b)
	}
	return nil
}

// A DigitKind is how one side wants its digits.
type DigitKind uint8

// The kinds of digits.
const (
	DigitsEvent  DigitKind = iota // telephone-event packets (RFC 4733)
	DigitsInfo                    // SIP INFO: media removes events from the stream
	DigitsInband                  // tones in the audio
)

// String returns the name the configuration uses.
func (k DigitKind) String() string {
	switch k {
	case DigitsInfo:
		return "info"
	case DigitsInband:
		return "inband"
	case DigitsEvent:
	}
	return "rfc4733"
}

// MarshalText writes the name the configuration uses.
func (k DigitKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the name of a kind: "rfc4733", "info" or "inband"; empty
// is "rfc4733".
func (k *DigitKind) UnmarshalText(b []byte) error {
	switch string(b) {
	case "", "rfc4733":
		*k = DigitsEvent
	case "info":
		*k = DigitsInfo
	case "inband":
		*k = DigitsInband
	default:
		return fmt.Errorf("kind of digits %q: want rfc4733, info or inband", b)
	}
	return nil
}
