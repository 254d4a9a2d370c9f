package record

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// insert puts rows into the database, all or none. A record that is there
// already is replaced by itself, so that a spool may be read twice; the note of
// a lost call never replaces a record. It is not interrupted when ctx is done: it
// takes a moment, and to listen would cost the driver a goroutine a statement.
func insert(ctx context.Context, db *sql.DB, rows []row, statement string) error {
	ctx = context.WithoutCancel(ctx)
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after Commit
	for _, n := range []int{manyRows, 1} {
		if rows, err = insertBy(ctx, tx, rows, statement, n); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// manyRows is how many records one statement writes while there are enough.
const manyRows = 16

// insertBy writes rows, n with each statement, and returns those that are left.
func insertBy(ctx context.Context, tx *sql.Tx, rows []row, statement string, n int) ([]row, error) {
	if len(rows) < n {
		return rows, nil
	}
	st, err := tx.PrepareContext(ctx, statement+strings.Repeat(", "+oneRow, n-1))
	if err != nil {
		return rows, fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = st.Close() }() // ends with the transaction anyway
	args := make([]any, 0, 5*n)
	for ; len(rows) >= n; rows = rows[n:] {
		args = args[:0]
		for _, r := range rows[:n] {
			args = append(args, r.cdr.ID, micro(r.cdr.Invited), string(r.body), r.cdr.A.CallID, r.cdr.B.CallID)
		}
		if _, err := st.ExecContext(ctx, args...); err != nil {
			return rows, fmt.Errorf("insert: %w", err)
		}
	}
	return rows, nil
}

// The two ways to meet a record that is there already.
const (
	orReplace = "INSERT OR REPLACE" + intoCalls
	orIgnore  = "INSERT OR IGNORE" + intoCalls
	intoCalls = " INTO calls (id, invited, body, a, b) VALUES " + oneRow
	oneRow    = "(?, ?, ?, nullif(?, ''), nullif(?, ''))"
)

// The two things that are forgotten, a thousand rows at a time so that nobody
// waits long. Timelines lie about in the order of time.
const (
	oldCalls     = "DELETE FROM calls WHERE seq IN (SELECT seq FROM calls WHERE invited < ? ORDER BY invited LIMIT 1000)"
	oldTimelines = "DELETE FROM timelines WHERE invited < ? AND seq IN (SELECT seq FROM timelines ORDER BY seq LIMIT 1000)"
)

// forget deletes what is of calls that began before t, by one of the statements
// above.
func forget(ctx context.Context, db *sql.DB, statement string, t time.Time) error {
	for {
		r, err := db.ExecContext(ctx, statement, micro(t))
		if err != nil {
			return fmt.Errorf("delete old records: %w", err)
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return err
		}
	}
}

// micro is a time in microseconds since 1970; 0 for the zero time.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// lost makes, of the last note of a call that was up when the process died, its
// record. When it ended nobody knows. Q.850 cause 41 is "temporary failure".
func lost(c sbc.CDR) sbc.CDR {
	c.Ended, c.EndedBy = time.Time{}, "gateway"
	c.Status, c.Q850, c.Text = 0, 41, Lost
	return c
}

// Lost is the text of the record of a call that was up when the process died.
const Lost = "lost: the gateway died while the call was up"
