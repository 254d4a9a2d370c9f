package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// t0 is when the calls of these tests begin.
func t0() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// call is the record of call n: it began n seconds after t0.
func call(n int) sbc.CDR {
	at := t0().Add(time.Duration(n) * time.Second)
	return sbc.CDR{
		ID: fmt.Sprintf("call-%d", n), Caller: "+1555000", Called: fmt.Sprintf("+1555%03d", n),
		A:       sbc.LegRecord{Trunk: "west", CallID: fmt.Sprintf("a%d@west", n), Codec: "PCMU/8000"},
		B:       sbc.LegRecord{Trunk: "east", CallID: fmt.Sprintf("b%d@east", n), Codec: "opus/48000"},
		Invited: at, Answered: at.Add(2 * time.Second), Ended: at.Add(30 * time.Second), Status: 200, Q850: 16,
	}
}

// A process is a store and the goroutine that writes for it.
type process struct {
	*Store
	t    *testing.T
	stop context.CancelFunc
	done chan struct{}
}

// start opens the store at path and runs it. It must be called in a bubble.
func start(t *testing.T, cfg Config) *process {
	t.Helper()
	s, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	p := &process{Store: s, t: t, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(p.done)
		if err := s.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	return p
}

// write hands in the records of calls from up to but not including to.
func (p *process) write(from, to int) {
	p.t.Helper()
	for n := from; n < to; n++ {
		if err := p.WriteCDR(call(n)); err != nil {
			p.t.Fatalf("call %d: %v", n, err)
		}
	}
}

// shrink sets the bounds of the spool, in bytes.
func (p *process) shrink(limit, turnAt int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.limit, p.turnAt = limit, turnAt
}

// settle lets the writer finish what it can do now.
func (p *process) settle() {
	time.Sleep(20 * time.Second)
	synctest.Wait()
}

// end stops the process in order.
func (p *process) end() {
	p.t.Helper()
	p.stop()
	<-p.done
	if err := p.Close(); err != nil {
		p.t.Errorf("close: %v", err)
	}
}

// die takes the files as they are, as kill -9 leaves them, to another directory
// and returns the path there.
func (p *process) die() string {
	p.t.Helper()
	dir := p.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Dir(p.cfg.Path))); err != nil {
		p.t.Fatal(err)
	}
	return filepath.Join(dir, filepath.Base(p.cfg.Path))
}

// wantRecords fails unless the database has n records.
func (p *process) wantRecords(n int, why string) {
	p.t.Helper()
	list, err := p.Query(context.Background(), Query{Limit: limitMax})
	if err != nil {
		p.t.Fatal(err)
	}
	if len(list) != n {
		p.t.Errorf("%d records, want %d: %s", len(list), n, why)
	}
}

// config is a store in a directory of the test.
func config(t *testing.T) Config {
	c := DefaultConfig()
	c.Path = filepath.Join(t.TempDir(), "calls.db")
	return c
}

// lockDB keeps others from writing to the database until the function it returns
// is called.
func lockDB(t *testing.T, path string) func() {
	t.Helper()
	db, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil) // immediate: takes the write lock
	if err != nil {
		t.Fatal(err)
	}
	return func() { _, _ = tx.Rollback(), db.Close() }
}

// A record comes back as it was handed in.
func TestRecordComesBackWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		want := call(7)
		want.Targets = []sbc.Attempt{{Trunk: "north", Status: 503}, {Trunk: "east", Status: 200}}
		want.B.Latches = []sbc.LatchRecord{{At: t0(), Dialog: "tag", Addr: "192.0.2.1:4000", Reason: "signalled"}}
		if err := p.WriteCDR(want); err != nil {
			t.Fatal(err)
		}
		p.settle()
		for _, id := range []string{"call-7", "a7@west", "b7@east"} {
			got, err := p.Get(t.Context(), id)
			if err != nil {
				t.Fatalf("%s: %v", id, err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%s:\n got %v\nwant %v", id, got, want)
			}
		}
		if _, err := p.Get(t.Context(), "nobody"); !errors.Is(err, ErrUnknown) {
			t.Errorf("unknown call: %v", err)
		}
	})
}

// A query narrows by time, trunk, number, status and success; newest first.
func TestQueryNarrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		p.write(0, 10)
		busy := call(10)
		busy.Answered, busy.Status, busy.B.Trunk = time.Time{}, 486, "north"
		if err := p.WriteCDR(busy); err != nil {
			t.Fatal(err)
		}
		p.settle()
		for _, tc := range []struct {
			name string
			q    Query
			want string
		}{
			{"since and until", Query{Since: t0().Add(3 * time.Second), Until: t0().Add(5 * time.Second)}, "call-4 call-3"},
			{"trunk of either side", Query{Trunk: "north"}, "call-10"},
			{"number", Query{Number: "+1555004"}, "call-4"},
			{"status", Query{Status: 486}, "call-10"},
			{"not answered", Query{Failed: true}, "call-10"},
			{"limit", Query{Limit: 2}, "call-10 call-9"},
			{"nothing fits", Query{Trunk: "west' OR 1=1 --"}, ""},
		} {
			list, err := p.Query(t.Context(), tc.q)
			if err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			var ids []string
			for _, c := range list {
				ids = append(ids, c.ID)
			}
			if got := strings.Join(ids, " "); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
			}
		}
	})
}

// While the database is locked records are taken, an alarm is up, and all are
// written afterwards: those in the queue and those that were beyond its bound.
func TestLockedDatabaseLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		p.settle()
		unlock := lockDB(t, p.cfg.Path)
		p.write(0, queueMax+300)
		p.settle()
		if st := p.Stats(); st.Alarm == "" || st.Errors == 0 || st.Waiting != queueMax {
			t.Errorf("while locked: %+v", st)
		}
		unlock()
		p.settle()
		if st := p.Stats(); st.Alarm != "" || st.Waiting != 0 {
			t.Errorf("after unlock: %+v", st)
		}
		p.wantRecords(queueMax+300, "nothing is lost")
	})
}

// A full disk at the database raises the alarm and keeps the records.
func TestFullDatabaseKeepsRecordsInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		p.settle()
		p.db.SetMaxOpenConns(1) // so that the bound below holds for every statement
		if _, err := p.db.ExecContext(t.Context(), "PRAGMA max_page_count = 1"); err != nil {
			t.Fatal(err)
		}
		p.write(0, 200)
		p.settle()
		if st := p.Stats(); !strings.Contains(st.Alarm, "full") || st.Waiting != 200 {
			t.Errorf("while full: %+v", st)
		}
		if _, err := p.db.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000"); err != nil {
			t.Fatal(err)
		}
		p.settle()
		p.wantRecords(200, "the disk has room again")
	})
}

// A spool at its bound refuses, counts and says so; what it refused can be
// handed in again.
func TestFullSpoolRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		p.shrink(16<<10, 8<<10)
		p.settle()
		unlock := lockDB(t, p.cfg.Path)
		n := 0
		for ; ; n++ {
			if err := p.WriteCDR(call(n)); err != nil {
				if !errors.Is(err, ErrFull) {
					t.Fatal(err)
				}
				break
			}
		}
		if st := p.Stats(); st.Refused != 1 || st.Alarm == "" {
			t.Errorf("at the bound: %+v", st)
		}
		unlock()
		p.settle()
		p.write(n, n+1)
		p.settle()
		p.wantRecords(n+1, "what was refused was handed in again")
	})
}

// After a death the records in the spool are written, and calls that were up
// get a record that says they were lost.
func TestDeathLosesNoRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		p.settle()
		unlock := lockDB(t, p.cfg.Path)
		for _, n := range []int{1, 2, 3} {
			up := call(n)
			up.Answered, up.Ended, up.Status = time.Time{}, time.Time{}, 0
			if err := p.WriteUp(up); err != nil {
				t.Fatal(err)
			}
		}
		p.write(2, 3)
		path := p.die()
		unlock()
		p.end()

		cfg := p.cfg
		cfg.Path = path
		q := start(t, cfg)
		defer q.end()
		q.settle()
		q.wantRecords(3, "one was over, two were up")
		if st := q.Stats(); st.Recovered != 1 || st.Lost != 2 {
			t.Errorf("stats: %+v", st)
		}
		got, err := q.Get(t.Context(), "call-3")
		if err != nil || got.Text != Lost || !got.Ended.IsZero() {
			t.Errorf("call-3: %+v, %v", got, err)
		}
		got, err = q.Get(t.Context(), "call-2")
		if err != nil || got.Text == Lost {
			t.Errorf("call-2 was over before the death: %+v, %v", got, err)
		}
	})
}

// Nobody but the owner of the process may read the files.
func TestFilesArePrivate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		p.write(0, 1)
		p.settle()
		files, err := os.ReadDir(filepath.Dir(p.cfg.Path))
		if err != nil || len(files) < 4 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for _, f := range files {
			if info, err := f.Info(); err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
			}
		}
	})
}

// An orderly end leaves no spool behind, and the next start finds all records.
func TestOrderlyEndLeavesNoSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		p.write(0, 5)
		p.end()
		left, _, err := segments(p.cfg.Path + ".spool-")
		if err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		q := start(t, p.cfg)
		defer q.end()
		q.settle()
		q.wantRecords(5, "they were written before the end")
	})
}

// A long spool is replaced by a short one that still knows the calls that are up.
func TestSpoolTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		p.shrink(1<<20, 16<<10)
		up := call(9999)
		if err := p.WriteUp(up); err != nil {
			t.Fatal(err)
		}
		for n := 0; p.Stats().SpoolBytes < 16<<10; n++ {
			p.write(n, n+1)
		}
		p.settle()
		if st := p.Stats(); st.SpoolBytes > 4096 || st.Alarm != "" {
			t.Errorf("after the turn: %+v", st)
		}
		found := false
		err := readSpool(p.spool.path(), -1, func(kind byte, c sbc.CDR, _ []byte) error {
			found = found || kind == lineUp && c.ID == up.ID
			return nil
		})
		if err != nil || !found {
			t.Errorf("the call that is up is not in the new spool: %v", err)
		}
	})
}

// Records older than they are kept are deleted.
func TestOldRecordsAreDeleted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.Keep = 24 * time.Hour
		p := start(t, cfg)
		defer p.end()
		old, young := call(1), call(2)
		old.Invited, young.Invited = time.Now().Add(-25*time.Hour), time.Now()
		for _, c := range []sbc.CDR{old, young} {
			if err := p.WriteCDR(c); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(2 * tidyEvery)
		synctest.Wait()
		p.wantRecords(1, "one is a day old")
	})
}

// Two processes cannot use one store.
func TestSecondProcessIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := start(t, config(t))
		defer p.end()
		if _, err := New(p.cfg, Deps{}); err == nil || !strings.Contains(err.Error(), "another process") {
			t.Errorf("second store: %v", err)
		}
	})
}

// A database of a later program is left alone.
func TestNewerSchemaIsRefused(t *testing.T) {
	db, err := open(config(t).Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), db); err != nil {
		t.Errorf("second time: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), "PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	if err := migrate(t.Context(), db); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("version 99: %v", err)
	}
}

// Whatever is in a spool, reading it ends, and only whole records come out.
func FuzzSpool(f *testing.F) {
	good, err := line(lineOver, call(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-4])
	f.Add([]byte("o{}\nu\n\n\x00o{\"ID\":\"x\"}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "spool")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		err := readSpool(path, -1, func(_ byte, c sbc.CDR, _ []byte) error {
			if c.ID == "" {
				t.Error("a record without an id came out")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
