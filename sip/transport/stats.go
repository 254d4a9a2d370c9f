package transport

import (
	"strings"
	"sync/atomic"
)

// A counter is one thing we count.
type counter uint8

const (
	countReceived counter = iota
	countSent
	countBytesIn
	countBytesOut
	countReadError
	countSendError
	countDatagramRefused
	countICMPIgnored
	countOverSource
	countOverTotal
	countOverKnown
	countOversize
	countPing
	countSTUN
	countRefused
	countUnanswered
	countAccepted
	countConnRefused
	countOpened
	countOpenFailed
	countHandshakeFailed
	countTrunkUnproved
	countSlowReader
	countTimeout
	countClosed
	countReloaded
	countReloadFailed
	countQuery
	countQueryFailed
	countStale
	countLookupRefused
	countEnd
)

func (c counter) String() string {
	switch c {
	case countReceived:
		return "messages_in"
	case countSent:
		return "messages_out"
	case countBytesIn:
		return "bytes_in"
	case countBytesOut:
		return "bytes_out"
	case countReadError:
		return "read_errors"
	case countSendError:
		return "send_errors"
	case countDatagramRefused:
		return "datagrams_refused"
	case countICMPIgnored:
		return "icmp_ignored"
	case countOverSource:
		return "dropped_source_rate"
	case countOverTotal:
		return "dropped_total_rate"
	case countOverKnown:
		return "dropped_trunk_rate"
	case countOversize:
		return "dropped_size"
	case countPing:
		return "pings"
	case countSTUN:
		return "stun"
	case countRefused:
		return "malformed_answered"
	case countUnanswered:
		return "malformed_unanswered"
	case countAccepted:
		return "connections_accepted"
	case countConnRefused:
		return "connections_refused"
	case countOpened:
		return "connections_opened"
	case countOpenFailed:
		return "connections_failed"
	case countHandshakeFailed:
		return "handshakes_failed"
	case countTrunkUnproved:
		return "handshakes_failed_trunk"
	case countSlowReader:
		return "connections_slow"
	case countTimeout:
		return "connections_timed_out"
	case countClosed:
		return "connections_closed"
	case countReloaded:
		return "certificates_reloaded"
	case countReloadFailed:
		return "certificates_not_reloaded"
	case countQuery:
		return "dns_questions"
	case countQueryFailed:
		return "dns_failures"
	case countStale:
		return "dns_stale_answers"
	case countLookupRefused:
		return "dns_lookups_refused"
	case countEnd:
	}
	return ""
}

// counters is safe for concurrent use.
type counters struct {
	n      [countEnd]atomic.Uint64
	faults [faultEnd]atomic.Uint64
}

func (c *counters) add(k counter, n int) { c.n[k].Add(uint64(n)) }

func (c *counters) inc(k counter) { c.n[k].Add(1) }

// Stats is a copy of the counters.
type Stats struct {
	// Counters holds every counter by name, also those at zero. A message that was
	// refused counts under "malformed." and the reason.
	Counters map[string]uint64
	// Connections is how many stream connections are open or being opened.
	Connections int
}

func (c *counters) stats() map[string]uint64 {
	m := make(map[string]uint64, int(countEnd)+int(faultEnd))
	for k := range countEnd {
		m[k.String()] = c.n[k].Load()
	}
	for f := faultNotSIP; f < faultEnd; f++ {
		m[f.counter()] = c.faults[f].Load()
	}
	return m
}

// counter is the name the fault is counted under: "malformed.bad_via".
func (f fault) counter() string {
	return "malformed." + strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(f.Error()))
}
