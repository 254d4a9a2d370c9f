package main

import (
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/sbc/admin"
)

func cdrCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cdr",
		Short: "List the records of calls that are over, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			q, err := recordQuery(cmd, now())
			if err != nil {
				return err
			}
			var list admin.RecordList
			if err := c.get(cmd.Context(), "/v1/records", q, &list); err != nil {
				return err
			}
			return show(cmd, list.Records, func(w io.Writer) { listRecords(w, list.Records) })
		},
	}
	f := cmd.Flags()
	f.String("since", "", "calls that began then or later: 2026-01-31, 2026-01-31T12:00:00Z, or 2h for two hours ago")
	f.String("until", "", "calls that began before, written in the same way")
	addTrunkFlag(cmd, "of either side")
	f.String("number", "", "of either side, as it came")
	f.String("call", "", "id, or a Call-ID of either side")
	f.Int("status", 0, "exactly this SIP status")
	f.Bool("failed", false, "only calls that were not answered")
	f.Int("limit", 0, "at most so many (default 100)")
	addOutputFlag(cmd)
	return cmd
}

// recordQuery makes, of the flags, the query of the API.
func recordQuery(cmd *cobra.Command, now time.Time) (url.Values, error) {
	q := url.Values{}
	for _, name := range []string{"since", "until", "trunk", "number", "call", "status", "failed", "limit"} {
		f := cmd.Flags().Lookup(name)
		if !f.Changed {
			continue
		}
		v := f.Value.String()
		if name == "since" || name == "until" {
			at, err := when(v, now)
			if err != nil {
				return nil, fmt.Errorf("--%s: %w", name, err)
			}
			v = at.UTC().Format(time.RFC3339)
		}
		q.Set(name, v)
	}
	return q, nil
}

// when reads a time as people write it.
func when(s string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(strings.TrimPrefix(s, "-")); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, time.DateTime, time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is not a time, write it as 2026-01-31, 2026-01-31T12:00:00Z or 2h", s)
}

func listRecords(w io.Writer, records []admin.Call) {
	rows := make([][]string, 0, len(records))
	for _, r := range records {
		answered := ""
		if r.Answered != nil {
			answered = seconds(r.Seconds)
		}
		rows = append(rows, []string{
			r.Invited.Local().Format(time.DateTime), r.ID, r.A.Trunk, r.Caller, r.B.Trunk, r.Called, answered,
			strconv.Itoa(r.Status), r.Text,
		})
	}
	table(w, "BEGAN ID FROM CALLER TO CALLED TIME STATUS CAUSE", rows)
}

func trunksCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trunks",
		Short: "List the trunks and how they are",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var list admin.TrunkList
			if err := c.get(cmd.Context(), "/v1/trunks", nil, &list); err != nil {
				return err
			}
			return show(cmd, list.Trunks, func(w io.Writer) { listTrunks(w, list.Trunks) })
		},
	}
	addOutputFlag(cmd)
	return cmd
}

func listTrunks(w io.Writer, trunks []admin.Trunk) {
	rows := make([][]string, 0, len(trunks))
	for _, t := range trunks {
		up := "up"
		switch {
		case t.Host == "":
			up = "in only"
		case !t.Up:
			up = "down"
		}
		rtt := ""
		if t.RTTMS > 0 {
			rtt = fmt.Sprintf("%.1f ms", t.RTTMS)
		}
		rows = append(rows, []string{
			t.Name, t.Profile, up, strconv.Itoa(t.Calls), t.Overall, t.Ping, rtt, t.TLS, t.Registered, t.Host, t.Reason,
		})
	}
	table(w, "NAME PROFILE STATE CALLS OVERALL OPTIONS RTT TLS REGISTERED HOST LAST_FAILURE", rows)
}
