package diag

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/tandem-voip/tandem/sbc"
)

// Metrics returns the handler of /metrics: what source returns at each scrape,
// and what the runtime and the system say of the process.
func Metrics(source func() Snapshot) http.Handler {
	r := prometheus.NewRegistry()
	r.MustRegister(collector{source}, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return promhttp.HandlerFor(r, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// A collector makes metrics of a snapshot. Safe for concurrent use.
type collector struct{ source func() Snapshot }

// Describe says nothing, so that names are not checked beforehand: the rooms
// say what they count.
func (c collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of a snapshot taken now.
func (c collector) Collect(out chan<- prometheus.Metric) {
	s := c.source()
	e := emitter{out}
	e.calls(s)
	e.records(s.Records)
	e.media(s)
	e.gauge("sip_legs", "Dialogs and registrations now.", s.UA.Legs)
	e.gauge("sip_lingering", "Answers kept for repeated messages.", s.UA.Lingering)
	e.gauge("sip_connections", "Open stream connections.", s.Transport.Connections)
	e.labelled("sip_events_total", "What the user agent counted.", "event", s.UA.Counters)
	e.labelled("transport_events_total", "What the SIP transport counted.", "event", s.Transport.Counters)
	for _, t := range s.Trunks {
		e.trunk(t)
	}
	for _, l := range s.Limits {
		e.limit(l)
	}
	e.metric("info", "Version of the program.", prometheus.GaugeValue, 1, "version", s.Process.Version)
}

// An emitter sends metrics, each named tandem_NAME.
type emitter struct{ out chan<- prometheus.Metric }

func (e emitter) calls(s Snapshot) {
	c := s.Calls
	e.gauge("calls", "Calls in progress.", c.Up)
	e.counter("calls_total", "INVITEs that began or would have begun a call.", c.Calls)
	e.counter("calls_answered_total", "Calls that were answered and are over.", c.Answered)
	e.counter("calls_refused_total", "Calls that were not admitted or had no route.", c.Refused)
	e.counter("calls_no_port_total", "Calls for which no RTP port was free.", c.NoMedia)
	e.counter("calls_offer_refused_total", "Calls without a common codec, or with an offer that is none.", c.OffersRefused)
	e.counter("call_faults_total", "Calls ended by a fault of the gateway.", c.Panics)
	e.counter("call_inbox_full_total", "Messages a call had no room for.", c.InboxFull)
	e.counter("call_notices_lost_total", "Media notices a call had no room for.", c.NoticesLost)
	e.counter("call_digits_lost_total", "Digits a call had no room for.", c.DigitsLost)
	e.counter("calls_too_deep_total", "Transfers and redirections refused because the call had had enough.", c.TooDeep)
	e.counter("headers_left_out_total", "Header values that a rule lets pass and that are too many, too long or not text.", c.HeadersLeftOut)
	e.gauge("records_queued", "Call records that wait for the store.", c.RecordsWaiting)
	e.counter("records_lost_total", "Call records lost because the queue was full.", c.RecordsLost)
	draining := 0
	if c.Draining {
		draining = 1
	}
	e.gauge("draining", "Whether new calls are refused because a stop was asked for.", draining)
}

func (e emitter) records(r Records) {
	if !r.Kept {
		return
	}
	e.gauge("records_waiting", "Call records not yet in the database, in memory.", r.Waiting)
	e.metric("records_spool_bytes", "Size of the spool.", prometheus.GaugeValue, float64(r.SpoolBytes))
	e.counter("records_written_total", "Call records that reached the database.", r.Written)
	e.counter("records_recovered_total", "Call records left by a process that died.", r.Recovered)
	e.counter("records_lost_calls_total", "Calls that were up when a process died.", r.Lost)
	e.counter("records_refused_total", "Call records the spool had no room for.", r.Refused)
	e.counter("records_errors_total", "Attempts to write records that did not succeed.", r.Errors)
}

func (e emitter) media(s Snapshot) {
	m := s.Media
	e.gauge("media_endpoints", "Open RTP endpoints.", m.Endpoints)
	e.gauge("media_ports", "Pairs of ports in the range.", m.Ports)
	e.gauge("media_ports_used", "Pairs in use.", m.Used)
	e.gauge("media_ports_resting", "Pairs freed a moment ago.", m.Resting)
	e.counter("media_endpoints_total", "RTP endpoints ever opened.", m.Opened)
	e.counter("media_exhausted_total", "Endpoints refused because no port was free.", m.Exhausted)
	e.counter("media_bind_errors_total", "Ports skipped because another program has them.", m.BindErrors)
	e.counter("media_packets_in_total", "RTP packets accepted.", m.PacketsIn)
	e.counter("media_packets_out_total", "RTP packets sent.", m.PacketsOut)
	e.counter("media_rejected_total", "RTP packets that were not accepted: of a strange source, or not authentic.", m.Rejected)
	e.counter("media_unauthentic_total", "SRTP and SRTCP packets that were not authentic.", m.Unauthentic)
	e.counter("media_dialogs_refused_total", "Early dialogs beyond media.dialogs.", m.DialogsRefused)
	e.counter("media_malformed_total", "Datagrams at RTP ports that are nothing we know.", m.Malformed)
}

func (e emitter) trunk(t TrunkCondition) {
	e.metric("trunk_up", "Whether new calls may go to the trunk.", prometheus.GaugeValue, truth(!t.Down), "trunk", t.Name)
	e.metric("trunk_round_trip_seconds", "Of the last answer to OPTIONS.", prometheus.GaugeValue, t.RoundTrip.Seconds(), "trunk", t.Name)
	e.metric("trunk_options_total", "OPTIONS sent.", prometheus.CounterValue, float64(t.Pings), "trunk", t.Name)
	e.metric("trunk_options_failed_total", "OPTIONS that failed.", prometheus.CounterValue, float64(t.Failures), "trunk", t.Name)
	for _, state := range []sbc.TLSCondition{sbc.TLSUnknown, sbc.TLSActive, sbc.TLSCertExpiring, sbc.TLSCertExpired} {
		e.metric("trunk_tls", "Which state TLS with the trunk is in.", prometheus.GaugeValue, truth(t.TLS == state),
			"trunk", t.Name, "state", string(state))
	}
	if !t.Expires.IsZero() {
		e.metric("trunk_certificate_expires_seconds", "Unix time at which the trunk's certificate expires or has expired.",
			prometheus.GaugeValue, float64(t.Expires.Unix()), "trunk", t.Name)
	}
}

// truth is 1 for true.
func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func (e emitter) limit(l sbc.LimitView) {
	e.metric("limit_calls", "Calls that count against the limit now.", prometheus.GaugeValue, float64(l.Calls), "limit", l.Name)
	e.metric("limit_max_calls", "How many there may be; 0 for any.", prometheus.GaugeValue, float64(l.Max), "limit", l.Name)
	e.metric("limit_admitted_total", "Calls the limit has admitted.", prometheus.CounterValue, float64(l.Admitted), "limit", l.Name)
	e.metric("limit_refused_total", "Calls the limit has refused.", prometheus.CounterValue, float64(l.Refused), "limit", l.Name)
	if l.Ceiling {
		e.metric("limit_hourly_calls", "Calls begun in the last hour.", prometheus.GaugeValue, float64(l.Hourly), "limit", l.Name)
		e.metric("limit_daily_seconds", "Time talked in the last 24 hours.", prometheus.GaugeValue, l.Talked.Seconds(), "limit", l.Name)
	}
}

func (e emitter) gauge(name, help string, n int) {
	e.metric(name, help, prometheus.GaugeValue, float64(n))
}

func (e emitter) counter(name, help string, n uint64) {
	e.metric(name, help, prometheus.CounterValue, float64(n))
}

func (e emitter) labelled(name, help, label string, counts map[string]uint64) {
	for what, n := range counts {
		e.metric(name, help, prometheus.CounterValue, float64(n), label, what)
	}
}

// metric sends one metric. Labels are names and values in turn.
func (e emitter) metric(name, help string, kind prometheus.ValueType, v float64, label ...string) {
	var names, values []string
	for pair := range slices.Chunk(label, 2) {
		names, values = append(names, pair[0]), append(values, pair[1])
	}
	d := prometheus.NewDesc("tandem_"+name, help, names, nil)
	m, err := prometheus.NewConstMetric(d, kind, v, values...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	e.out <- m
}
