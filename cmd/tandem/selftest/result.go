package selftest

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// What a good gateway stays within.
const (
	wantLevel    = -10.0 // dBm0, the level of the tone
	levelWithin  = 1.0   // dB
	setupWithin  = 200 * time.Millisecond
	delayWithin  = 50 * time.Millisecond
	jitterWithin = 60 * time.Millisecond // from which a call has poor audio, see sbc/diag
	digitsInTest = "1234567890*#ABCD"
)

// A Result is what a self test found.
type Result struct {
	Good     bool      `json:"good"`
	Verdict  string    `json:"verdict"`
	SetupMS  float64   `json:"setup_ms"`
	ToCalled Direction `json:"to_called"`
	ToCaller Direction `json:"to_caller"`
}

// A Direction is what was found of one direction.
type Direction struct {
	Packets  int     `json:"packets"`
	Lost     int     `json:"lost"`
	Level    float64 `json:"level_dbm0"`
	DelayMS  float64 `json:"delay_ms"`
	JitterMS float64 `json:"jitter_ms"`
	Sent     int     `json:"digits_sent"`
	Heard    int     `json:"digits_heard"`
	wrong    bool    // digits came in another order, twice or not at all
}

// judge fills in the verdict.
func (r *Result) judge() {
	var faults []string
	if r.SetupMS > ms(setupWithin) {
		faults = append(faults, fmt.Sprintf("the call took %.0f ms to set up, expected %.0f at most", r.SetupMS, ms(setupWithin)))
	}
	faults = append(faults, r.ToCalled.faults("towards the called phone (PCMU to Opus)")...)
	faults = append(faults, r.ToCaller.faults("towards the caller (Opus to PCMU)")...)
	r.Good = len(faults) == 0
	if r.Good {
		r.Verdict = fmt.Sprintf("good: set up in %.1f ms; tone at %.1f and %.1f dBm0, %.1f and %.1f ms later; all %d digits each way",
			r.SetupMS, r.ToCalled.Level, r.ToCaller.Level, r.ToCalled.DelayMS, r.ToCaller.DelayMS, len(digitsInTest))
		return
	}
	r.Verdict = "bad: " + strings.Join(faults, "; ")
}

// faults says what is wrong with a direction.
func (d Direction) faults(which string) []string {
	var out []string
	add := func(format string, args ...any) { out = append(out, which+" "+fmt.Sprintf(format, args...)) }
	switch {
	case d.Packets == 0:
		add("no audio came")
	case d.Level == 0:
		add("the tone was not heard")
	case math.Abs(d.Level-wantLevel) > levelWithin:
		add("the tone had %.1f dBm0, expected %.1f", d.Level, wantLevel)
	case d.DelayMS > ms(delayWithin):
		add("the tone came %.1f ms late, expected %.0f at most", d.DelayMS, ms(delayWithin))
	}
	if d.JitterMS > ms(jitterWithin) {
		add("the packets came with a jitter of %.1f ms, expected %.0f at most", d.JitterMS, ms(jitterWithin))
	}
	if d.Lost > 0 {
		add("%d of %d packets were lost", d.Lost, d.Lost+d.Packets)
	}
	if d.wrong {
		add("%d digits came of %d, or not in order", d.Heard, d.Sent)
	}
	return out
}

// ms is a duration in milliseconds.
func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
