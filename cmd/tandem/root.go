package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// version is set by the linker, which can set nothing but a variable.
var version = "dev"

// errSaid ends the program with exit code 1 and without another word: what is
// wrong was written already.
var errSaid = errors.New("said already")

// root is the command tree.
func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tandem",
		Short: "A SIP gateway with media in one binary",
		Long: "Tandem joins the calls of one carrier to those of another and carries their media,\n" +
			"recoded where the two sides differ.\n\n" +
			"Without a command it runs a demonstration on this machine alone and says what to dial.",
		Args:          noCommand,
		Version:       version,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return runDemo(cmd.Context(), cmd.OutOrStdout()) },
	}
	cmd.SetVersionTemplate("tandem {{.Version}}\n")
	addClientFlags(cmd)
	cmd.AddCommand(runCommand(), checkCommand())
	cmd.AddCommand(callCommands()...)
	cmd.AddCommand(cdrCommand(), trunksCommand(), healthCommand(), reloadCommand(), selftestCommand())
	cmd.AddCommand(portsCommand(), doctorCommand(), versionCommand(), manCommand())
	return cmd
}

// noCommand refuses a word that is no command, with those that may be meant.
func noCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	text := fmt.Sprintf("there is no command %q", args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += fmt.Sprintf(", did you mean %q?", near[0])
	}
	return errors.New(text + " See tandem --help")
}

func versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := map[string]string{"version": version}
			return show(cmd, v, func(w io.Writer) { fmt.Fprintln(w, "tandem", version) })
		},
	}
	addOutputFlag(cmd)
	return cmd
}

func manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man [DIR]",
		Short: "Write the man pages into a directory, or the first to standard output",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			top := cmd.Root()
			top.DisableAutoGenTag = true
			head := &doc.GenManHeader{Title: "TANDEM", Section: "1", Source: "tandem " + version}
			if len(args) == 0 {
				return doc.GenMan(top, head, cmd.OutOrStdout())
			}
			if err := os.MkdirAll(args[0], 0o750); err != nil {
				return err
			}
			return doc.GenManTree(top, head, args[0])
		},
	}
}
