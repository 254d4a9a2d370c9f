package appliance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc"
	"github.com/tandem-voip/tandem/sbc/admin"
	"github.com/tandem-voip/tandem/sbc/diag"
	"github.com/tandem-voip/tandem/sbc/record"
)

// A Listening is something the appliance listens on.
type Listening struct {
	Purpose  string // "SIP", "RTP" or "admin"
	Protocol string // "udp", "tcp", "tls", "ws", "wss" or "unix"
	Address  string
}

// Listeners returns what the appliance listens on.
func (a *Appliance) Listeners() []Listening {
	var out []Listening
	for _, l := range a.transport.Listeners() {
		out = append(out, Listening{"SIP", strings.ToLower(l.Kind.String()), l.Addr.String()})
	}
	m := a.built.Media
	out = append(out, Listening{"RTP", "udp", fmt.Sprintf("%s:%d-%d", m.Address, m.PortMin, m.PortMax)})
	if m.Address6.IsValid() {
		out = append(out, Listening{"RTP", "udp", fmt.Sprintf("[%s]:%d-%d", m.Address6, m.PortMin, m.PortMax)})
	}
	for _, l := range a.admin.Addrs() {
		out = append(out, Listening{"admin", l.Network(), l.String()})
	}
	return out
}

// buildAdmin makes the admin API, which shows what the other rooms publish.
func (a *Appliance) buildAdmin(cfg config.Config) error {
	d := admin.Deps{
		Log: a.deps.Log, Listen: a.deps.Listen, ListenUnix: a.deps.ListenUnix,
		Calls:    a.b2bua,
		Trunks:   func() []*sbc.Trunk { return a.b2bua.Dialplan().Trunks.All() },
		Reload:   a.deps.Reload,
		SelfTest: a.SelfTest, EndSelfTest: a.EndSelfTest,
		Health:  a.health,
		Verdict: verdict,
		Metrics: diag.Metrics(a.snapshot),
		Views: map[string]func() any{
			"listeners": func() any { return a.Listeners() },
			"media":     func() any { return a.pool.Stats(clock()) },
			"transport": func() any { return a.transport.Stats() },
			"sip":       func() any { return a.ua.Stats() },
			"calls":     func() any { return a.b2bua.Stats() },
		},
	}
	if a.store != nil {
		d.Records, d.Timeline = a.records, a.timeline
		d.Views["records"] = func() any { return a.store.Stats() }
	}
	socket := admin.SocketPath(cfg.Admin.Socket, os.Getuid(), os.Getenv("XDG_RUNTIME_DIR"))
	var err error
	a.admin, err = admin.New(cfg.Admin, socket, a.deps.Version, d)
	return err
}

// verdict says in words why a call went as it did, once it is over.
func verdict(c sbc.CDR) string {
	if c.Ended.IsZero() && c.Text != record.Lost {
		return ""
	}
	return diag.Judge(c).String()
}

// records asks the store.
func (a *Appliance) records(ctx context.Context, f admin.RecordFilter) ([]sbc.CDR, error) {
	if f.CallID != "" {
		c, err := a.store.Get(ctx, f.CallID)
		if errors.Is(err, record.ErrUnknown) {
			return nil, nil
		}
		return []sbc.CDR{c}, err
	}
	return a.store.Query(ctx, record.Query{
		Since: f.Since, Until: f.Until, Trunk: f.Trunk, Number: f.Number, Status: f.Status, Failed: f.Failed, Limit: f.Limit,
	})
}

// timeline asks the store.
func (a *Appliance) timeline(ctx context.Context, id string) (sbc.Timeline, error) {
	t, err := a.store.Timeline(ctx, id)
	if errors.Is(err, record.ErrUnknown) {
		err = nil
	}
	return t, err
}

// health says how the appliance is: what the board says, freshly looked at.
func (a *Appliance) health(now time.Time) admin.Health {
	s := a.snapshot()
	alarms, _, _ := a.board.Update(now, s)
	h := admin.Health{
		Status: "ok", Version: a.deps.Version, Seconds: now.Sub(a.started).Seconds(), Calls: s.Calls.Up,
		Draining: s.Calls.Draining, Failing: []string{}, Alarms: []admin.Alarm{},
	}
	for _, x := range alarms {
		h.Alarms = append(h.Alarms, admin.Alarm{Since: x.Since, Name: x.Name, Text: x.Text})
		if x.Failing {
			h.Failing = append(h.Failing, x.Text)
		}
	}
	if h.Draining {
		h.Failing = append(h.Failing, "the gateway is stopping: new calls are refused")
	}
	if len(h.Failing) > 0 {
		h.Status = "failing"
	}
	return h
}

// snapshot copies what all rooms show of themselves.
func (a *Appliance) snapshot() diag.Snapshot {
	s := diag.Snapshot{
		Calls: a.b2bua.Stats(), UA: a.ua.Stats(), Transport: a.transport.Stats(), Media: a.pool.Stats(clock()),
		Process: diag.Process{Version: a.deps.Version, Started: a.started},
	}
	plan := a.b2bua.Dialplan()
	s.Limits = plan.Limits.View(clock(), plan.Trunks)
	for _, t := range plan.Trunks.All() {
		s.Trunks = append(s.Trunks, diag.TrunkCondition{Name: t.Name(), Condition: t.Condition()})
	}
	if a.store != nil {
		r := a.store.Stats()
		s.Records = diag.Records{
			Kept: true, Waiting: r.Waiting, SpoolBytes: r.SpoolBytes, Written: r.Written, Recovered: r.Recovered,
			Lost: r.Lost, Refused: r.Refused, Errors: r.Errors, Alarm: r.Alarm,
		}
	}
	s.Process.Files, s.Process.FileMax = files()
	return s
}

// files returns how many descriptors are open and how many may be; 0 where the
// system does not say.
func files() (int, uint64) {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return 0, 0
	}
	d, err := os.Open("/proc/self/fd")
	if err != nil {
		return 0, 0
	}
	defer func() { _ = d.Close() }() // it was only read
	names, err := d.Readdirnames(-1)
	if err != nil {
		return 0, 0
	}
	return len(names), limit.Cur
}
