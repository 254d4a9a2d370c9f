package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"
)

// The formats of -o.
const (
	asText = "text"
	asJSON = "json"
)

// addOutputFlag adds -o.
func addOutputFlag(cmd *cobra.Command) {
	cmd.Flags().StringP("output", "o", asText, "format: text or json")
	// The flag was added on the line above, so that there is no error.
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{asText, asJSON}, cobra.ShellCompDirectiveNoFileComp))
}

// show writes v as JSON if that was asked for, else what text writes.
func show(cmd *cobra.Command, v any, text func(io.Writer)) error {
	format, err := cmd.Flags().GetString("output")
	if err != nil {
		return err
	}
	switch format {
	case asJSON:
		e := json.NewEncoder(cmd.OutOrStdout())
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		return e.Encode(v)
	case asText:
		text(cmd.OutOrStdout())
		return nil
	}
	return fmt.Errorf("output %q is neither %q nor %q", format, asText, asJSON)
}

// table writes rows in columns. Cells come from the network: what would steer a
// terminal is left out.
func table(w io.Writer, head string, rows [][]string) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells []string) { fmt.Fprintln(t, strings.Join(cells, "\t")) }
	line(strings.Split(head, " "))
	for _, r := range rows {
		for i, c := range r {
			r[i] = plain(c)
			if r[i] == "" {
				r[i] = "-"
			}
		}
		line(r)
	}
	_ = t.Flush() // a terminal that is gone is seen by the next write
}

// plain replaces control characters, so that what strangers sent does not steer
// a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}

// seconds writes a time in seconds as 1:02:03 or 2:03.
func seconds(s float64) string {
	d := time.Duration(s * float64(time.Second)).Round(time.Second)
	h, m, sec := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if h > 0 {
		return fmt.Sprintf("%d:%02d:%02d", h, m, sec)
	}
	return fmt.Sprintf("%d:%02d", m, sec)
}
