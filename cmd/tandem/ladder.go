package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tandem-voip/tandem/sbc/admin"
)

// The measures of a ladder, in characters.
const (
	ladderTime  = 10 // of the time
	ladderFirst = 6  // before the first line
	ladderStep  = 28 // from one line to the next
)

// A ladder draws the messages of a call between its legs and the gateway: the
// caller's line on the left, then the gateway's, then one for each called leg.
type ladder struct {
	w     io.Writer
	lines []string // the names of the legs, "" for the gateway
	start time.Time
}

// drawLadder writes the timeline of a call.
func drawLadder(w io.Writer, c admin.Call) {
	l := &ladder{w: w, lines: []string{"A", ""}, start: c.Invited}
	for _, e := range c.Events {
		if e.Leg != "" && !slices.Contains(l.lines, e.Leg) {
			l.lines = append(l.lines, e.Leg)
		}
	}
	l.head(c)
	for i, e := range c.Events {
		if c.Omitted > 0 && i == len(c.Events)/2 {
			l.note("", fmt.Sprintf("(%d events left out)", c.Omitted))
		}
		l.event(e)
	}
}

// head writes the names above the lines.
func (l *ladder) head(c admin.Call) {
	row := l.blank(' ')
	for i, name := range l.lines {
		text := "tandem"
		switch {
		case name == "A":
			text = "A " + c.A.Trunk
		case name != "":
			text = name + " " + trunkOfLeg(c, name)
		}
		l.put(row, l.column(i)-utf8.RuneCountInString(text)/2, text)
	}
	l.print("", row)
}

// trunkOfLeg is the trunk of a called leg: that of the attempt of the same number.
func trunkOfLeg(c admin.Call, name string) string {
	var n int
	if _, err := fmt.Sscanf(name, "B%d", &n); err == nil && n >= 1 && n <= len(c.Attempts) {
		return c.Attempts[n-1].Trunk
	}
	return c.B.Trunk
}

// event writes one event: a message as an arrow, anything else as a remark.
func (l *ladder) event(e admin.Event) {
	at := offset(e.At.Sub(l.start))
	text := e.Text
	if e.SDP {
		text += " (SDP)"
	}
	if e.Dialog != "" {
		text += " [" + e.Dialog + "]"
	}
	i := slices.Index(l.lines, e.Leg)
	if (e.Kind != "sent" && e.Kind != "received") || e.Leg == "" || i < 0 {
		l.note(at, strings.TrimSpace(e.Leg+" "+e.Kind+": "+text))
		return
	}
	l.arrow(at, i, e.Kind == "received", text)
}

// arrow draws a message between the gateway and the leg at line i.
func (l *ladder) arrow(at string, i int, received bool, text string) {
	row := l.blank('│')
	from, to := min(l.column(1), l.column(i)), max(l.column(1), l.column(i))
	for x := from + 1; x < to; x++ {
		row[x] = '─'
	}
	// A message that was received points to the gateway.
	if received == (i == 0) {
		row[to-1] = '>'
	} else {
		row[from+1] = '<'
	}
	text = clip(text, ladderStep-5)  // with spaces around it, the heads stay
	near := l.column(1) - ladderStep // the gap beside the gateway, on the leg's side
	if i > 0 {
		near = l.column(1)
	}
	l.put(row, near+(ladderStep-utf8.RuneCountInString(text)+1)/2-1, " "+text+" ")
	l.print(at, row)
}

// note writes a remark beside the lines.
func (l *ladder) note(at, text string) {
	row := l.blank('│')
	fmt.Fprintf(l.w, "%*s %s   %s\n", ladderTime-2, at, strings.TrimRight(string(row), " "), plain(text))
}

// blank is a row with a line of each leg.
func (l *ladder) blank(line rune) []rune {
	row := []rune(strings.Repeat(" ", l.column(len(l.lines)-1)+ladderStep/2))
	for i := range l.lines {
		row[l.column(i)] = line
	}
	return row
}

// column is where the line of leg i stands.
func (l *ladder) column(i int) int { return ladderFirst + i*ladderStep }

// put writes text into a row, as far as it has room.
func (l *ladder) put(row []rune, x int, text string) {
	for _, r := range plain(text) {
		if x >= 0 && x < len(row) {
			row[x] = r
		}
		x++
	}
}

func (l *ladder) print(at string, row []rune) {
	fmt.Fprintf(l.w, "%*s %s\n", ladderTime-2, at, strings.TrimRight(string(row), " "))
}

// clip shortens text to n characters.
func clip(text string, n int) string {
	r := []rune(text)
	if len(r) <= n {
		return text
	}
	return string(r[:n-1]) + "…"
}

// offset writes how long after the INVITE something was.
func offset(d time.Duration) string {
	if d >= time.Hour {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%.3f", d.Seconds())
}
