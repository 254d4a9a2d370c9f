package sbc

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
)

// answerEast lets east ring, answer every call with a codec and say goodbye
// properly.
func (b *bed) answerEast(format, rtpmap string) {
	b.hears(east(), func(m message) {
		switch {
		case m.is("INVITE"):
			b.say(east(), m.reply(180, "e", ""))
			b.say(east(), m.reply(200, "e", description("192.0.2.20", format, rtpmap)))
		case m.is("BYE"), m.is("CANCEL"):
			b.say(east(), m.reply(200, "e", ""))
		}
	})
}

// callWest lets west acknowledge what it gets, hang up at once if it is to, and
// tells final responses to ended.
func (b *bed) callWest(hangUp bool, ended func(message)) {
	b.hears(west(), func(m message) {
		switch {
		case m.is("200 INVITE"):
			b.say(west(), follow(m, "ACK", 1))
			if hangUp {
				b.say(west(), follow(m, "BYE", 2))
			} else {
				ended(m)
			}
		case m.is("BYE"):
			b.say(west(), m.reply(200, "w", ""))
			ended(m)
		case strings.HasPrefix(m.start(), "SIP/2.0 1"):
		case strings.HasPrefix(m.start(), "SIP/2.0"):
			ended(m)
		}
	})
}

// A call from INVITE to BYE leaves a record and nothing else.
func TestCallLeavesItsRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, g711Set(), "PCMU")
		b.answerEast("0", "PCMU/8000")
		b.callWest(true, func(message) {})
		b.say(west(), invitation("one", "+15550100"))
		time.Sleep(time.Minute)
		if s := b.b.Stats(); s.Up != 0 || s.Calls != 1 || s.Answered != 1 || s.Panics != 0 {
			t.Errorf("stats = %+v", s)
		}
		if n := b.b.pool.Stats(time.Now()).Used; n != 0 {
			t.Errorf("%d ports are still in use", n)
		}
		b.close()
		if len(b.records) != 1 {
			t.Fatalf("%d records, want 1", len(b.records))
		}
		r := b.records[0]
		if r.Status != 200 || r.EndedBy != byCaller || r.A.Codec != "PCMU/8000" || r.B.Trunk != "east" ||
			r.Ringing.IsZero() || r.Answered.IsZero() || r.A.CallID != "one" || r.B.CallID == "" {
			t.Errorf("record = %+v", r)
		}
		for _, id := range []string{r.ID, r.A.CallID, r.B.CallID} {
			v, ok := b.b.Call(id)
			if !ok || v.State != StateEnded || len(v.Events) < 8 {
				t.Errorf("of the ended call %s are left: %t, %v, %d events", id, ok, v.State, len(v.Events))
			}
		}
	})
}

// A call that is up is found by our id and by the Call-IDs of its legs, and no
// longer than it is up.
func TestCallIsFoundByCallID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, g711Set(), "PCMU")
		b.answerEast("0", "PCMU/8000")
		b.callWest(false, func(message) {})
		b.say(west(), invitation("one", "+15550100"))
		time.Sleep(time.Second)
		r := b.b.Calls()[0].Record
		for _, id := range []string{r.ID, "one", r.B.CallID} {
			if v, ok := b.b.Call(id); !ok || v.ID != r.ID || v.State != StateAnswered {
				t.Errorf("%s: %t, %s %v", id, ok, v.ID, v.State)
			}
		}
		if !b.b.Hangup(r.B.CallID) {
			t.Error("not hung up by the Call-ID of the called side")
		}
		time.Sleep(time.Minute)
		if c := b.b.find("one"); c != nil {
			t.Errorf("a call that is over is found: %s", c.id)
		}
		b.close()
	})
}

// A writer that keeps timelines gets the whole of one, to the last response.
func TestTimelineIsWrittenWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, g711Set(), "PCMU")
		b.answerEast("0", "PCMU/8000")
		b.callWest(true, func(message) {})
		b.say(west(), invitation("one", "+15550100"))
		time.Sleep(time.Minute)
		b.close()
		if len(b.timelines) != 1 || len(b.records) != 1 || b.timelines[0].ID != b.records[0].ID || !b.timelines[0].Invited.Equal(b.records[0].Invited) {
			t.Fatalf("%d timelines of %d records: %+v", len(b.timelines), len(b.records), b.timelines)
		}
		last := b.timelines[0].Events[len(b.timelines[0].Events)-1]
		if last.Leg != "B1" || last.Kind != KindReceived || last.Text != "200 OK to BYE" {
			t.Errorf("it ends with %+v", last)
		}
	})
}

// Of the calls that have ended as many are found as are kept.
func TestRecentCallsAreBounded(t *testing.T) {
	var r recent
	view := func(n int) *CallView {
		id := itoa(n)
		return &CallView{ID: id, Record: CDR{A: LegRecord{CallID: "a" + id}}}
	}
	for n := range 5 {
		r.add(view(n), 2)
	}
	if len(r.views) != 2 || r.known["2"] != nil || r.known["a2"] != nil || r.known["3"] == nil || r.known["a4"] == nil {
		t.Errorf("kept %v", r.known)
	}
	r.add(view(5), 0)
	if len(r.views)+len(r.known) != 0 {
		t.Errorf("kept %v", r.known)
	}
}

// A faultyCodec panics when an encoder is asked for.
type faultyCodec struct{ codec.Codec }

func (faultyCodec) NewEncoder(int) (codec.Encoder, error) { panic("fault") }

// A fault of ours ends the call in which it happened, and no other.
func TestFaultEndsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, codec.Set{g711.PCMU(), faultyCodec{g711.PCMA()}}, "PCMA")
		b.answerEast("8", "PCMA/8000")
		var byes atomic.Int32
		b.callWest(false, func(m message) {
			if m.is("BYE") {
				byes.Add(1)
			}
		})
		b.say(west(), invitation("one", "+15550100"))
		time.Sleep(time.Minute)
		if s := b.b.Stats(); s.Panics != 1 || s.Up != 0 {
			t.Errorf("panics %d, calls up %d, want 1 and 0", s.Panics, s.Up)
		}
		if byes.Load() == 0 {
			t.Error("the caller was not released")
		}
		b.close()
		if len(b.records) != 1 || b.records[0].Status != 500 {
			t.Errorf("records = %+v, want one with 500", b.records)
		}
	})
}

// What is refused has a record that says why.
func TestRefusedCallIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, g711Set(), "PCMU")
		var got message
		b.callWest(false, func(m message) { got = m })
		b.say(west(), invitation("one", "+4930"))
		time.Sleep(time.Second)
		b.close()
		if !got.is("404 INVITE") || len(b.records) != 1 || b.records[0].Status != 404 {
			t.Errorf("west got %q, records %+v", got.start(), b.records)
		}
	})
}

// The operator ends a call; one that is over cannot be ended.
func TestHangup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, g711Set(), "PCMU")
		b.answerEast("0", "PCMU/8000")
		b.callWest(false, func(message) {})
		b.say(west(), invitation("one", "+15550100"))
		time.Sleep(time.Second)
		calls := b.b.Calls()
		if len(calls) != 1 || calls[0].State != StateAnswered {
			t.Fatalf("calls = %+v, want one that is answered", calls)
		}
		if !b.b.Hangup(calls[0].ID) {
			t.Error("the call was not found")
		}
		time.Sleep(time.Minute)
		if b.b.Hangup(calls[0].ID) {
			t.Error("a call that is over was ended again")
		}
		b.close()
		if r := b.records[0]; r.EndedBy != byGateway || r.Q850 != 16 {
			t.Errorf("record = %+v", r)
		}
	})
}

// The operator hands the caller to another number.
func TestTransferByOperator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBed(t, g711Set(), "PCMU")
		b.answerEast("0", "PCMU/8000")
		b.callWest(false, func(message) {})
		b.say(west(), invitation("one", "+15550100"))
		time.Sleep(time.Second)
		id := b.b.Calls()[0].ID
		if b.b.Transfer(id, "nobody", "+1777") || b.b.Transfer("none", byCaller, "+1777") {
			t.Error("a side or a call that does not exist was transferred")
		}
		if !b.b.Transfer(id, byCaller, "+1777") {
			t.Fatal("not transferred")
		}
		time.Sleep(5 * time.Second)
		v, _ := b.b.Call(id)
		if n := len(v.Record.Transfers); n != 1 || v.Record.Transfers[0].Status != 200 || v.State != StateAnswered {
			t.Errorf("state %v, transfers %+v", v.State, v.Record.Transfers)
		}
		b.close()
	})
}

// Routing errors become the status that means them.
func TestPlanCause(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{{ErrNoRoute, 404}, {&Refusal{Status: 603}, 603}, {errors.New("other"), 500}} {
		if got := planCause(c.err).Status; got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
}

// BenchmarkCall is a whole call: INVITE, 180, 200, ACK, BYE, on both sides, with
// parsing and writing of messages and with media ports, without the sockets.
func BenchmarkCall(b *testing.B) {
	bed := newBed(b, g711Set(), "PCMU")
	bed.answerEast("0", "PCMU/8000")
	done := make(chan struct{}, 1)
	bed.callWest(true, func(m message) {
		if m.is("200 BYE") {
			done <- struct{}{}
		}
	})
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n++
		bed.say(west(), invitation("call"+itoa(n), "+15550100"))
		<-done
	}
	bed.close()
}
