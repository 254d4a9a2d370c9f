package sip

import "sync/atomic"

// counter names one of the counts of a UA.
type counter int

const (
	countInvite counter = iota
	countStranger
	countNoDialog
	countWrongSource
	countStrayACK
	countStrayResponse
	countStrayAnswer
	countInboxFull
	countTableFull
	countMerged
	countLoop
	countHops
	countRefused
	countDraining
	countRepeated
	countUnsendable
	countChallenged
	countLoginWrong
	countLoginStale
	countForks
	countRefers
	countTargetFailed
	countFailedStray
	numCounters
)

// name is the key in Stats.
func (c counter) name() string {
	switch c {
	case countInvite:
		return "invite.received"
	case countStranger:
		return "request.stranger"
	case countNoDialog:
		return "request.no_dialog"
	case countWrongSource:
		return "request.wrong_source"
	case countStrayACK:
		return "ack.stray"
	case countStrayResponse:
		return "response.stray"
	case countStrayAnswer:
		return "response.late_answer"
	case countInboxFull:
		return "inbox.full"
	case countTableFull:
		return "table.full"
	case countMerged:
		return "invite.merged"
	case countLoop:
		return "invite.loop"
	case countHops:
		return "invite.too_many_hops"
	case countRefused:
		return "request.refused"
	case countChallenged:
		return "request.challenged"
	case countLoginWrong:
		return "login.wrong"
	case countLoginStale:
		return "login.stale"
	case countDraining:
		return "invite.draining"
	case countRepeated:
		return "request.repeated"
	case countUnsendable:
		return "send.failed"
	case countForks:
		return "fork.too_many"
	case countRefers:
		return "refer.too_many"
	case countTargetFailed:
		return "target.failed"
	case countFailedStray:
		return "failure.stray"
	case numCounters:
	}
	return ""
}

// counters are a UA's counts; safe for concurrent use.
type counters [numCounters]atomic.Uint64

func (c *counters) add(n counter) { c[n].Add(1) }

func (c *counters) view() map[string]uint64 {
	m := make(map[string]uint64, len(c))
	for i := range c {
		m[counter(i).name()] = c[i].Load()
	}
	return m
}
