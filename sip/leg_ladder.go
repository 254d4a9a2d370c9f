package sip

import (
	"bytes"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A Rung is one message of a leg as a ladder shows it: a value without headers,
// addresses and bodies.
type Rung struct {
	At     time.Time
	Sent   bool   // by us
	Method string // of a response that of its request
	Status int    // 0: a request
	CSeq   uint32
	SDP    bool // with a session description
}

// maxRungs bounds the rungs that wait to be taken.
const maxRungs = 64

// A ladder is the messages of a leg that have not been taken.
type ladder struct {
	rungs, spare []Rung
	room         [2][4]Rung // for them to begin with: few steps of a leg have more messages
}

func newLadder() *ladder {
	l := &ladder{}
	l.rungs, l.spare = l.room[0][:0], l.room[1][:0]
	return l
}

// Ladder returns the messages sent and received since the last call, repetitions
// included, but for the INVITE that a leg came in with and the 100 to it. When
// nobody asks, what is beyond the first few is dropped. The slice is valid until
// the call after.
func (l *Leg) Ladder() []Rung {
	out := l.ladder.rungs
	l.ladder.rungs, l.ladder.spare = l.ladder.spare[:0], out
	return out
}

func (l *ladder) add(r Rung) {
	if len(l.rungs) < maxRungs {
		l.rungs = append(l.rungs, r)
	}
}

// post hands a message to the transport and notes it.
func (p *speaker) post(now time.Time, f transport.Flow, raw []byte, branch string) error {
	if p.ladder != nil {
		p.ladder.sent(now, raw)
	}
	return p.ua.send(now, f, raw, p.entry.callID, branch)
}

// sent notes a message that we wrote.
func (l *ladder) sent(now time.Time, raw []byte) {
	r := Rung{At: now, Sent: true, SDP: bytes.Contains(raw, []byte("\r\nContent-Type: application/sdp\r\n"))}
	first, rest, _ := bytes.Cut(raw, []byte("\r\n"))
	if status, ok := bytes.CutPrefix(first, []byte("SIP/2.0 ")); ok && len(status) >= 3 {
		r.Status, _ = strconv.Atoi(string(status[:3])) // we wrote it
	}
	if _, cseq, ok := bytes.Cut(rest, []byte("CSeq: ")); ok {
		value, _, _ := bytes.Cut(cseq, []byte("\r\n"))
		number, method, _ := bytes.Cut(value, []byte(" "))
		seq, _ := strconv.ParseUint(string(number), 10, 32) // likewise
		r.CSeq, r.Method = uint32(seq), string(method)
	}
	l.add(r)
}

// received notes a message that came in.
func (l *ladder) received(now time.Time, m Message) {
	r := Rung{At: now}
	var cseq *sipmsg.CSeqHeader
	switch {
	case m.request() != nil:
		cseq = m.request().CSeq()
		r.SDP = isTypeSDP(m.request())
	case m.response() != nil:
		cseq = m.response().CSeq()
		r.Status = m.response().StatusCode
		r.SDP = isTypeSDP(m.response())
	default:
		return
	}
	if cseq == nil {
		return // the table lets none through
	}
	r.CSeq, r.Method = cseq.SeqNo, string(cseq.MethodName)
	l.add(r)
}

// isTypeSDP reports whether a message has a session description.
func isTypeSDP(m bodied) bool {
	kind, body := bodyOf(m)
	return len(body) > 0 && len(kind) >= len(typeSDP) && bytes.EqualFold([]byte(kind[:len(typeSDP)]), []byte(typeSDP))
}
