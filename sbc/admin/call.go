package admin

import (
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// A Call is a call in progress, or the record of one that is over. A time that
// is missing did not come.
type Call struct {
	ID        string     `json:"id" doc:"Ours; also in the log lines of the call"`
	State     string     `json:"state" doc:"trying, ringing, early, answered, held, ending or ended"`
	Caller    string     `json:"caller" doc:"The caller's number as it came"`
	Called    string     `json:"called" doc:"The number asked for as it came"`
	Invited   time.Time  `json:"invited" doc:"The INVITE came"`
	Trying    *time.Time `json:"trying,omitempty" doc:"The called side said 100"`
	Ringing   *time.Time `json:"ringing,omitempty" doc:"The called side first said 18x"`
	Media     *time.Time `json:"first_media,omitempty" doc:"The first packet of the called side"`
	Answered  *time.Time `json:"answered,omitempty" doc:"The 200 of the called side"`
	Ended     *time.Time `json:"ended,omitempty"`
	Seconds   float64    `json:"seconds" doc:"How long it was answered; of a call in progress, so far"`
	Early     bool       `json:"early_media" doc:"Media passed before the answer"`
	Recoded   bool       `json:"recoded" doc:"The sides had different codecs"`
	Path      string     `json:"path,omitempty" doc:"The way of the media, in words"`
	Status    int        `json:"status,omitempty" doc:"SIP status it ended with"`
	Q850      int        `json:"q850,omitempty" doc:"Cause of ITU-T Q.850"`
	Text      string     `json:"text,omitempty" doc:"Why it ended"`
	Verdict   string     `json:"verdict,omitempty" doc:"What that means and what to look at"`
	EndedBy   string     `json:"ended_by,omitempty" doc:"caller, called or gateway"`
	Digits    int        `json:"digits" doc:"How many passed, either way"`
	A         Leg        `json:"a" doc:"Towards the caller"`
	B         Leg        `json:"b" doc:"Towards the one who answered, or the last who was tried"`
	Attempts  []Attempt  `json:"attempts,omitempty" doc:"Those who were tried, in order"`
	Transfers []Transfer `json:"transfers,omitempty"`
	Events    []Event    `json:"events,omitempty" doc:"The timeline; only of a single call"`
	Omitted   int        `json:"omitted,omitempty" doc:"Events dropped from the middle of the timeline"`
}

// A Leg is one side of a call.
type Leg struct {
	Trunk      string  `json:"trunk,omitempty"`
	CallID     string  `json:"call_id,omitempty"`
	From       string  `json:"from,omitempty"`
	To         string  `json:"to,omitempty"`
	Peer       string  `json:"peer,omitempty" doc:"Transport and address of the signalling"`
	Codec      string  `json:"codec,omitempty"`
	Secure     string  `json:"secure,omitempty" doc:"sdes or dtls; empty for plain RTP"`
	Local      string  `json:"local,omitempty" doc:"Our media address"`
	Remote     string  `json:"remote,omitempty" doc:"Their media address"`
	Received   uint64  `json:"received" doc:"Packets"`
	Sent       uint64  `json:"sent" doc:"Packets"`
	Lost       uint64  `json:"lost" doc:"Packets that never came"`
	JitterMS   float64 `json:"jitter_ms" doc:"Of arrival (RFC 3550 §6.4.1)"`
	Rejected   uint64  `json:"rejected" doc:"Packets from a source that was not accepted, or not authenticated"`
	RemoteLost uint64  `json:"remote_lost" doc:"Of what we sent, as the far side reports"`
	Latches    []Latch `json:"latches,omitempty" doc:"Decisions whom to listen to and where to send"`
}

// A Latch is one decision of a latch.
type Latch struct {
	At     time.Time `json:"at"`
	Dialog string    `json:"dialog,omitempty" doc:"The remote tag, where there are several early dialogs"`
	Addr   string    `json:"addr,omitempty"`
	Reason string    `json:"reason"`
}

// An Attempt is one target that was tried.
type Attempt struct {
	Trunk   string     `json:"trunk"`
	Number  string     `json:"number,omitempty"`
	Started time.Time  `json:"started"`
	Ended   *time.Time `json:"ended,omitempty"`
	Status  int        `json:"status,omitempty"`
	Q850    int        `json:"q850,omitempty"`
	Text    string     `json:"text,omitempty"`
}

// A Transfer is a part of a call handed to somebody else.
type Transfer struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Target string    `json:"target"`
	Status int       `json:"status,omitempty"`
}

// An Event is one line of a timeline.
type Event struct {
	At     time.Time `json:"at"`
	Kind   string    `json:"kind" doc:"received, sent, media, latch, codec, digit or note"`
	Leg    string    `json:"leg,omitempty" doc:"A, or B1, B2 and so on; empty for the call as a whole"`
	Text   string    `json:"text"`
	SDP    bool      `json:"sdp,omitempty" doc:"The message had a session description"`
	Dialog string    `json:"dialog,omitempty" doc:"The remote tag of the early dialog, where there are several"`
}

// callOf shows a call in progress, with its timeline if whole.
func callOf(now time.Time, v sbc.CallView, whole bool) Call {
	c := recordOf(v.Record)
	c.ID, c.State, c.Path = v.ID, v.State.String(), v.Media
	if c.Ended == nil && c.Answered != nil {
		c.Seconds = now.Sub(*c.Answered).Seconds()
	}
	if whole {
		c.Events, c.Omitted = eventsOf(v.Events), v.Omitted
	}
	return c
}

// eventsOf shows a timeline.
func eventsOf(events []sbc.Event) []Event {
	out := make([]Event, len(events))
	for i, e := range events {
		out[i] = Event{At: e.At, Kind: e.Kind.String(), Leg: e.Leg, Text: e.Text, SDP: e.SDP, Dialog: e.Dialog}
	}
	return out
}

// recordOf shows the record of a call.
func recordOf(r sbc.CDR) Call {
	c := Call{
		ID: r.ID, State: sbc.StateEnded.String(), Caller: r.Caller, Called: r.Called, Invited: r.Invited,
		Trying: moment(r.Trying), Ringing: moment(r.Ringing), Media: moment(r.FirstMedia),
		Answered: moment(r.Answered), Ended: moment(r.Ended), Early: r.EarlyMedia, Recoded: r.Recoded,
		Status: r.Status, Q850: r.Q850, Text: r.Text, EndedBy: r.EndedBy, Digits: r.Digits,
		A: legOf(r.A), B: legOf(r.B),
	}
	if !r.Ended.IsZero() {
		c.Seconds = r.Duration().Seconds()
	}
	for _, a := range r.Targets {
		c.Attempts = append(c.Attempts, Attempt{
			Trunk: a.Trunk, Number: a.Number, Started: a.Started, Ended: moment(a.Ended),
			Status: a.Status, Q850: a.Q850, Text: a.Text,
		})
	}
	for _, t := range r.Transfers {
		c.Transfers = append(c.Transfers, Transfer{At: t.At, By: t.By, Target: t.Target, Status: t.Status})
	}
	return c
}

func legOf(l sbc.LegRecord) Leg {
	out := Leg{
		Trunk: l.Trunk, CallID: l.CallID, From: l.From, To: l.To, Peer: l.Peer, Codec: l.Codec, Secure: l.Secure,
		Local: l.Media.Local, Remote: l.Media.Remote, Received: l.Media.Received, Sent: l.Media.Sent,
		Lost: l.Media.Lost, JitterMS: float64(l.Media.Jitter) / float64(time.Millisecond),
		Rejected: l.Media.Rejected, RemoteLost: l.Media.RemoteLost,
	}
	for _, x := range l.Latches {
		out.Latches = append(out.Latches, Latch{At: x.At, Dialog: x.Dialog, Addr: x.Addr, Reason: x.Reason})
	}
	return out
}

// moment is nil for a time that did not come.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
