package diag

import (
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/media"
	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sip/transport"
)

// t0 is when everything begins.
func t0() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// names returns the names of alarms, sorted.
func names(list []Alarm) string {
	var out []string
	for _, a := range list {
		out = append(out, a.Name)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// An alarm keeps the time it came, and its going is told once.
func TestAlarmKeepsItsTime(t *testing.T) {
	b := NewBoard()
	bad := Snapshot{Records: Records{Alarm: "disk is full"}}
	up, came, _ := b.Update(t0(), bad)
	if names(up) != "records" || names(came) != "records" {
		t.Errorf("up %q, came %q", names(up), names(came))
	}
	up, came, _ = b.Update(t0().Add(time.Minute), bad)
	if len(came) != 0 || !up[0].Since.Equal(t0()) {
		t.Errorf("up %+v, came %+v", up, came)
	}
	up, _, went := b.Update(t0().Add(2*time.Minute), Snapshot{})
	if len(up) != 0 || names(went) != "records" {
		t.Errorf("up %+v, went %+v", up, went)
	}
	if _, _, went = b.Update(t0().Add(3*time.Minute), Snapshot{}); len(went) != 0 {
		t.Errorf("went again: %+v", went)
	}
}

// A counter that grows raises its alarm for five minutes; what it counted before
// the board began is the past.
func TestCounterRaisesAlarmForAWhile(t *testing.T) {
	b := NewBoard()
	s := Snapshot{Media: media.PoolStats{Exhausted: 7}}
	if up, _, _ := b.Update(t0(), s); len(up) != 0 {
		t.Errorf("at the start: %+v", up)
	}
	s.Media.Exhausted = 8
	for _, after := range []time.Duration{time.Second, time.Minute, linger} {
		if up, _, _ := b.Update(t0().Add(after), s); names(up) != "ports_exhausted" {
			t.Errorf("after %v: %q", after, names(up))
		}
	}
	if up, _, _ := b.Update(t0().Add(linger+2*time.Second), s); len(up) != 0 {
		t.Errorf("after all: %+v", up)
	}
}

// What is wrong has a name; what keeps calls out makes the process fail.
func TestAlarmsNameWhatIsWrong(t *testing.T) {
	list := Alarms(Snapshot{
		Media:   media.PoolStats{Ports: 10, Used: 10},
		Process: Process{Files: 95, FileMax: 100},
		Trunks: []TrunkCondition{
			{"west", sbc.Condition{Down: true, Reason: "503", TLS: sbc.TLSUnknown}},
			{"east", sbc.Condition{Registered: "failed", TLS: sbc.TLSCertExpired}},
			{"north", sbc.Condition{TLS: sbc.TLSCertExpiring}},
			{"south", sbc.Condition{TLS: sbc.TLSActive, Registered: "registered"}},
		},
	})
	if got, want := names(list), "certificate.east certificate.north no_free_port open_files registration.east trunk_down.west"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, a := range list {
		if a.Failing != (a.Name == "no_free_port") {
			t.Errorf("%+v", a)
		}
	}
}

// answeredCall is a call of a minute with audio both ways.
func answeredCall() sbc.CDR {
	return sbc.CDR{
		ID: "x", Invited: t0(), Answered: t0().Add(2 * time.Second), Ended: t0().Add(62 * time.Second), Status: 200, EndedBy: "caller",
		A: sbc.LegRecord{Trunk: "west", CallID: "a", Media: sbc.MediaRecord{Local: "192.0.2.1:4000", Received: 3000, Sent: 3000}},
		B: sbc.LegRecord{Trunk: "east", CallID: "b", Media: sbc.MediaRecord{Local: "192.0.2.1:4002", Received: 3000, Sent: 3000}},
	}
}

// failedCall is a call that was not answered, after these targets.
func failedCall(status int, by string, targets ...sbc.Attempt) sbc.CDR {
	return sbc.CDR{
		ID: "x", Invited: t0(), Ended: t0().Add(9 * time.Second), Status: status, EndedBy: by, Text: "Some Reason",
		A: sbc.LegRecord{Trunk: "west"}, Targets: targets,
	}
}

// Each way a call can go has its verdict.
func TestVerdictSaysWhy(t *testing.T) {
	change := func(f func(*sbc.CDR)) sbc.CDR {
		c := answeredCall()
		f(&c)
		return c
	}
	east := sbc.Attempt{Trunk: "east", Status: 408, Text: "Request Timeout"}
	for _, tc := range []struct {
		name string
		c    sbc.CDR
		want string
	}{
		{"a good call", answeredCall(), "good: Answered, ended by the caller after 1m0s."},
		{"nothing from the caller", change(func(c *sbc.CDR) { c.A.Media.Received = 0 }), "one_way_caller: No audio came from the caller. Nothing arrived at 192.0.2.1:4000"},
		{"a caller behind NAT", change(func(c *sbc.CDR) { c.A.Media.Received, c.A.Media.Rejected = 0, 7 }), "one_way_caller: No audio came from the caller. 7 packets"},
		{"nothing from the called", change(func(c *sbc.CDR) { c.B.Media.Received = 0 }), "one_way_called: "},
		{"nothing at all", change(func(c *sbc.CDR) { c.A.Media.Received, c.B.Media.Received = 0, 0 }), "no_media: "},
		{"a second of nothing", change(func(c *sbc.CDR) { c.A.Media.Received, c.Ended = 0, t0().Add(3*time.Second) }), "good: "},
		{"the echo", change(func(c *sbc.CDR) { c.B = sbc.LegRecord{Trunk: "echo"} }), "good: "},
		{"much lost", change(func(c *sbc.CDR) { c.B.Media.Lost = 300 }), "poor_audio: 9.1 % of the packets of the called side"},
		{"little lost", change(func(c *sbc.CDR) { c.A.Media.Lost = 60 }), "fair_audio: 2.0 % of the packets of the caller"},
		{"jitter", change(func(c *sbc.CDR) { c.A.Media.Jitter = 80 * time.Millisecond }), "poor_audio: The packets of the caller came with a jitter of 80 ms"},
		{"ended by us", change(func(c *sbc.CDR) { c.EndedBy, c.Text = "gateway", "Both sides were silent" }), "ended_by_gateway: The gateway ended the call: Both sides were silent."},
		{"lost", change(func(c *sbc.CDR) { c.Ended, c.Status = time.Time{}, 0 }), "lost: "},
		{"no route", failedCall(404, "gateway"), "no_route: No route fits a call from trunk west"},
		{"no room", failedCall(503, "gateway"), "no_room: "},
		{"busy", failedCall(486, "called", sbc.Attempt{Trunk: "east", Status: 486}), "busy: "},
		{"no such number", failedCall(404, "called", sbc.Attempt{Trunk: "east", Status: 404}), "number_unknown: Trunk east"},
		{"nobody there", failedCall(408, "gateway", east), "unreachable: No target could be reached: east 408 Request Timeout."},
		{"caller gave up", failedCall(487, "caller", east), "caller_gave_up: The caller hung up 9s"},
		{"not allowed", failedCall(403, "called", east), "not_allowed: "},
		{"no codec", failedCall(488, "gateway"), "no_common_media: "},
		{"something else", failedCall(500, "called", east), "failed: Trunk east answered 500 Some Reason."},
	} {
		if got := Judge(tc.c).String(); !strings.HasPrefix(got, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

// What the rooms count is served under stable names.
func TestMetricsAreServed(t *testing.T) {
	h := Metrics(func() Snapshot {
		return Snapshot{
			Calls:     sbc.Stats{Up: 3, Calls: 10},
			Transport: transport.Stats{Counters: map[string]uint64{"udp.received": 5}},
			Trunks:    []TrunkCondition{{"west", sbc.Condition{Down: true}}},
			Records:   Records{Kept: true, Written: 9},
			Process:   Process{Version: "1.2"},
		}
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil))
	for _, want := range []string{
		"\ntandem_calls 3\n", "\ntandem_calls_total 10\n", `tandem_transport_events_total{event="udp.received"} 5`,
		`tandem_trunk_up{trunk="west"} 0`, "\ntandem_records_written_total 9\n", `tandem_info{version="1.2"} 1`, "\ngo_goroutines ",
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %q in\n%s", want, w.Body)
		}
	}
}

// S13: a ceiling that refuses calls raises an alarm with its name; an ordinary
// limit does not.
func TestCeilingRaisesAlarm(t *testing.T) {
	b := NewBoard()
	s := Snapshot{Limits: []sbc.LimitView{{Name: "trunks.west"}, {Name: "ceilings.satellite", Ceiling: true}}}
	b.Update(t0(), s)
	s.Limits = []sbc.LimitView{{Name: "trunks.west", Refused: 9}, {Name: "ceilings.satellite", Ceiling: true, Refused: 1}}
	if up, _, _ := b.Update(t0().Add(time.Second), s); names(up) != "ceilings.satellite" {
		t.Errorf("up %q", names(up))
	}
}
