package record

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	_ "modernc.org/sqlite" // the driver "sqlite"
)

// migration returns the statements that lead from version to version+1, or
// nothing when version is the newest.
//
// The whole record is the JSON of the body, and most of what is looked for is
// looked for in it: a record is written far more often than it is asked for.
// invited is microseconds since 1970; a and b are the Call-IDs of the sides. The
// timelines are JSON, too, and are forgotten in the order of seq.
func migration(version int) string {
	switch version {
	case 0:
		return `
CREATE TABLE calls (
	seq     INTEGER PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	invited INTEGER NOT NULL,
	body    TEXT NOT NULL
);
CREATE INDEX calls_invited ON calls (invited);`
	case 1:
		return `
ALTER TABLE calls ADD COLUMN a TEXT;
ALTER TABLE calls ADD COLUMN b TEXT;
UPDATE calls SET a = body->>'$.A.CallID', b = body->>'$.B.CallID';
CREATE INDEX calls_a ON calls (a) WHERE a IS NOT NULL;
CREATE INDEX calls_b ON calls (b) WHERE b IS NOT NULL;`
	case 2:
		return `
CREATE TABLE timelines (
	seq     INTEGER PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	invited INTEGER NOT NULL,
	body    TEXT NOT NULL
);`
	}
	return ""
}

// open opens the database file. It does not touch it.
//
// In write-ahead mode readers and the writer do not wait for one another, and
// synchronous NORMAL loses nothing when the process dies; after a loss of power
// the spool repeats what the database had not synced.
func open(path string) (*sql.DB, error) {
	q := url.Values{}
	for _, p := range []string{"busy_timeout(250)", "journal_mode(WAL)", "synchronous(NORMAL)", "temp_store(MEMORY)"} {
		q.Add("_pragma", p)
	}
	q.Set("_txlock", "immediate")
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?"+q.Encode())
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return db, nil
}

// migrate brings the schema to the newest version. A version that is newer than
// we know is an error: a later program wrote it.
func migrate(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after Commit
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	newest := 0
	for migration(newest) != "" {
		newest++
	}
	if version > newest {
		return fmt.Errorf("schema version %d is newer than %d, which this program knows; use the newer program or another file", version, newest)
	}
	for ; version < newest; version++ {
		for statement := range strings.SplitSeq(migration(version), ";") {
			if strings.TrimSpace(statement) == "" {
				continue
			}
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("schema version %d: %w", version+1, err)
			}
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version)); err != nil {
		return err
	}
	return tx.Commit()
}
