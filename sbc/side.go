package sbc

import (
	"crypto/rand"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/media/sdp"
	"github.com/tandem-voip/tandem/sip"
)

// A side is a leg with its media: one far end as the call sees it. It belongs
// to one call at a time, and to that call's goroutine; a transfer may give it
// to another call.
type side struct {
	// Set once.
	trunk  *Trunk
	called bool   // we called it; else it called us
	target int    // its place in the search's plan, when called
	host   string // what the far end knows us by

	// Atomic: the call that owns it, for those who post.
	owner atomic.Pointer[Call]

	// Owned by the call's run.
	exchange
	name     string          // "A", "B1", "B2"
	seat     *Seat           // the room it takes on its trunk; nil for none, and on the A side
	plug     plug            // where its media goes
	hears    codec.Params    // what the far end went over to sending, zero for what was agreed first
	byeAt    time.Time       // when a transferor that stays is sent a BYE; zero: never
	leg      *sip.Leg        // nil until the target's addresses are known
	end      *media.Endpoint // nil when closed
	dialog   string          // the remote tag that counts: heard, latched or answered
	joined   bool            // the dialog is confirmed: answered or answering
	wantsSDP bool            // our offer is in a 2xx; its answer comes with the ACK
	fill     bool            // pauses are filled, since what answers may be silent
	offering bool            // an offer of ours is on its way
	worn     bool            // a key is nearly used up, and the next offer is to bring another
	rekeyed  time.Time       // when we last offered other keys for that; zero: never
	latched  bool            // media of it arrives
	lost     bool            // it is not wanted any more
	contacts []sip.Contact   // of a redirection that is not followed
	refusal  []sip.Header    // those of the refusal of its INVITE
	refused  bool            // it is lost by what the far end said
	attempt  int             // its place in the record's targets; -1 for none
	ringBy   time.Time       // when it has rung long enough; zero: not limited
	record   LegRecord
}

// post hands an input to whatever call owns the side, and reports whether there
// was room.
func (s *side) post(in input) bool {
	in.side = s
	return s.owner.Load().post(in)
}

// onMessage is the side's sip.Post.
func (s *side) onMessage(m sip.Message) bool {
	return s.post(input{kind: inputMessage, message: m})
}

// onNotice is the side's media.Options.Notify.
func (s *side) onNotice(n media.Notice) {
	if !s.post(input{kind: inputNotice, notice: &n}) {
		s.owner.Load().b2b.count.noticesLost.Add(1)
	}
}

// open opens the media of the side, for the address family the far end speaks.
func (s *side) open(now time.Time, d *B2BUA, v6 bool) error {
	t := &s.trunk.cfg
	o := media.Options{
		Notify:            s.onNotice,
		IPv6:              v6,
		Latch:             latchPolicy(t.Media.Latch),
		Ranges:            s.trunk.ranges,
		Digits:            digitKind(t.Media.DTMF),
		DetectTones:       t.Media.DTMF == DTMFInband,
		KeepMedia:         t.Media.KeepMedia || s.fill,
		MuteUntilSelected: s.called && t.Ringback.CallerMuted,
		ReleaseAfter:      t.Ringback.ReleaseAfter,
	}
	if t.Media.Latch == LatchNAT {
		o.Relearn = t.Media.Relearn
	}
	if t.Media.ICE == ICELite {
		ice := newICE()
		o.ICE = &ice
		s.restart = func() sdp.ICE {
			ice := newICE()
			s.end.RestartICE(ice)
			return sdp.ICE(ice)
		}
	}
	end, err := d.pool.Open(now, o)
	if err != nil {
		return err
	}
	s.end = end
	s.local = s.newLocal(d, o.ICE)
	return nil
}

// newICE is a ufrag and password, of at least 4 and 22 characters. RFC 8839 §5.4.
func newICE() media.ICE { return media.ICE{Ufrag: rand.Text()[:8], Pwd: rand.Text()} }

// newLocal is what the side brings to offers and answers.
func (s *side) newLocal(d *B2BUA, ice *media.ICE) sdp.Local {
	t := &s.trunk.cfg
	addr, rtp, rtcp := s.end.Local()
	l := sdp.Local{
		Addr: addr, Port: rtp, RTCPPort: rtcp,
		Mux:          muxOf(t.Media.Mux),
		Formats:      formats(d.codecs, t.Media.Codecs),
		Events:       true,
		ComfortNoise: t.Media.ComfortNoise,
		Ptime:        time.Duration(t.Media.Ptime) * time.Millisecond,
		Hold:         holdOf(t.Dialog.Hold),
		Session:      sdp.Session{ID: random(), Version: 1},
		Security:     security(&t.Security, d.pool.Fingerprint()),
	}
	if ice != nil {
		l.ICE = &sdp.ICE{Ufrag: ice.Ufrag, Pwd: ice.Pwd}
	}
	return l
}

// apply gives the media what was agreed in a dialog.
func (s *side) apply(now time.Time, dialog string) error {
	a, ok := s.agreed(dialog)
	if !ok || s.end == nil {
		return nil
	}
	s.record.Codec = codecName(a.Send.Codec)
	s.hears = codec.Params{}
	return s.end.Apply(now, dialog, a)
}

// current returns what is agreed with the dialog that counts.
func (s *side) current() (*sdp.Agreed, bool) { return s.agreed(s.dialog) }

// uses returns the codec that is sent to the far end, none while nothing is agreed.
func (s *side) uses() []codec.Params {
	a, ok := s.current()
	if !ok {
		return nil
	}
	return []codec.Params{a.Send.Codec}
}

// lets is which ways the far end lets audio go, seen from us.
func (s *side) lets() sdp.Direction { return s.will(s.dialog) }

// live reports whether the side's leg still has something to do.
func (s *side) live() bool { return s.leg != nil && !s.leg.Over() }

// close ends the media and keeps its figures.
func (s *side) close(now time.Time) {
	if s.end == nil {
		return
	}
	s.measure()
	s.end.Connect(nil)
	s.end.Close(now)
	s.end = nil
}

// measure takes the figures of the media into the record.
func (s *side) measure() {
	if s.end == nil {
		return
	}
	s.record.measure(s.end.Stats())
}

// measure takes the figures of the media into a record.
func (r *LegRecord) measure(st media.Stats) {
	r.Secure = st.Secure
	r.Media = MediaRecord{
		Local:      address(st.Local),
		Remote:     address(st.Remote),
		Received:   st.Received.Packets,
		Sent:       st.Sent.Packets,
		Lost:       st.Received.Lost,
		Jitter:     st.Received.Jitter,
		Rejected:   st.Rejected,
		RemoteLost: st.RemoteLost,
	}
}

// latch notes a decision of the media.
func (s *side) latch(r LatchRecord) {
	if len(s.record.Latches) < latchesMax {
		s.record.Latches = append(s.record.Latches, r)
	}
}

// latchesMax is how many decisions of one side are kept in a record.
const latchesMax = 32

func address(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func codecName(p codec.Params) string {
	if p.Name == "" {
		return ""
	}
	b := append(append(make([]byte, 0, 32), p.Name...), '/')
	return string(strconv.AppendInt(b, int64(p.ClockRate), 10))
}
