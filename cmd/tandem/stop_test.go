package main

import (
	"strings"
	"testing"
	"time"
)

// A stop is said, and each signal more is more of one: grace, an end of the
// calls, an end of the program.
func TestStopGoesByStepsAndSaysSo(t *testing.T) {
	for n, want := range map[int]string{
		0: "stopping\n|stop\nending 0 calls; once more exits at once\n|halt\n|exit\n",
		1: "stopping: 1 call has 30 s; once more ends it\n|stop\nending 1 call; once more exits at once\n|halt\n|exit\n",
		3: "stopping: 3 calls have 30 s; once more ends them\n|stop\nending 3 calls; once more exits at once\n|halt\n|exit\n",
	} {
		var b strings.Builder
		did := func(what string) func() { return func() { b.WriteString("|" + what + "\n") } }
		s := stopper{
			w: &b, calls: func() int { return n }, grace: func() time.Duration { return 30 * time.Second },
			stop: did("stop"), halt: did("halt"), exit: did("exit"),
		}
		s.ask()
		s.ask()
		s.ask()
		if got := b.String(); got != want {
			t.Errorf("%d calls: %q\nwant %q", n, got, want)
		}
	}
}
