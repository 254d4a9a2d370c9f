package main

import (
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// logLines is how many lines may wait for a slow reader of the log.
const logLines = 4096

// A logWriter writes the log on a goroutine of its own, so that no call waits
// for a terminal or a pipe that is slow. Lines beyond the bound are dropped and
// counted; a line says how many. Safe for concurrent use.
type logWriter struct {
	lines   chan []byte
	dropped atomic.Uint64
	done    sync.WaitGroup
}

// newLogWriter starts the goroutine, which ends with close.
func newLogWriter(w io.Writer) *logWriter {
	l := &logWriter{lines: make(chan []byte, logLines)}
	l.done.Go(func() { l.run(w) })
	return l
}

// Write takes a line and does not wait. It never fails: there is nobody to tell.
func (l *logWriter) Write(b []byte) (int, error) {
	select {
	case l.lines <- append([]byte(nil), b...):
	default:
		l.dropped.Add(1)
	}
	return len(b), nil
}

// run is the goroutine of the log. newLogWriter starts it; it ends when the log
// is closed and what waited has been written.
func (l *logWriter) run(w io.Writer) {
	for line := range l.lines {
		_, _ = w.Write(line) // a log that cannot be written has nobody to tell
		if n := l.dropped.Swap(0); n > 0 {
			_, _ = fmt.Fprintf(w, "%d log lines dropped: the reader of the log is too slow\n", n)
		}
	}
}

// close writes what waits. Nothing may be written afterwards.
func (l *logWriter) close() {
	close(l.lines)
	l.done.Wait()
}
