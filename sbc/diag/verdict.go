package diag

import (
	"fmt"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// A Verdict says why a call went as it did.
type Verdict struct {
	// Code is stable, for scripts and statistics: "good", "no_route",
	// "one_way_caller".
	Code string
	// Text says in words what happened and what to look at.
	Text string
}

// String is the code and the text.
func (v Verdict) String() string { return v.Code + ": " + v.Text }

// The bounds of good audio: loss as a share of packets, jitter of arrival. They
// are those at which G.711 with concealment begins to be heard and to annoy.
const (
	lossFair   = 0.01
	lossPoor   = 0.05
	jitterPoor = 60 * time.Millisecond
	// silentAfter is how long a call must last before missing audio is no
	// coincidence.
	silentAfter = 3 * time.Second
)

// Judge returns the verdict on a call that is over.
func Judge(c sbc.CDR) Verdict {
	switch {
	case c.Ended.IsZero() && c.Status == 0:
		return Verdict{"lost", "The gateway died while the call was up; when it ended is not known."}
	case c.Answered.IsZero():
		return unanswered(c)
	}
	return answered(c)
}

// answered judges a call by its media and by who ended it.
func answered(c sbc.CDR) Verdict {
	long := c.Duration() >= silentAfter
	builtIn := c.B.CallID == "" // answered by a number of our own: it sends, nobody is heard there
	a, b := c.A.Media, c.B.Media
	switch {
	case long && a.Received == 0 && b.Received == 0 && !builtIn:
		return Verdict{"no_media", "No audio came from either side. " + mediaHint("caller", a)}
	case long && a.Received == 0:
		return Verdict{"one_way_caller", "No audio came from the caller. " + mediaHint("caller", a)}
	case long && b.Received == 0 && !builtIn:
		return Verdict{"one_way_called", "No audio came from the called side. " + mediaHint("called side", b)}
	case c.EndedBy == "gateway":
		return Verdict{"ended_by_gateway", fmt.Sprintf("The gateway ended the call: %s.", strings.TrimSuffix(c.Text, "."))}
	}
	return quality(c)
}

// mediaHint says what to look at when a side was not heard.
func mediaHint(who string, m sbc.MediaRecord) string {
	if m.Rejected > 0 {
		return fmt.Sprintf("%d packets came to %s from a source that was not accepted: the %s may be behind NAT; see media.latch of its trunk.",
			m.Rejected, m.Local, who)
	}
	return fmt.Sprintf("Nothing arrived at %s: a firewall, or an address in the SDP that the %s cannot reach (media.advertise).", m.Local, who)
}

// quality judges a call that was ended by one of its sides.
func quality(c sbc.CDR) Verdict {
	worst, jitter, side := 0.0, time.Duration(0), ""
	for _, s := range []struct {
		name string
		m    sbc.MediaRecord
	}{{"the caller", c.A.Media}, {"the called side", c.B.Media}} {
		if l := share(s.m); l > worst {
			worst, side = l, s.name
		}
		if s.m.Jitter > jitter {
			jitter = s.m.Jitter
			if worst < lossFair {
				side = s.name
			}
		}
	}
	switch {
	case worst >= lossPoor:
		return Verdict{"poor_audio", fmt.Sprintf("%.1f %% of the packets of %s were lost: the network between us and them.", 100*worst, side)}
	case jitter >= jitterPoor:
		return Verdict{"poor_audio", fmt.Sprintf("The packets of %s came with a jitter of %d ms: the network between us and them.", side, jitter.Milliseconds())}
	case worst >= lossFair:
		return Verdict{"fair_audio", fmt.Sprintf("%.1f %% of the packets of %s were lost.", 100*worst, side)}
	}
	return Verdict{"good", fmt.Sprintf("Answered, ended by the %s after %s.", orUnknown(c.EndedBy), c.Duration().Round(time.Second))}
}

// share is the part of the packets that never came.
func share(m sbc.MediaRecord) float64 {
	if m.Received+m.Lost == 0 {
		return 0
	}
	return float64(m.Lost) / float64(m.Received+m.Lost)
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown side"
	}
	return s
}

// unanswered judges a call by its cause, and by whether it was ours.
func unanswered(c sbc.CDR) Verdict {
	if c.EndedBy == "caller" || c.Status == 487 {
		return Verdict{"caller_gave_up", fmt.Sprintf("The caller hung up %s after the INVITE; nobody had answered.", since(c))}
	}
	if len(c.Targets) == 0 {
		return refused(c)
	}
	switch c.Status {
	case 486, 600:
		return Verdict{"busy", "The called side is busy."}
	case 603, 607, 608:
		return Verdict{"declined", "The called side declined the call."}
	case 480:
		return Verdict{"unavailable", "The called side is not available now."}
	case 404, 410, 484, 604:
		return Verdict{"number_unknown", fmt.Sprintf("%s says there is no such number (%d): see how the trunk wants numbers written (numbers).", last(c), c.Status)}
	case 401, 403, 407:
		return Verdict{"not_allowed", fmt.Sprintf("%s does not let us call (%d): see its credentials (auth), the address it knows us by, and the caller's number.", last(c), c.Status)}
	case 415, 488, 606:
		return Verdict{"no_common_media", fmt.Sprintf("%s takes none of the codecs or keys that were offered (%d): see media.codecs and security of the trunk.", last(c), c.Status)}
	case 408, 503, 504:
		return Verdict{"unreachable", "No target could be reached: " + attempts(c) + ". See tandem trunks."}
	}
	return Verdict{"failed", fmt.Sprintf("%s answered %d %s.", last(c), c.Status, c.Text)}
}

// refused judges a call that we did not try to pass on.
func refused(c sbc.CDR) Verdict {
	switch c.Status {
	case 404:
		return Verdict{"no_route", fmt.Sprintf("No route fits a call from trunk %s to this number: see routes, and how the trunk writes numbers.", c.A.Trunk)}
	case 403:
		return Verdict{"forbidden", "A rule refuses this call: " + c.Text + "."}
	case 482, 483:
		return Verdict{"loop", "The call came round to us again, or had been forwarded too often."}
	case 488:
		return Verdict{"no_common_media", "The caller offers no codec or key that this trunk may use: see media.codecs and security of the trunk."}
	case 503:
		return Verdict{"no_room", "There was no room for the call: " + c.Text + "."}
	}
	return Verdict{"refused", fmt.Sprintf("The gateway refused the call: %d %s.", c.Status, c.Text)}
}

// last names the trunk that was tried last.
func last(c sbc.CDR) string { return "Trunk " + c.Targets[len(c.Targets)-1].Trunk }

// attempts lists what was tried.
func attempts(c sbc.CDR) string {
	all := make([]string, len(c.Targets))
	for i, t := range c.Targets {
		all[i] = strings.TrimSpace(fmt.Sprintf("%s %d %s", t.Trunk, t.Status, t.Text))
	}
	return strings.Join(all, ", ")
}

// since is how long a call that was not answered lasted.
func since(c sbc.CDR) time.Duration { return c.Ended.Sub(c.Invited).Round(time.Second) }
