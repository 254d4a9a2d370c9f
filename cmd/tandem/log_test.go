package main

import (
	"strings"
	"testing"
	"testing/synctest"
)

// A slowReader takes nothing until it is let.
type slowReader struct {
	let chan struct{}
	b   strings.Builder
}

func (s *slowReader) Write(b []byte) (int, error) {
	<-s.let
	return s.b.Write(b)
}

// A reader of the log that takes nothing stops nobody; what was dropped is said.
func TestSlowLogStopsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &slowReader{let: make(chan struct{})}
		l := newLogWriter(r)
		for range logLines + 100 {
			if n, err := l.Write([]byte("line\n")); n != 5 || err != nil {
				t.Fatalf("%d, %v", n, err)
			}
		}
		synctest.Wait()
		close(r.let)
		l.close()
		got := r.b.String()
		if !strings.Contains(got, "log lines dropped") || strings.Count(got, "line\n") < logLines {
			t.Errorf("%d lines written, dropped not said: %q", strings.Count(got, "line\n"), got[:min(len(got), 200)])
		}
	})
}
