package main

import (
	"fmt"
	"io"
	"time"
)

// A stopper stops the program by steps, each time it is asked, and says so.
type stopper struct {
	w     io.Writer
	calls func() int           // in progress
	grace func() time.Duration // that they have
	stop  func()               // begins the grace period
	halt  func()               // ends it
	exit  func()               // ends the program
	asked int
}

// ask takes the next step.
func (s *stopper) ask() {
	s.asked++
	n := s.calls()
	calls, have, them := fmt.Sprintf("%d calls", n), "have", "them"
	if n == 1 {
		calls, have, them = "1 call", "has", "it"
	}
	switch {
	case s.asked == 1 && n == 0:
		fmt.Fprintln(s.w, "stopping")
		s.stop()
	case s.asked == 1:
		fmt.Fprintf(s.w, "stopping: %s %s %g s; once more ends %s\n", calls, have, s.grace().Seconds(), them)
		s.stop()
	case s.asked == 2:
		fmt.Fprintf(s.w, "ending %s; once more exits at once\n", calls)
		s.halt()
	default:
		s.exit()
	}
}
