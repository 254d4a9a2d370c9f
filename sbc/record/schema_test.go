package record

import (
	"path/filepath"
	"strings"
	"testing"
)

// Records of the first version are found by Call-ID after they were migrated.
func TestMigrationKeepsRecords(t *testing.T) {
	cfg := config(t)
	db, err := open(cfg.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	old := migration(0) + `
INSERT INTO calls (id, invited, body) VALUES ('old', 1, '{"ID":"old","A":{"CallID":"in@west"}}');
PRAGMA user_version = 1`
	for statement := range strings.SplitSeq(old, ";") {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	s, err := New(cfg, Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := migrate(t.Context(), s.db); err != nil {
		t.Fatal(err)
	}
	if c, err := s.Get(t.Context(), "in@west"); err != nil || c.ID != "old" {
		t.Errorf("record %q, %v", c.ID, err)
	}
}

// A record is found by its ids without a look at all the others.
func TestIDsAreIndexed(t *testing.T) {
	db, err := open(filepath.Join(t.TempDir(), "calls.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	for _, q := range []Query{{ID: "x"}, {CallID: "x"}} {
		where, args := q.where()
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT body FROM calls"+where+" ORDER BY invited DESC LIMIT 1", args...)
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(step, "SCAN") {
				t.Errorf("%+v: %s", q, step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Error(err)
		}
	}
}
