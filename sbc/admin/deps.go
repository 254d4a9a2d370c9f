package admin

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// Calls is the calls in progress, and those that ended a while ago.
type Calls interface {
	// Calls returns the calls in progress.
	Calls() []sbc.CallView
	// Call returns one of them, or one that ended not long ago.
	Call(id string) (sbc.CallView, bool)
	// Hangup ends a call; false when there is none of that id, or it is ending.
	Hangup(id string) bool
	// Transfer hands one side of an answered call, "caller" or "called", to a
	// number; the other is released once that has answered. False as for Hangup.
	Transfer(id, side, target string) bool
	// Digits sends digits, 1 to 32 keys, to one side of a call, "caller" or
	// "called". False as for Hangup.
	Digits(id, side, digits string) bool
}

// A RecordFilter says which records are wanted. Zero fields do not narrow.
type RecordFilter struct {
	Since, Until time.Time
	Trunk        string
	Number       string
	CallID       string
	Status       int
	Failed       bool
	Limit        int
}

// ErrUnknown says that what was asked for does not exist.
var ErrUnknown = errors.New("there is none of that name")

// Health is how the appliance is.
type Health struct {
	Status   string   `json:"status" doc:"ok, or failing"`
	Version  string   `json:"version"`
	Seconds  float64  `json:"uptime_seconds"`
	Calls    int      `json:"calls" doc:"In progress"`
	Draining bool     `json:"draining" doc:"New calls are refused since a stop was asked for"`
	Failing  []string `json:"failing" doc:"What does not work, in words; with any the answer is 503"`
	Alarms   []Alarm  `json:"alarms" doc:"What somebody should look at"`
}

// An Alarm is something somebody should look at.
type Alarm struct {
	Since time.Time `json:"since"`
	Name  string    `json:"name" doc:"Stable, for scripts"`
	Text  string    `json:"text"`
}

// Deps are the collaborators of a Server. A nil function means that there is
// nothing of its kind; the API then answers 404.
type Deps struct {
	// Log takes what an operator must know. Nil discards it.
	Log *slog.Logger
	// ListenUnix and Listen open what the configuration asks for.
	ListenUnix func(path string) (net.Listener, error)
	Listen     func(netip.AddrPort) (net.Listener, error)
	// Calls is the calls.
	Calls Calls
	// Trunks returns the trunks of the configuration in force.
	Trunks func() []*sbc.Trunk
	// Records returns the records that fit, the newest first.
	Records func(context.Context, RecordFilter) ([]sbc.CDR, error)
	// Timeline returns what is kept of the timeline of a call that is over; one
	// without events where nothing is.
	Timeline func(ctx context.Context, id string) (sbc.Timeline, error)
	// Reload reads the configuration again and applies it. The error says what is
	// wrong with it, and that nothing was changed.
	Reload func() (Reloaded, error)
	// SelfTest lets two phones on addresses of this machine call through the
	// gateway for a minute.
	SelfTest func(SelfTestRequest) (SelfTest, error)
	// EndSelfTest takes the phones out before the minute is over; caller is the
	// address of the one that calls.
	EndSelfTest func(caller string)
	// Health says how the appliance is.
	Health func(now time.Time) Health
	// Verdict says in words why a call went as it did. Empty for nothing to say.
	Verdict func(sbc.CDR) string
	// Views are other things to show, by name: each returns a copy that JSON can
	// write.
	Views map[string]func() any
	// Metrics serves /metrics.
	Metrics http.Handler
}

// Reloaded says what came of reading the configuration again.
type Reloaded struct {
	Applied []string `json:"applied" doc:"Keys that have changed and hold for new calls"`
	Restart []string `json:"restart" doc:"Keys in which the file differs from what runs until a restart"`
}

// A SelfTestRequest says where the two phones of a self test listen.
type SelfTestRequest struct {
	Caller string `json:"caller" doc:"Address and port of the calling phone"`
	Called string `json:"called" doc:"Address and port of the called phone"`
}

// A SelfTest says how the phones of a self test call one another.
type SelfTest struct {
	Gateway string `json:"gateway" doc:"Address and port the calling phone sends its INVITE to"`
	Number  string `json:"number" doc:"What it dials"`
	Media   string `json:"media" doc:"Address its RTP goes to, whatever the answer advertises"`
}
