package transport

import (
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// A hostsFile is a hosts file as it is now, as far as hostsCheck allows. Safe for
// concurrent use.
type hostsFile struct {
	path string // empty: none
	log  *slog.Logger
	read atomic.Pointer[hosts]

	// Guarded by mu, which one reader of the file holds; nobody waits for it.
	mu      sync.Mutex
	checked time.Time
	changed time.Time // of the file that was read
	size    int64
}

// now returns the names, after a look whether the file has changed when the last
// look is too long ago. Resolve calls it on any goroutine.
func (f *hostsFile) now() hosts {
	if f.path != "" && f.mu.TryLock() {
		if now := time.Now(); now.Sub(f.checked) >= hostsCheck {
			f.checked = now
			f.look()
		}
		f.mu.Unlock()
	}
	if h := f.read.Load(); h != nil {
		return *h
	}
	return nil
}

// look reads the file if it has changed. What cannot be read now leaves what was
// read before; without the file there are no names. f.mu is held.
func (f *hostsFile) look() {
	about, err := os.Stat(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		f.changed, f.size = time.Time{}, 0
		f.read.Store(nil)
		return
	}
	if err == nil && about.ModTime().Equal(f.changed) && about.Size() == f.size {
		return
	}
	var text []byte
	if err == nil {
		text, err = readUpTo(f.path, maxHosts)
	}
	if err != nil {
		f.log.Warn("hosts file not read", "path", f.path, "err", err)
		return
	}
	f.changed, f.size = about.ModTime(), about.Size()
	h := parseHosts(text)
	f.read.Store(&h)
}

// readUpTo returns the beginning of a file, limit bytes at most.
func readUpTo(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(file, limit))
}
