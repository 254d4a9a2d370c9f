package flow

import (
	"fmt"
	"strings"
	"sync"
	"time"
)

// A ladder is what happened, in order. It is printed when a flow fails, and on
// demand.
type ladder struct {
	mu    sync.Mutex
	start time.Time
	rungs []rung
	stir  chan struct{} // closed and renewed at every change
}

type rung struct {
	at       time.Time
	from, to string
	text     string
	raw      string
}

// add puts a message on the ladder.
func (l *ladder) add(at time.Time, from, to string, m *message, raw []byte, again bool) {
	text := m.summary()
	if again {
		text += "   (again)"
	}
	l.put(rung{at, from, to, text, string(raw)})
}

// note puts a remark on the ladder.
func (l *ladder) note(format string, a ...any) {
	l.put(rung{at: now(), text: fmt.Sprintf(format, a...)})
}

func (l *ladder) put(r rung) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rungs = append(l.rungs, r)
	close(l.stir)
	l.stir = make(chan struct{})
}

// changed is closed at the next change.
func (l *ladder) changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.stir
}

// print draws the ladder; with full, the messages as they were.
func (l *ladder) print(full bool) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	for _, r := range l.rungs {
		at := r.at.Sub(l.start).Seconds()
		if r.from == "" {
			fmt.Fprintf(&b, "%9.3f  -- %s\n", at, r.text)
			continue
		}
		fmt.Fprintf(&b, "%9.3f  %-10s -> %-10s %s\n", at, r.from, r.to, r.text)
		if full {
			b.WriteString("           | " + strings.ReplaceAll(strings.TrimSpace(r.raw), "\n", "\n           | ") + "\n")
		}
	}
	return b.String()
}
