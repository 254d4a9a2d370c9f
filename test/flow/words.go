package flow

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A line is one statement of a flow.
type line struct {
	n     int    // in the file, from 1
	text  string // as written
	words []word
	block string // the indented lines below it
}

// A word is a token; quoted ones are headers or values with spaces.
type word struct {
	s      string
	quoted bool
}

// parseScript splits a flow into statements. Lines that begin with # are
// comments, indented ones belong to the statement above.
func parseScript(text string) ([]line, error) {
	var out []line
	for i, l := range strings.Split(text, "\n") {
		switch {
		case strings.TrimSpace(l) == "" && !inBlock(out, text, i):
		case strings.HasPrefix(l, "#"):
		case strings.HasPrefix(l, "  "):
			if len(out) == 0 {
				return nil, fmt.Errorf("line %d is indented below nothing", i+1)
			}
			out[len(out)-1].block += l[2:] + "\n"
		case strings.TrimSpace(l) == "":
			out[len(out)-1].block += "\n"
		default:
			ws, err := split(l)
			if err != nil {
				return nil, fmt.Errorf("line %d: %w", i+1, err)
			}
			out = append(out, line{n: i + 1, text: strings.Join(strings.Fields(l), " "), words: ws})
		}
	}
	return out, nil
}

// inBlock reports whether an empty line is within an indented block: one began
// above it and goes on below.
func inBlock(out []line, text string, i int) bool {
	if len(out) == 0 || out[len(out)-1].block == "" {
		return false
	}
	for _, l := range strings.Split(text, "\n")[i:] {
		if strings.TrimSpace(l) != "" {
			return strings.HasPrefix(l, "  ")
		}
	}
	return false
}

// split cuts a line into words. A quoted word may hold spaces; a quote within
// it is written \".
func split(l string) ([]word, error) {
	var ws []word
	for {
		l = strings.TrimLeft(l, " \t")
		switch {
		case l == "":
			return ws, nil
		case l[0] == '"':
			q, err := strconv.QuotedPrefix(l)
			if err != nil {
				return nil, fmt.Errorf("quote is not closed: %s", l)
			}
			s, err := strconv.Unquote(q)
			if err != nil {
				return nil, fmt.Errorf("quoted word %s: %w", q, err)
			}
			ws, l = append(ws, word{s, true}), l[len(q):]
		default:
			i := strings.IndexAny(l, " \t")
			if i < 0 {
				i = len(l)
			}
			ws, l = append(ws, word{l[:i], false}), l[i:]
		}
	}
}

// args is the rest of a statement, taken word by word.
type args struct{ ws []word }

// next takes the next word; "" when there is none.
func (a *args) next() string {
	if len(a.ws) == 0 {
		return ""
	}
	w := a.ws[0]
	a.ws = a.ws[1:]
	return w.s
}

// peek is the next word, "" when there is none or it is quoted.
func (a *args) peek() string {
	if len(a.ws) == 0 || a.ws[0].quoted {
		return ""
	}
	return a.ws[0].s
}

// accept takes the next word if it is one of those given.
func (a *args) accept(words ...string) bool {
	if len(a.ws) > 0 && !a.ws[0].quoted && slices.Contains(words, a.ws[0].s) {
		a.ws = a.ws[1:]
		return true
	}
	return false
}

// duration takes a duration.
func (a *args) duration() (time.Duration, error) {
	s := a.next()
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no duration", s)
	}
	return d, nil
}

// number takes a number; a unit such as Hz may follow it.
func (a *args) number(units ...string) (int, error) {
	s := a.next()
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("%q is no number", s)
	}
	a.accept(units...)
	return n, nil
}

// end complains about words that are left.
func (a *args) end() error {
	if len(a.ws) > 0 {
		return fmt.Errorf("%q is not understood here", a.ws[0].s)
	}
	return nil
}

// A handle names a call at a peer and one dialog of it: east, east#2, east/A.
type handle struct{ peer, call, fork string }

func parseHandle(s string) (handle, bool) {
	re := regexp.MustCompile(`^([a-z][a-z0-9-]*)(?:#([a-z0-9]+))?(?:/([A-Za-z0-9]+))?$`)
	m := re.FindStringSubmatch(s)
	if m == nil {
		return handle{}, false
	}
	if m[2] == "" {
		m[2] = "1"
	}
	return handle{m[1], m[2], m[3]}, true
}

// matches reports whether a value fits a pattern in which * stands for any
// characters.
func matches(pattern, value string) bool {
	if !strings.ContainsRune(pattern, '*') {
		return pattern == value
	}
	parts := strings.Split(pattern, "*")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(value)
}
