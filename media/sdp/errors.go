package sdp

import "errors"

// The reasons for which offer and answer come to nothing. Callers tell them
// apart with errors.Is; Warning has the word for the wire.
var (
	// ErrMalformed: the body is not a session description, or breaks a rule
	// that we need kept.
	ErrMalformed = errors.New("not a session description we can read")
	// ErrTooLarge: a bound was passed: bytes, lines, m-lines, formats, candidates.
	ErrTooLarge = errors.New("session description larger than we accept")
	// ErrNoAudio: no m=audio line with a port and a transport we speak.
	ErrNoAudio = errors.New("no audio stream offered")
	// ErrNoCommonCodec: audio, but no codec both sides have.
	ErrNoCommonCodec = errors.New("no codec in common")
	// ErrSecurityRequired: SRTP is required here, and no key, suite or
	// fingerprint came that we can use.
	ErrSecurityRequired = errors.New("srtp required, no usable key offered")
	// ErrSecurityRefused: the offer demands SRTP and it is switched off here.
	ErrSecurityRefused = errors.New("srtp offered, but not allowed here")
	// ErrAddress: no address we could send to: a name, or another IP version.
	ErrAddress = errors.New("no usable media address")
	// ErrRefused: the answer refused our stream (port 0).
	ErrRefused = errors.New("audio stream refused")
	// ErrAnswer: the answer does not fit the offer.
	ErrAnswer = errors.New("answer does not fit the offer")
)

// Warning is the warn-code and text that go with err in a 488 or 400: RFC 3261
// §20.43. The code is 399 for an error not of this package.
func Warning(err error) (code int, text string) {
	switch {
	case errors.Is(err, ErrNoCommonCodec):
		return 305, "Incompatible media format"
	case errors.Is(err, ErrNoAudio), errors.Is(err, ErrRefused):
		return 304, "Media type not available"
	case errors.Is(err, ErrSecurityRequired):
		return 302, "Incompatible transport protocol: SRTP required"
	case errors.Is(err, ErrSecurityRefused):
		return 302, "Incompatible transport protocol: SRTP not allowed"
	case errors.Is(err, ErrAddress):
		return 301, "Incompatible network address formats"
	case errors.Is(err, ErrMalformed), errors.Is(err, ErrTooLarge), errors.Is(err, ErrAnswer):
		return 307, "Session description parameter not understood"
	}
	return 399, "Session not acceptable"
}
