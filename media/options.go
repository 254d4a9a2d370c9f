package media

import (
	"log/slog"
	"net/netip"
	"time"
)

// Options say what an endpoint is for. The zero value is an endpoint for plain
// RTP over IPv4 with the latch policy of the pool and digits as events.
type Options struct {
	// Notify is told what happens. It is called on the goroutine that learned
	// it, a reader or the housekeeper, with no lock held; it must not wait.
	// nil means nobody is told.
	Notify func(Notice)
	// IPv6 asks for the IPv6 address of the pool.
	IPv6 bool
	// MuxOnly opens no RTCP socket: the far side is known to multiplex
	// (RFC 5761 §5.1.1), as browsers do.
	MuxOnly bool

	// Latch overrides the policy of the pool, unless it is LatchDefault.
	Latch LatchPolicy
	// Ranges bound where media may come from; none means anywhere. A signalled
	// address outside of them is sent to, but not learned from.
	Ranges []netip.Prefix
	// Relearn lets a stream that was silent for so long go on from another
	// address, after probation, for trunks marked as behind NAT: its SSRC and
	// sequence show that it is the same. 0 means never: only an offer or answer
	// opens the latch again.
	Relearn time.Duration
	// ReleaseAfter gives up a latched early dialog that has been silent for
	// that long, so that another may be heard. 0 means never.
	ReleaseAfter time.Duration

	// Digits is how the far side takes digits. Packets with telephone events
	// written to an endpoint whose kind is another are dropped.
	Digits DigitKind
	// DetectTones listens for digits in the received audio. They are told as
	// notices and muted in what is forwarded.
	DetectTones bool
	// KeepMedia fills the pauses of what we send, comfort noise where it was
	// agreed (RFC 3389) and frames elsewhere, of silence or of noise as loud as
	// comfort noise of the source said: some carriers end calls that go quiet.
	// Without it such noise becomes a pause where the far side takes none.
	KeepMedia bool
	// MuteUntilSelected sends nothing but digits to the far side before the
	// final answer, so that no caller's speech is heard by a ringing party.
	MuteUntilSelected bool

	// ICE are our credentials if ICE was offered or will be answered. nil
	// means no ICE.
	ICE *ICE
	// CNAME names the source in RTCP (RFC 7022 §4.2). Empty lets the pool
	// choose a random one.
	CNAME string
	// Log is for what went wrong. nil means the logger of the pool.
	Log *slog.Logger
}

// ICE is our side of the credentials of an ICE-lite agent (RFC 8445 §5.3). They
// stay the same in every answer to one offer.
type ICE struct {
	Ufrag string
	Pwd   string
}
