package sbc

import (
	"reflect"
	"testing"
	"time"
)

// What is kept of a call says what the call said, and shares no list with it.
func TestPackedViewSaysTheSame(t *testing.T) {
	leg := func(n string) LegRecord {
		return LegRecord{
			Trunk: n, CallID: "id" + n, From: "sip:f@" + n, To: "sip:t@" + n, Peer: "UDP " + n, Codec: "PCMU/8000",
			Media:   MediaRecord{Local: "192.0.2.1:4000", Remote: "192.0.2.2:" + n, Received: 7},
			Latches: []LatchRecord{{Dialog: n, Addr: "a" + n, Reason: "answered"}},
		}
	}
	v := CallView{
		ID: "abc", State: StateEnded, Media: "A <-> B1", Omitted: 3,
		Record: CDR{
			ID: "abc", A: leg("1"), B: leg("2"), Caller: "+15550199", Called: "+15550100", Status: 200, Text: "OK",
			Invited: time.Unix(1, 0), Targets: []Attempt{{Trunk: "1", Number: "+1", Text: "busy"}, {Number: "+2"}},
			Transfers: []Transfer{{By: "api", Target: "+3"}},
		},
		Events: append(make([]Event, 0, 32), Event{Kind: KindNote, Text: "one"}, Event{Leg: "A", Text: "INVITE", Dialog: "x"}),
	}
	want := v
	v.pack()
	if !reflect.DeepEqual(v, want) {
		t.Errorf("got  %+v\nwant %+v", v, want)
	}
	if &v.Events[0] == &want.Events[0] || &v.Record.Targets[0] == &want.Record.Targets[0] ||
		&v.Record.A.Latches[0] == &want.Record.A.Latches[0] || cap(v.Events) != len(v.Events) {
		t.Error("a list is shared, or longer than it need be")
	}
}
