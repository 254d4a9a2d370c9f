package diag

import (
	"fmt"
	"sync"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// An Alarm is something somebody should look at.
type Alarm struct {
	Since time.Time
	Name  string // stable, for scripts: "ports_exhausted", "trunk_down.west"
	Text  string // what is wrong and what to do
	// Failing is set where calls cannot be taken: the process is not healthy.
	Failing bool
}

// linger is how long an event of the past keeps its alarm up.
const linger = 5 * time.Minute

// A Board keeps the alarms that are up, and since when. Safe for concurrent use.
type Board struct {
	mu sync.Mutex
	// Guarded by mu.
	up     map[string]Alarm
	last   Snapshot
	primed bool
	events map[string]time.Time // when a counter last grew
}

// NewBoard returns a board without alarms.
func NewBoard() *Board {
	return &Board{up: map[string]Alarm{}, events: map[string]time.Time{}}
}

// Update looks at a snapshot and returns the alarms that are up, those that came
// and those that went with it. Where a counter tells, its growth since the
// snapshot before keeps the alarm up for five minutes.
func (b *Board) Update(now time.Time, s Snapshot) (up, came, went []Alarm) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note(now, s)
	next := map[string]Alarm{}
	for _, a := range append(Alarms(s), b.recent(now)...) {
		a.Since = now
		if was, ok := b.up[a.Name]; ok {
			a.Since = was.Since
		} else {
			came = append(came, a)
		}
		next[a.Name] = a
		up = append(up, a)
	}
	for name, a := range b.up {
		if _, still := next[name]; !still {
			went = append(went, a)
		}
	}
	b.up = next
	return up, came, went
}

// grown are the counters whose growth is an alarm.
func grown(s Snapshot) map[string]uint64 {
	counts := map[string]uint64{
		"ports_exhausted": s.Media.Exhausted,
		"call_fault":      s.Calls.Panics,
		"records_lost":    s.Calls.RecordsLost,
		"inbox_full":      s.Calls.InboxFull,
		"tls_refused":     s.Transport.Counters["handshakes_failed_trunk"],
	}
	for _, l := range s.Limits {
		if l.Ceiling {
			counts[l.Name] = l.Refused
		}
	}
	return counts
}

// note remembers when which counter grew. b.mu is held.
func (b *Board) note(now time.Time, s Snapshot) {
	if b.primed {
		was := grown(b.last)
		for name, n := range grown(s) {
			if n > was[name] {
				b.events[name] = now
			}
		}
	}
	b.last, b.primed = s, true
}

// recent returns the alarms of counters that grew not long ago. b.mu is held.
func (b *Board) recent(now time.Time) []Alarm {
	var out []Alarm
	alarms := []Alarm{
		{Name: "ports_exhausted", Text: "calls were refused because no RTP port was free: widen media.port_min to media.port_max"},
		{Name: "call_fault", Text: "calls were ended by a fault of the gateway: the log has the stack; please report it"},
		{Name: "records_lost", Text: "call records were lost because the queue was full: see what the record store says"},
		{Name: "tls_refused", Text: "a trunk's TLS handshake with us failed: its certificate is missing, expired or not for it; the log says from where"},
		{Name: "inbox_full", Text: "calls got more messages than they could take: the machine is too slow or a peer floods"},
	}
	for _, l := range b.last.Limits {
		if l.Ceiling {
			alarms = append(alarms, Alarm{
				Name: l.Name, Text: "calls were refused by the ceiling limits." + l.Name + ": look for toll fraud in the call records",
			})
		}
	}
	for _, a := range alarms {
		if at, ok := b.events[a.Name]; ok && now.Sub(at) < linger {
			out = append(out, a)
		}
	}
	return out
}

// Alarms returns what a snapshot alone shows to be wrong. Since is not set.
func Alarms(s Snapshot) []Alarm {
	var out []Alarm
	add := func(failing bool, name, format string, args ...any) {
		out = append(out, Alarm{Name: name, Failing: failing, Text: fmt.Sprintf(format, args...)})
	}
	if m := s.Media; m.Ports > 0 && m.Used >= m.Ports {
		add(true, "no_free_port", "all %d pairs of RTP ports are in use: widen media.port_min to media.port_max", m.Ports)
	}
	if r := s.Records; r.Alarm != "" {
		add(false, "records", "call records wait (%d, spool %d KiB): %s", r.Waiting, r.SpoolBytes>>10, r.Alarm)
	}
	if s.Calls.RecordAlarm {
		add(false, "records_waiting", "%d call records wait for the store", s.Calls.RecordsWaiting)
	}
	if p := s.Process; p.FileMax > 0 && p.Files > 0 && uint64(p.Files)*10 > p.FileMax*9 {
		add(uint64(p.Files) >= p.FileMax, "open_files", "%d of %d files are open: raise the limit (ulimit -n, LimitNOFILE)", p.Files, p.FileMax)
	}
	for _, t := range s.Trunks {
		out = append(out, trunkAlarms(t)...)
	}
	return out
}

func trunkAlarms(t TrunkCondition) []Alarm {
	var out []Alarm
	add := func(name, format string, args ...any) {
		out = append(out, Alarm{Name: name + "." + t.Name, Text: fmt.Sprintf(format, args...)})
	}
	if t.Down {
		add("trunk_down", "trunk %s is down since %s: %s", t.Name, t.Since.UTC().Format(time.DateTime), t.Reason)
	}
	if t.Registered == "failed" {
		add("registration", "trunk %s is not registered: %s", t.Name, t.Reason)
	}
	switch t.TLS {
	case sbc.TLSCertExpired:
		add("certificate", "the certificate of trunk %s expired on %s", t.Name, t.Expires.UTC().Format(time.DateOnly))
	case sbc.TLSCertExpiring:
		add("certificate", "the certificate of trunk %s expires on %s", t.Name, t.Expires.UTC().Format(time.DateOnly))
	case sbc.TLSUnknown, sbc.TLSActive:
	}
	return out
}
