package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/sbc/admin"
)

// callCommands are those that see and steer calls.
func callCommands() []*cobra.Command {
	return []*cobra.Command{callsCommand(), callCommand(), hangupCommand(), transferCommand(), digitsCommand()}
}

func callsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "calls",
		Short: "List the calls in progress",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			watch, err := cmd.Flags().GetBool("watch")
			if err != nil {
				return err
			}
			if watch {
				return again(cmd, func() error { return listCalls(cmd, c) })
			}
			return listCalls(cmd, c)
		},
	}
	cmd.Flags().BoolP("watch", "w", false, "repeat every second until interrupted")
	addTrunkFlag(cmd, "only calls of this trunk, either side")
	addOutputFlag(cmd)
	return cmd
}

func listCalls(cmd *cobra.Command, c *client) error {
	q := url.Values{}
	if trunk, err := cmd.Flags().GetString("trunk"); err == nil && trunk != "" {
		q.Set("trunk", trunk)
	}
	var list admin.CallList
	if err := c.get(cmd.Context(), "/v1/calls", q, &list); err != nil {
		return err
	}
	return show(cmd, list.Calls, func(w io.Writer) {
		rows := make([][]string, 0, len(list.Calls))
		for _, x := range list.Calls {
			rows = append(rows, []string{
				x.ID, x.State, seconds(x.Seconds), x.A.Trunk, x.Caller, x.B.Trunk, x.Called, codecs(x),
			})
		}
		table(w, "ID STATE TIME FROM CALLER TO CALLED CODECS", rows)
		fmt.Fprintf(w, "%d in progress\n", len(rows))
	})
}

// codecs says what a call speaks, both sides where they differ.
func codecs(c admin.Call) string {
	switch {
	case c.A.Codec == c.B.Codec || c.B.Codec == "":
		return c.A.Codec
	case c.A.Codec == "":
		return c.B.Codec
	}
	return c.A.Codec + " > " + c.B.Codec
}

func callCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "call ID",
		Short: "Show one call: both legs on one ladder, media, latches, why it ended",
		Long: "Show one call, in progress or over: both legs on one ladder, media, latches and why it ended.\n" +
			"ID is that of \"tandem calls\" or \"tandem cdr\", or a Call-ID of either side.",
		Args:              words("the ID of a call"),
		ValidArgsFunction: completeCalls,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			var call admin.Call
			if err := c.get(cmd.Context(), "/v1/calls/"+url.PathEscape(args[0]), nil, &call); err != nil {
				return err
			}
			return show(cmd, call, func(w io.Writer) { describe(w, call) })
		},
	}
	addOutputFlag(cmd)
	return cmd
}

func hangupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "hangup ID",
		Short:             "End a call",
		Args:              words("the ID of a call"),
		ValidArgsFunction: completeCalls,
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			if err := c.do(cmd.Context(), http.MethodDelete, "/v1/calls/"+url.PathEscape(args[0]), nil, nil); err != nil {
				return err
			}
			out := steered{Call: args[0], Done: "hangup"}
			return show(cmd, out, func(w io.Writer) { fmt.Fprintf(w, "call %s is being ended\n", plain(args[0])) })
		},
	}
	addOutputFlag(cmd)
	return cmd
}

// steered is what a command that steers a call prints as JSON.
type steered struct {
	Call   string `json:"call"`
	Done   string `json:"done"`
	Target string `json:"target,omitempty"`
	Side   string `json:"side,omitempty"`
}

func transferCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "transfer ID NUMBER",
		Short:             "Hand one side of a call to another number and release the other",
		Args:              words("the ID of a call", "a number"),
		ValidArgsFunction: completeCalls,
		RunE: func(cmd *cobra.Command, args []string) error {
			return orderSide(cmd, args[0], "transfer", map[string]string{"target": args[1]}, func(side string) string {
				return fmt.Sprintf("the %s side of call %s is being handed to %s: tandem call %[2]s says how it goes", side, plain(args[0]), plain(args[1]))
			})
		},
	}
	addSideFlag(cmd, "caller", "who is handed there")
	return cmd
}

func digitsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:               "digits ID DIGITS",
		Short:             "Send digits to one side of a call",
		Args:              words("the ID of a call", "what to send"),
		ValidArgsFunction: completeCalls,
		Long: "Send digits to one side of a call, in the way its trunk takes them.\n" +
			"DIGITS is 1 to 32 of 0 to 9, *, # and A to D.",
		RunE: func(cmd *cobra.Command, args []string) error {
			return orderSide(cmd, args[0], "digits", map[string]string{"digits": args[1]}, func(side string) string {
				return fmt.Sprintf("the %s side of call %s is being sent %d digits", side, plain(args[0]), len(args[1]))
			})
		},
	}
	addSideFlag(cmd, "called", "who gets them")
	return cmd
}

// addSideFlag adds the flag that names a side of a call, and -o.
func addSideFlag(cmd *cobra.Command, side, who string) {
	cmd.Flags().String("side", side, who+": caller or called")
	// The flag was added on the line above, so that there is no error.
	_ = cmd.RegisterFlagCompletionFunc("side", cobra.FixedCompletions([]string{"caller", "called"}, cobra.ShellCompDirectiveNoFileComp))
	addOutputFlag(cmd)
}

// orderSide sends an order for the side of a call that the flag names, and says
// that it was taken.
func orderSide(cmd *cobra.Command, id, order string, body map[string]string, taken func(side string) string) error {
	c, err := newClient(cmd)
	if err != nil {
		return err
	}
	if body["side"], err = cmd.Flags().GetString("side"); err != nil {
		return err
	}
	if err := c.do(cmd.Context(), http.MethodPost, "/v1/calls/"+url.PathEscape(id)+"/"+order, body, nil); err != nil {
		return err
	}
	out := steered{Call: id, Done: order, Target: body["target"], Side: body["side"]}
	return show(cmd, out, func(w io.Writer) { fmt.Fprintln(w, taken(out.Side)) })
}
