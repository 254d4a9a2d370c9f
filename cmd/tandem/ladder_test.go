package main

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/sbc/admin"
)

// t0 is when the calls of these tests began.
func t0() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// at is an event ms milliseconds into the call.
func at(ms int, kind, leg, text string) admin.Event {
	return admin.Event{At: t0().Add(time.Duration(ms) * time.Millisecond), Kind: kind, Leg: leg, Text: text}
}

func ladderCall() admin.Call {
	invite := at(0, "received", "A", "INVITE")
	invite.SDP = true
	return admin.Call{
		ID: "x", Invited: t0(), A: admin.Leg{Trunk: "west"}, B: admin.Leg{Trunk: "east"},
		Attempts: []admin.Attempt{{Trunk: "north"}, {Trunk: "east"}},
		Events: []admin.Event{
			invite, at(1, "sent", "A", "100 Trying"), at(2, "sent", "B1", "INVITE"), at(9, "received", "B1", "503 Service Unavailable"),
			at(10, "sent", "B2", "INVITE"), at(40, "latch", "B2", "latched 192.0.2.20:4000"), at(60, "received", "B2", "200 OK"),
			at(61, "sent", "A", "200 OK"),
		},
	}
}

// Both legs are on one ladder: arrows point the way the message went, and each
// leg has a line under its trunk.
func TestLadderJoinsTheLegs(t *testing.T) {
	var b strings.Builder
	drawLadder(&b, ladderCall())
	want := `            A west                      tandem                     B1 north                     B2 east
   0.000       │────── INVITE (SDP) ──────>│                           │                           │
   0.001       │<────── 100 Trying ────────│                           │                           │
   0.002       │                           │───────── INVITE ─────────>│                           │
   0.009       │                           │< 503 Service Unavailable ─│                           │
   0.010       │                           │───────── INVITE ─────────────────────────────────────>│
   0.040       │                           │                           │                           │   B2 latch: latched 192.0.2.20:4000
   0.060       │                           │<──────── 200 OK ──────────────────────────────────────│
   0.061       │<──────── 200 OK ──────────│                           │                           │
`
	if got := b.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// A long text leaves the head of its arrow alone, whichever way it points.
func TestLongTextLeavesTheArrow(t *testing.T) {
	long := strings.Repeat("x", 60)
	for _, kind := range []string{"sent", "received"} {
		for _, leg := range []string{"A", "B1", "B2"} {
			c := ladderCall()
			c.Events = append(c.Events, at(70, kind, leg, long))
			var b strings.Builder
			drawLadder(&b, c)
			lines := strings.Split(strings.TrimSpace(b.String()), "\n")
			last := lines[len(lines)-1]
			if right := (kind == "received") == (leg == "A"); !strings.Contains(last, "│<") && !right || !strings.Contains(last, ">│") && right {
				t.Errorf("%s %s has no head: %s", kind, leg, last)
			}
		}
	}
}

// What came from the network cannot steer the terminal.
func TestTerminalIsNotSteered(t *testing.T) {
	c := ladderCall()
	c.Caller, c.Text, c.A.CallID = "\x1b[2J1", "bad\r\nline", "a\x9b31mb"
	c.Events[0].Text = "INVITE\x1b[31m"
	c.Events[5].Text = "note\x1b]0;title\a"
	var b strings.Builder
	describe(&b, c)
	listRecords(&b, []admin.Call{c})
	if got := b.String(); strings.ContainsAny(got, "\x1b\r\a\u009b") {
		t.Errorf("control characters in %q", got)
	}
}
