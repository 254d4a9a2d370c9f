package record

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// insert puts rows into the database, all or none. A record that is there
// already is replaced by itself, so that a spool may be read twice; the note of
// a lost call never replaces a record.
func insert(ctx context.Context, db *sql.DB, rows []row, statement string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // nothing to undo after Commit
	st, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	defer func() { _ = st.Close() }() // ends with the transaction anyway
	for _, r := range rows {
		c := r.cdr
		if _, err := st.ExecContext(ctx, c.ID, micro(c.Invited), micro(c.Answered), micro(c.Ended),
			c.A.Trunk, c.B.Trunk, c.Caller, c.Called, c.A.CallID, c.B.CallID, c.Status, string(r.body)); err != nil {
			return fmt.Errorf("insert: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// The two ways to meet a record that is there already.
const (
	orReplace = "INSERT OR REPLACE" + intoCalls
	orIgnore  = "INSERT OR IGNORE" + intoCalls
	intoCalls = ` INTO calls
	(id, invited, answered, ended, a_trunk, b_trunk, caller, called, a_call_id, b_call_id, status, body)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
)

// forget deletes up to 1000 records of calls that began before t and returns how
// many there were.
func forget(ctx context.Context, db *sql.DB, t time.Time) (int64, error) {
	r, err := db.ExecContext(ctx,
		"DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE invited < ? ORDER BY invited LIMIT 1000)", micro(t))
	if err != nil {
		return 0, fmt.Errorf("delete old records: %w", err)
	}
	return r.RowsAffected()
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
