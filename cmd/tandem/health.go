package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/sbc/admin"
)

func healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Say whether the running process works, and what somebody should look at",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var h admin.Health
			if err := c.get(cmd.Context(), "/healthz", nil, &h); err != nil {
				return err
			}
			if err := show(cmd, h, func(w io.Writer) { sayHealth(w, h) }); err != nil {
				return err
			}
			if len(h.Failing) > 0 {
				return errSaid
			}
			return nil
		},
	}
	addOutputFlag(cmd)
	return cmd
}

func sayHealth(w io.Writer, h admin.Health) {
	fmt.Fprintf(w, "%s: version %s, up %s, %d calls\n", h.Status, h.Version, seconds(h.Seconds), h.Calls)
	if h.Draining {
		fmt.Fprintln(w, "draining: new calls are refused")
	}
	for _, f := range h.Failing {
		fmt.Fprintln(w, "failing:", plain(f))
	}
	for _, a := range h.Alarms {
		fmt.Fprintf(w, "alarm %s since %s: %s\n", a.Name, a.Since.Local().Format("15:04:05"), plain(a.Text))
	}
}

func reloadCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reload",
		Short: "Make the running process read its configuration again, and say what came of it",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var out admin.Reloaded
			if err := c.do(cmd.Context(), http.MethodPost, "/v1/reload", nil, &out); err != nil {
				return err
			}
			return show(cmd, out, func(w io.Writer) { sayReloaded(w, out) })
		},
	}
	addOutputFlag(cmd)
	return cmd
}

func sayReloaded(w io.Writer, r admin.Reloaded) {
	if len(r.Applied) == 0 {
		fmt.Fprintln(w, "read again: nothing to apply has changed")
	} else {
		fmt.Fprintln(w, "applied to new calls:", strings.Join(r.Applied, ", "))
	}
	if len(r.Restart) > 0 {
		fmt.Fprintln(w, "after a restart only:", strings.Join(r.Restart, ", "))
	}
}
