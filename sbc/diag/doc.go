// Package diag says how the appliance and its calls are: metrics, alarms, and a
// verdict in words on each call.
//
// [Verdict] and [Alarms] are functions of what the rooms publish. [Board] keeps
// since when each alarm is up, and its goroutine, in run.go, logs when one comes
// or goes. [Metrics] serves the counters of all rooms in the format of
// Prometheus.
//
// It reads copies and never waits for the owner of anything.
package diag
