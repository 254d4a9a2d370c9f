package sbc

import "time"

// A CDR is the record of one call attempt: one for each INVITE that was
// admitted or refused, written once, when it is over. It is plain data.
// A time that is zero did not come.
type CDR struct {
	ID string `json:",omitzero"` // ours, unique, also in the log lines of the call

	A LegRecord `json:",omitzero"` // towards the caller
	B LegRecord `json:",omitzero"` // towards the one who answered, or the last who was tried

	Caller string `json:",omitzero"` // the caller's number as it came
	Called string `json:",omitzero"` // the number asked for as it came

	Invited    time.Time `json:",omitzero"` // the INVITE came
	Trying     time.Time `json:",omitzero"` // the B side said 100
	Ringing    time.Time `json:",omitzero"` // the first 18x of the B side
	FirstMedia time.Time `json:",omitzero"` // the first packet of the B side, before or after the answer
	Answered   time.Time `json:",omitzero"` // the 200 of the B side; the call is billed from here
	Ended      time.Time `json:",omitzero"`

	EarlyMedia bool `json:",omitzero"` // media passed before the answer
	Recoded    bool `json:",omitzero"` // the sides had different codecs at the end

	// Status, Q850 and Text are the cause: a SIP status (RFC 3261 §21), a cause
	// of ITU-T Q.850 (0 unknown), and words for people.
	Status int    `json:",omitzero"`
	Q850   int    `json:",omitzero"`
	Text   string `json:",omitzero"`
	// EndedBy is "caller", "called" or "gateway".
	EndedBy string `json:",omitzero"`

	Targets   []Attempt  `json:",omitzero"` // those who were tried, in order
	Transfers []Transfer `json:",omitzero"` // in order; each became a leg of this call
	Digits    int        `json:",omitzero"` // how many passed, either way
}

// Duration is how long the call was answered; 0 if it was not.
func (c CDR) Duration() time.Duration {
	if c.Answered.IsZero() {
		return 0
	}
	return c.Ended.Sub(c.Answered)
}

// A LegRecord is one side of a call record.
type LegRecord struct {
	Trunk  string      `json:",omitzero"`
	CallID string      `json:",omitzero"`
	From   string      `json:",omitzero"` // URI, as on this side
	To     string      `json:",omitzero"` // URI, as on this side
	Peer   string      `json:",omitzero"` // transport and address of the signalling
	Codec  string      `json:",omitzero"` // "PCMU/8000", empty when nothing was agreed
	Secure string      `json:",omitzero"` // "", "sdes" or "dtls"
	Media  MediaRecord `json:",omitzero"`
	// Latches are the decisions whom to listen to and where to send.
	Latches []LatchRecord `json:",omitzero"`
}

// A MediaRecord is the packets of one side. Counts are packets.
type MediaRecord struct {
	Local, Remote  string        `json:",omitzero"` // addresses
	Received, Sent uint64        `json:",omitzero"`
	Lost           uint64        `json:",omitzero"` // sequence numbers that never came
	Jitter         time.Duration `json:",omitzero"` // of arrival (RFC 3550 §6.4.1), at the end
	Rejected       uint64        `json:",omitzero"` // from a source that was not accepted, or not authenticated
	RemoteLost     uint64        `json:",omitzero"` // of what we sent, as the far side reports
}

// A LatchRecord is one decision of a latch.
type LatchRecord struct {
	At     time.Time `json:",omitzero"`
	Dialog string    `json:",omitzero"` // the remote tag, empty when it is about an address alone
	Addr   string    `json:",omitzero"` // where media came from
	Reason string    `json:",omitzero"`
}

// An Attempt is one target that was tried.
type Attempt struct {
	Trunk   string    `json:",omitzero"`
	Number  string    `json:",omitzero"`
	Started time.Time `json:",omitzero"`
	Ended   time.Time `json:",omitzero"` // zero: it answered and was not yet over
	Status  int       `json:",omitzero"` // 200 for the one that answered, else why not
	Q850    int       `json:",omitzero"`
	Text    string    `json:",omitzero"`
}

// A Transfer is a part of a call handed to somebody else (RFC 3515).
type Transfer struct {
	At     time.Time `json:",omitzero"`
	By     string    `json:",omitzero"` // "caller", "called" or "api"
	Target string    `json:",omitzero"`
	Status int       `json:",omitzero"` // what the target answered; 200 is success
}

// A CDRWriter keeps call records. It may be slow; it is not on a call's path.
// One goroutine uses it.
type CDRWriter interface{ WriteCDR(CDR) error }

// An UpWriter is a CDRWriter that also takes notes of calls that are up, so that
// it can tell of those that the death of the process cut off. A later note of a
// call replaces an earlier one.
type UpWriter interface{ WriteUp(CDR) error }

// A Timeline is what passed on the sides of a call that is over.
type Timeline struct {
	ID      string    // of the call, as in its record
	Invited time.Time // likewise
	Events  []Event   // must not be changed
	Omitted int       // events that were dropped from its middle
}

// A TimelineWriter is a CDRWriter that also keeps timelines. It gets that of a
// call some time after its record.
type TimelineWriter interface{ WriteTimeline(Timeline) error }
