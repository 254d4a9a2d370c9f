package admin

import (
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// A Trunk is a trunk as it is now.
type Trunk struct {
	Name       string     `json:"name"`
	Profile    string     `json:"profile"`
	Host       string     `json:"host,omitempty" doc:"Where requests to it go; empty when it only calls us"`
	Transport  string     `json:"transport,omitempty"`
	Up         bool       `json:"up" doc:"New calls may go there"`
	Overall    string     `json:"overall" doc:"unknown, online or warning"`
	Ping       string     `json:"ping" doc:"How OPTIONS is answered: unknown, active, expired or error"`
	TLS        string     `json:"tls" doc:"unknown, active, cert_expiring or cert_expired"`
	Registered string     `json:"registered,omitempty" doc:"registering, registered or failed; empty without registration"`
	Since      *time.Time `json:"since,omitempty" doc:"When it last went down or came up"`
	Until      *time.Time `json:"until,omitempty" doc:"It asked to be left alone until then"`
	Reason     string     `json:"reason,omitempty" doc:"The last failure"`
	RTTMS      float64    `json:"rtt_ms,omitempty" doc:"Of the last answer to OPTIONS"`
	Expires    *time.Time `json:"certificate_expires,omitempty"`
	Calls      int        `json:"calls" doc:"In progress, both directions"`
}

// trunkOf shows a trunk with the number of its calls.
func trunkOf(now time.Time, t *sbc.Trunk, calls int) Trunk {
	cfg, c := t.Config(), t.Condition()
	return Trunk{
		Name: t.Name(), Profile: string(cfg.Profile), Host: cfg.Peer.Host, Transport: string(cfg.Peer.Transport),
		Up: t.Up(now), Overall: string(c.Overall), Ping: string(c.Ping), TLS: string(c.TLS), Registered: c.Registered,
		Since: moment(c.Since), Until: moment(c.Until), Reason: c.Reason,
		RTTMS: float64(c.RoundTrip) / float64(time.Millisecond), Expires: moment(c.Expires), Calls: calls,
	}
}
