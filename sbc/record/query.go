package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tandem-voip/tandem/sbc"
)

// limitMax bounds what one query returns.
const limitMax = 10_000

// ErrUnknown says that there is no record of that call.
var ErrUnknown = errors.New("no record of that call")

// A Query says which records are wanted. Zero fields do not narrow.
type Query struct {
	Since, Until time.Time // when the call began: from Since, before Until
	Trunk        string    // of either side
	Number       string    // of either side, as it came
	CallID       string    // of either side
	ID           string    // ours
	Status       int       // exactly this one
	Failed       bool      // not answered
	Limit        int       // at most so many, the newest; 0 means 100
}

// where returns the condition of a query and its arguments.
func (q Query) where() (string, []any) {
	var terms []string
	var args []any
	add := func(term string, values ...any) {
		terms = append(terms, term)
		args = append(args, values...)
	}
	if !q.Since.IsZero() {
		add("invited >= ?", micro(q.Since))
	}
	if !q.Until.IsZero() {
		add("invited < ?", micro(q.Until))
	}
	if q.Trunk != "" {
		add("? IN (body->>'$.A.Trunk', body->>'$.B.Trunk')", q.Trunk)
	}
	if q.Number != "" {
		add("? IN (body->>'$.Caller', body->>'$.Called')", q.Number)
	}
	if q.CallID != "" {
		add("(a = ? OR b = ?)", q.CallID, q.CallID) // each by its index
	}
	if q.ID != "" {
		add("id = ?", q.ID)
	}
	if q.Status != 0 {
		add("body->>'$.Status' = ?", q.Status)
	}
	if q.Failed {
		add("body->>'$.Answered' IS NULL")
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), args
}

// Query returns the records q asks for, the newest first. What a slow database
// has not taken yet is not among them.
func (s *Store) Query(ctx context.Context, q Query) ([]sbc.CDR, error) {
	where, args := q.where()
	n := q.Limit
	if n <= 0 {
		n = 100
	}
	rows, err := s.db.QueryContext(ctx, "SELECT body FROM calls"+where+" ORDER BY invited DESC LIMIT ?", //nolint:gosec // the condition is made of constants
		append(args, min(n, limitMax))...)
	if err != nil {
		return nil, fmt.Errorf("query call records: %w", err)
	}
	defer func() { _ = rows.Close() }() // rows.Err below tells
	var out []sbc.CDR
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("query call records: %w", err)
		}
		var c sbc.CDR
		if err := json.Unmarshal(body, &c); err != nil {
			return nil, fmt.Errorf("read call record: %w", err)
		}
		out = append(out, c)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("query call records: %w", err)
	}
	return out, nil
}

// Get returns the record of one call by our id or a Call-ID of either side.
// ErrUnknown.
func (s *Store) Get(ctx context.Context, id string) (sbc.CDR, error) {
	if id == "" {
		return sbc.CDR{}, ErrUnknown
	}
	list, err := s.Query(ctx, Query{ID: id, Limit: 1})
	if err == nil && len(list) == 0 {
		list, err = s.Query(ctx, Query{CallID: id, Limit: 1})
	}
	switch {
	case err != nil:
		return sbc.CDR{}, err
	case len(list) == 0:
		return sbc.CDR{}, ErrUnknown
	}
	return list[0], nil
}
