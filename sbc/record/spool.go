package record

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-voip/tandem/sbc"
)

// The first byte of a line of the spool says what the JSON after it is.
const (
	lineUp   = 'u' // a call that is up, as far as its record is known
	lineOver = 'o' // the record of a call that is over
)

// maxLine bounds a line of the spool that is read back, in bytes.
const maxLine = 1 << 20

// A spool is the file records go to first. The files of predecessors that died
// lie beside it under lower numbers. Guarded by the mutex of its store.
type spool struct {
	base   string // path without number
	number int
	file   *os.File
	size   int64
	up     map[string][]byte // the line of each call that is up
}

// openSpool begins a new file and returns the older ones, oldest first.
func openSpool(base string) (*spool, []string, error) {
	old, number, err := segments(base)
	if err != nil {
		return nil, nil, err
	}
	s := &spool{base: base, number: number, up: map[string][]byte{}}
	if err := s.next(); err != nil {
		return nil, nil, err
	}
	return s, old, nil
}

// segments lists the files of a spool and returns the highest number.
func segments(base string) ([]string, int, error) {
	entries, err := os.ReadDir(filepath.Dir(base))
	if err != nil {
		return nil, 0, err
	}
	var numbers []int
	for _, e := range entries {
		if rest, ok := strings.CutPrefix(e.Name(), filepath.Base(base)); ok {
			if n, err := strconv.Atoi(rest); err == nil {
				numbers = append(numbers, n)
			}
		}
	}
	slices.Sort(numbers)
	paths := make([]string, len(numbers))
	highest := 0
	for i, n := range numbers {
		paths[i] = base + strconv.Itoa(n)
		highest = n
	}
	return paths, highest, nil
}

// path is the file being written.
func (s *spool) path() string { return s.base + strconv.Itoa(s.number) }

// next begins the next file with the calls that are up, then removes the one
// before it, whose records are all in the database.
func (s *spool) next() error {
	before := s.file
	f, err := os.OpenFile(s.base+strconv.Itoa(s.number+1), os.O_CREATE|os.O_EXCL|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open spool: %w", err)
	}
	var all bytes.Buffer
	for _, line := range s.up {
		all.Write(line)
	}
	if _, err := f.Write(all.Bytes()); err != nil {
		_ = f.Close()           // the write error is the one to report
		_ = os.Remove(f.Name()) // what is left is repeated in the old file
		return fmt.Errorf("write spool: %w", err)
	}
	old := s.path()
	s.file, s.size, s.number = f, int64(all.Len()), s.number+1
	if before != nil {
		if err := errors.Join(before.Close(), os.Remove(old)); err != nil {
			return fmt.Errorf("remove spool: %w", err)
		}
	}
	return nil
}

// add appends one line. After an error the file is as it was.
func (s *spool) add(line []byte) error {
	n, err := s.file.Write(line)
	if err == nil {
		s.size += int64(n)
		return nil
	}
	if n > 0 {
		// Half a line would swallow the next one.
		err = errors.Join(err, s.file.Truncate(s.size))
	}
	return fmt.Errorf("write spool: %w", err)
}

// close ends the spool; remove says that nothing in it is needed any more.
func (s *spool) close(remove bool) error {
	err := s.file.Close()
	if remove {
		err = errors.Join(err, os.Remove(s.path()))
	}
	return err
}

// line is one line of the spool: kind, the JSON of the record, line end.
func line(kind byte, c sbc.CDR) ([]byte, error) {
	b, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("encode call record: %w", err)
	}
	out := make([]byte, 0, len(b)+2)
	out = append(out, kind)
	out = append(out, b...)
	return append(out, '\n'), nil
}

// readSpool calls each for every whole line of a file up to size bytes; -1 means
// all of it. The last line of a process that died may be half a line: it is
// passed over, as is one that is not ours.
func readSpool(path string, size int64, each func(kind byte, c sbc.CDR, body []byte) error) error {
	f, err := os.Open(path) //nolint:gosec // a file of ours
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // it was only read
	var in io.Reader = f
	if size >= 0 {
		in = io.LimitReader(f, size)
	}
	r := bufio.NewReaderSize(in, maxLine)
	for {
		b, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			continue // longer than any line of ours
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		var c sbc.CDR
		if len(b) < 2 || json.Unmarshal(b[1:], &c) != nil || c.ID == "" {
			continue
		}
		if err := each(b[0], c, bytes.TrimSuffix(b[1:], []byte("\n"))); err != nil {
			return err
		}
	}
}
