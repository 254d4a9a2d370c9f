package record

import (
	"path/filepath"
	"testing"
)

// What it costs to hand in a record: an append to a file.
func BenchmarkWriteCDR(b *testing.B) {
	cfg := DefaultConfig()
	cfg.Path, cfg.Spool = filepath.Join(b.TempDir(), "calls.db"), 1<<14
	s, err := New(cfg, Deps{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	c := call(1)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.WriteCDR(c); err != nil {
			b.Fatal(err)
		}
	}
}

// What a record costs in the database, in batches.
func BenchmarkInsert(b *testing.B) {
	db, err := open(filepath.Join(b.TempDir(), "calls.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := migrate(b.Context(), db); err != nil {
		b.Fatal(err)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		rows := make([]row, 0, batchMax)
		for range batchMax {
			c := call(n)
			l, err := line(lineOver, c)
			if err != nil {
				b.Fatal(err)
			}
			rows = append(rows, row{c, l[1 : len(l)-1]})
			n++
		}
		if err := insert(b.Context(), db, rows, orReplace); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/record")
}
