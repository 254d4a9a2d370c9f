package media

import (
	"net/netip"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/dtmf"
)

// A NoticeKind says what a Notice tells.
type NoticeKind uint8

// The kinds of notices. Fields not named are zero.
const (
	// NoticeFirstMedia: the first RTP packet of a dialog was accepted. Dialog, Addr.
	NoticeFirstMedia NoticeKind = iota
	// NoticePathLatched: we send to Addr from now on. Dialog, Addr, Reason.
	NoticePathLatched
	// NoticeDialogLatched: Dialog is the one that is heard. Dialog, Addr (zero
	// while it has sent nothing), Reason.
	NoticeDialogLatched
	// NoticeDialogReleased: Dialog is no longer heard, and nobody is until
	// another streams. Dialog, Reason.
	NoticeDialogReleased
	// NoticeDialogMuted: media of Dialog arrives and is not heard, because
	// another dialog is. Told once for each dialog. Dialog, Addr, Reason.
	NoticeDialogMuted
	// NoticeRejected: packets came from a source that was not accepted. Told
	// once for each of the first few sources. Addr, Reason.
	NoticeRejected
	// NoticeDigit: a digit was received and is over. Dialog, Press, Source.
	NoticeDigit
	// NoticeSilent: nothing was heard for For, and the far side is not held.
	// Told once for each period of silence. For.
	NoticeSilent
	// NoticeSecured: a DTLS association was made and its fingerprint is the
	// signalled one. Dialog, Addr.
	NoticeSecured
	// NoticeCodec: the far side went over to another of the codecs agreed. From
	// now on what it sends is passed on only after another Connect, to a writer
	// that takes Codec. Dialog, Codec.
	NoticeCodec
	// NoticeUnsecured: a DTLS association failed. Dialog, Addr, Reason.
	NoticeUnsecured
	// NoticeKeyWorn: most of the packets that an SDES key may protect have
	// passed; another should be agreed. Told again when it is used up. Dialog,
	// Reason (whose it is).
	NoticeKeyWorn
)

// String returns a word for the kind, as timelines show it.
func (k NoticeKind) String() string {
	switch k {
	case NoticeFirstMedia:
		return "first media"
	case NoticePathLatched:
		return "path latched"
	case NoticeDialogLatched:
		return "dialog latched"
	case NoticeDialogReleased:
		return "dialog released"
	case NoticeDialogMuted:
		return "dialog muted"
	case NoticeRejected:
		return "source rejected"
	case NoticeDigit:
		return "digit"
	case NoticeSilent:
		return "silent"
	case NoticeSecured:
		return "secured"
	case NoticeCodec:
		return "codec changed"
	case NoticeUnsecured:
		return "not secured"
	case NoticeKeyWorn:
		return "key nearly used up"
	}
	return "unknown"
}

// A Notice is something an endpoint tells its owner. It is a value.
type Notice struct {
	Kind   NoticeKind
	At     time.Time
	Dialog string         // as given to Apply
	Addr   netip.AddrPort // of the far side
	Reason string         // for people, one of few constants
	Press  dtmf.Press     // the digit and how long it was held
	Source DigitSource
	Codec  codec.Params
	For    time.Duration // of silence
}

// A DigitSource is how a digit came in.
type DigitSource uint8

// The sources of digits.
const (
	// FromEvents: as telephone-event packets. The endpoint this one is
	// connected to has sent them on already if its kind is DigitsEvent; else
	// it dropped them, and the owner sends the digit on as its kind demands.
	FromEvents DigitSource = iota
	// FromTones: detected in the audio, and muted there. The owner sends the
	// digit on.
	FromTones
)
