package main

import (
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// again calls list every second, each time on a cleared screen, until the
// program is interrupted.
func again(cmd *cobra.Command, list func() error) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		fmt.Fprint(cmd.OutOrStdout(), "\x1b[H\x1b[2J")
		if err := list(); err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}
