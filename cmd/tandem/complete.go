package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/sbc/admin"
)

// words demands arguments, none of them empty, and names what is missing.
func words(what ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > len(what) {
			return fmt.Errorf("%q is one argument too many", args[len(what)])
		}
		for i, w := range what {
			if i >= len(args) || strings.TrimSpace(args[i]) == "" {
				return errors.New(w + " is missing")
			}
		}
		return nil
	}
}

// completeCalls offers the calls of the running process as the first argument.
// Where none runs there is nothing to offer.
func completeCalls(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var list admin.CallList
	if len(args) > 0 || !asked(cmd, "/v1/calls", &list) {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var out []string
	for _, c := range list.Calls {
		out = append(out, cobra.CompletionWithDesc(c.ID, plain(c.Caller+" to "+c.Called)))
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}

// addTrunkFlag adds --trunk, which offers the trunks of the running process.
func addTrunkFlag(cmd *cobra.Command, usage string) {
	cmd.Flags().String("trunk", "", usage)
	// The flag was added on the line above, so that there is no error.
	_ = cmd.RegisterFlagCompletionFunc("trunk", func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		var list admin.TrunkList
		var out []string
		if asked(cmd, "/v1/trunks", &list) {
			for _, t := range list.Trunks {
				out = append(out, t.Name)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	})
}

// asked asks the running process, and reports whether it answered.
func asked(cmd *cobra.Command, path string, out any) bool {
	c, err := newClient(cmd)
	return err == nil && c.get(cmd.Context(), path, nil, out) == nil
}
