// Command tandem is a SIP gateway: it joins the calls of one carrier to those
// of another and carries their media, recoded where the two sides differ.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := root().ExecuteContext(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "tandem:", err)
		os.Exit(1)
	}
}

// root is the command tree.
func root() *cobra.Command {
	return &cobra.Command{
		Use:           "tandem",
		Short:         "A SIP gateway with media in one binary",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
}
