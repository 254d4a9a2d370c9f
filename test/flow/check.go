package flow

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// callRecord holds the next call record to what is said of it, item by item
// with commas between: 30s | unanswered | cause N | status N | recoded | not
// recoded | early media | no early media | ended by X | codecs A B |
// trunks A B | targets N | digits N | text T.
func (f *flow) callRecord(a *args, _ string) error {
	if !a.accept("record") {
		return errors.New(`"call" wants "record"`)
	}
	var ws []string
	for len(a.ws) > 0 {
		ws = append(ws, a.next())
	}
	var c sbc.CDR
	ok := f.wait(patience, func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		if len(f.records) <= f.claimed {
			return false
		}
		c = f.records[f.claimed]
		return true
	})
	if !ok {
		return errors.New("there is no call record")
	}
	f.claimed++
	for item := range strings.SplitSeq(strings.Join(ws, " "), ",") {
		if err := checkRecord(c, strings.TrimSpace(item)); err != nil {
			return fmt.Errorf("%w\n        record: %s", err, summarize(c))
		}
	}
	return nil
}

// checkRecord holds a record to one item.
func checkRecord(c sbc.CDR, item string) error {
	kind, rest, _ := strings.Cut(item, " ")
	want, got := rest, ""
	switch kind {
	case "":
		return nil
	case "unanswered":
		want, got = "0s", c.Duration().String()
	case "cause":
		got = strconv.Itoa(c.Q850)
	case "status":
		got = strconv.Itoa(c.Status)
	case "recoded":
		want, got = "true", strconv.FormatBool(c.Recoded)
	case "early":
		want, got = "true", strconv.FormatBool(c.EarlyMedia)
	case "not", "no":
		got = strconv.FormatBool(c.Recoded)
		if rest == "early media" {
			got = strconv.FormatBool(c.EarlyMedia)
		}
		want = "false"
	case "ended":
		want, got = strings.TrimPrefix(rest, "by "), c.EndedBy
	case "codecs":
		got = strings.TrimSpace(c.A.Codec + " " + c.B.Codec)
	case "trunks":
		got = strings.TrimSpace(c.A.Trunk + " " + c.B.Trunk)
	case "targets":
		got = strconv.Itoa(len(c.Targets))
	case "digits":
		got = strconv.Itoa(c.Digits)
	case "text":
		got = c.Text
	default:
		d, err := time.ParseDuration(kind)
		if err != nil || rest != "" {
			return fmt.Errorf("a record has no %q", item)
		}
		want, got = d.String(), c.Duration().Round(time.Second).String()
	}
	if !matches(want, got) {
		return fmt.Errorf("%s: got %s", item, got)
	}
	return nil
}

// summarize is a record in a line.
func summarize(c sbc.CDR) string {
	return fmt.Sprintf("%s -> %s, %v, status %d, cause %d %q, ended by %s, %s/%s, recoded %v, early media %v, %d targets, %d digits",
		c.A.Trunk, c.B.Trunk, c.Duration(), c.Status, c.Q850, c.Text, c.EndedBy, c.A.Codec, c.B.Codec,
		c.Recoded, c.EarlyMedia, len(c.Targets), c.Digits)
}

// calls asserts how many calls there are.
func (f *flow) calls(a *args, _ string) error {
	n, err := a.number()
	if err != nil {
		return err
	}
	if !f.wait(time.Second, func() bool { return len(f.app.Calls()) == n }) {
		return fmt.Errorf("there are %d calls", len(f.app.Calls()))
	}
	return a.end()
}

// operator: operator dials DIGITS to caller|called, in the only call there is.
func (f *flow) operator(a *args, _ string) error {
	a.accept("dials")
	digits := a.next()
	a.accept("to")
	side := a.next()
	if calls := f.app.Calls(); len(calls) != 1 || !f.app.Digits(calls[0].ID, side, digits) {
		return fmt.Errorf("%s not dialled in one of %d calls", digits, len(calls))
	}
	return a.end()
}

// reload hands the gateway the configuration as it now stands. "reload fails"
// expects it to be refused.
func (f *flow) reload(a *args, _ string) error {
	fails := a.accept("fails")
	c, err := f.load()
	if err == nil {
		_, err = f.app.Reload(c)
	}
	switch {
	case fails && err == nil:
		return errors.New("the reload was accepted")
	case fails:
		f.ladder.note("reload refused: %v", err)
		return a.end()
	case err != nil:
		return err
	}
	return a.end()
}

// drain asks the gateway to stop and does not wait.
func (f *flow) drain(a *args, _ string) error {
	f.ladder.note("drain")
	f.stop()
	settle()
	return a.end()
}

// stopped waits for the gateway to have stopped: stopped [within D].
func (f *flow) stopped(a *args, _ string) error {
	within, _, err := a.spans()
	if err != nil {
		return err
	}
	if !f.wait(within, func() bool { return closed(f.ended) }) {
		return fmt.Errorf("it still runs after %v", within)
	}
	return f.runErr
}

// nothingLeft asserts that the flow is over in every respect: no call, no RTP
// port, no message or digit or record that nobody expected; then it stops the
// gateway and asserts that no socket remains. That no goroutine remains is
// seen by the bubble.
func (f *flow) nothingLeft(a *args, _ string) error {
	if !a.accept("left") {
		return errors.New(`"nothing" wants "left"`)
	}
	listeners := 0
	var errs []error
	if !closed(f.ended) {
		listeners = f.idle
		if !f.wait(time.Second, func() bool { return len(f.app.Calls()) == 0 }) {
			errs = append(errs, fmt.Errorf("%d calls are left", len(f.app.Calls())))
		}
	}
	udp := func() int { n, _ := f.gw.Open(); return n }
	if !f.wait(time.Second, func() bool { return udp() == listeners }) {
		errs = append(errs, fmt.Errorf("%d RTP sockets are left", udp()-listeners))
	}
	errs = append(errs, f.unexpected()...)
	f.stop()
	f.app.Halt()
	if !f.wait(time.Minute, func() bool { return closed(f.ended) }) {
		return errors.Join(append(errs, errors.New("the gateway does not stop"))...)
	}
	if u, t := f.gw.Open(); u+t > 0 {
		errs = append(errs, fmt.Errorf("the gateway left %d UDP and %d TCP sockets open", u, t))
	}
	return errors.Join(append(errs, a.end())...)
}

// unexpected is what came and no line took.
func (f *flow) unexpected() []error {
	var errs []error
	for _, p := range f.peers {
		errs = append(errs, p.leftovers()...)
		for _, c := range p.calls {
			for _, l := range c.legs {
				if l.media == nil {
					continue
				}
				if n := l.media.nakedGot(); n > 0 { // RFC 3711 §3.4
					errs = append(errs, fmt.Errorf("%s got %d reports in the clear", l.media.who, n))
				}
				if n := l.media.checksGot(); n > 0 { // RFC 8445 §2.5
					errs = append(errs, fmt.Errorf("%s got %d connectivity checks of a lite agent", l.media.who, n))
				}
				if got := l.media.digits(); len(got) > 0 {
					errs = append(errs, fmt.Errorf("%s received digits nobody expected: %v", l.media.who, got))
				}
			}
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.claimed == 0 {
		return errs // records are not what this flow is about
	}
	for _, c := range f.records[f.claimed:] {
		errs = append(errs, fmt.Errorf("a call record nobody asked for: %s", summarize(c)))
	}
	return errs
}
