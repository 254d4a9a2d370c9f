package main

import (
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/config"
	"github.com/tandem-voip/tandem/sbc"
)

// checked is what "check -o json" prints.
type checked struct {
	File     string           `json:"file"`
	Good     bool             `json:"good"`
	Findings []config.Finding `json:"findings"`
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Say what is wrong with a configuration, with file, line and column",
		Long: "Say what is wrong with a configuration: file, line and column, the line itself, what was expected.\n" +
			"The environment counts as it does for \"run\". The exit code is 1 if anything is wrong.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return check(cmd, args[0]) },
	}
	cmd.Flags().String("trunk", "", "print this trunk with all its profile sets")
	addOutputFlag(cmd)
	return cmd
}

func check(cmd *cobra.Command, file string) error {
	cfg, err := config.Load(file)
	var findings config.Errors
	if err != nil && !errors.As(err, &findings) {
		return err
	}
	if name, err := cmd.Flags().GetString("trunk"); err == nil && name != "" && len(findings) == 0 {
		return printTrunk(cmd, cfg, name)
	}
	out := checked{File: file, Good: len(findings) == 0, Findings: append([]config.Finding{}, findings...)}
	err = show(cmd, out, func(w io.Writer) {
		if !out.Good {
			fmt.Fprintln(w, findings.Error())
			return
		}
		fmt.Fprintf(w, "%s is good: %d listeners, %d trunks, %d routes\n", file, len(cfg.SIP.Listeners), len(cfg.Trunks), len(cfg.Routes))
	})
	if err == nil && !out.Good {
		return errSaid
	}
	return err
}

// printTrunk writes a trunk as it is used, its profile filled in.
func printTrunk(cmd *cobra.Command, cfg config.Config, name string) error {
	i := slices.IndexFunc(cfg.Trunks, func(t sbc.TrunkConfig) bool { return t.Name == name })
	if i < 0 {
		names := make([]string, len(cfg.Trunks))
		for i, t := range cfg.Trunks {
			names[i] = t.Name
		}
		return errors.New(sbc.NoTrunk(name, names))
	}
	return show(cmd, cfg.Trunks[i], func(w io.Writer) { fmt.Fprint(w, config.Print(cfg.Trunks[i])) })
}
