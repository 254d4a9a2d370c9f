package sip

import (
	"strconv"
	"strings"
)

// A Cause says why something was refused or ended. It is an error, so that it
// can be returned where a request is refused.
type Cause struct {
	// Status is the SIP status (RFC 3261 §21); 200 for a normal end.
	Status int
	// Q850 is the ITU-T Q.850 cause; 0 when it does not apply.
	Q850 int
	// Text is for people; it is never parsed.
	Text string
}

// Normal is the end of a call by one of its people.
func Normal() Cause { return Cause{Status: 200, Q850: 16, Text: "Normal call clearing"} }

// Refusal is the cause for a status, with the Q.850 cause and text that go with it.
func Refusal(status int) Cause {
	return Cause{Status: status, Q850: q850Of(status), Text: phrase(status)}
}

// WithText is c with another text.
func (c Cause) WithText(text string) Cause { c.Text = text; return c }

// Error returns "486 Busy Here".
func (c Cause) Error() string {
	if c.Text == "" {
		return strconv.Itoa(c.Status) + " " + phrase(c.Status)
	}
	return strconv.Itoa(c.Status) + " " + c.Text
}

// FromQ850 is the cause for a Q.850 value. RFC 3398 §7.2.4.1.
func FromQ850(q int) Cause {
	return Cause{Status: statusOf(q), Q850: q, Text: q850Text(q)}
}

// Reason is the value of a Reason header for c, "" when c has no Q.850 cause.
// RFC 3326 §2.
func (c Cause) Reason() string {
	if c.Q850 == 0 {
		return ""
	}
	text := c.Text
	if text == "" || !validValue(text) {
		text = q850Text(c.Q850)
	}
	return `Q.850;cause=` + strconv.Itoa(c.Q850) + `;text=` + quote(text)
}

// ParseReason reads a Reason header into a Cause: the Q.850 value, the SIP status,
// or both. It reports false where there is neither. RFC 3326 §2.
func ParseReason(value string) (Cause, bool) {
	var c Cause
	for _, v := range splitReasons(value) {
		protocol, params := cutParams(v)
		n, ok := param(params, "cause")
		if !ok {
			continue
		}
		cause, err := strconv.Atoi(n)
		if err != nil || cause < 1 || cause > 699 {
			continue
		}
		switch strings.ToUpper(strings.TrimSpace(protocol)) {
		case "Q.850":
			if cause > 127 {
				continue
			}
			c.Q850 = cause
		case "SIP":
			if cause < 100 {
				continue
			}
			c.Status = cause
		default:
			continue
		}
		if text, ok := param(params, "text"); ok {
			c.Text = unquote(text)
		}
	}
	if c == (Cause{}) {
		return c, false
	}
	if c.Status == 0 {
		c.Status = statusOf(c.Q850)
	}
	if c.Text == "" {
		c.Text = phrase(c.Status)
	}
	return c, true
}

// splitReasons splits at the commas outside quotes, eight values at most.
func splitReasons(s string) []string {
	var out []string
	start, quoted := 0, false
	for i := 0; i < len(s) && len(out) < 7; i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				out = append(out, s[start:i])
				start = i + 1
			}
		}
	}
	return append(out, s[start:])
}
