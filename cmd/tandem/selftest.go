package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/cmd/tandem/selftest"
	"github.com/tandem-voip/tandem/sbc/admin"
)

func selftestCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Call through the running gateway and back, and measure set-up, level, delay and digits",
		Long: "Call through the running gateway and back, PCMU on one side and Opus on the other. It measures how\n" +
			"long the call takes to set up, the level and delay of a 1004 Hz tone each way, and whether every\n" +
			"digit comes through once. It takes ten seconds at most; the exit code is 1 if anything is wrong.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := newClient(cmd)
			if err != nil {
				return err
			}
			r, err := selftest.Run(cmd.Context(), nil, func(in admin.SelfTestRequest) (admin.SelfTest, func(), error) {
				var out admin.SelfTest
				end := func() {
					// If nobody hears it, the phones are out after a minute.
					_ = c.do(cmd.Context(), http.MethodDelete, "/v1/selftest?caller="+url.QueryEscape(in.Caller), nil, nil)
				}
				err := c.do(cmd.Context(), http.MethodPost, "/v1/selftest", in, &out)
				return out, end, err
			})
			if err != nil {
				return fmt.Errorf("self test: %w", err)
			}
			if err := show(cmd, r, func(w io.Writer) { sayResult(w, r) }); err != nil {
				return err
			}
			if !r.Good {
				return errSaid
			}
			return nil
		},
	}
	addOutputFlag(cmd)
	return cmd
}

func sayResult(w io.Writer, r selftest.Result) {
	fmt.Fprintf(w, "set-up             %.1f ms\n", r.SetupMS)
	for _, d := range []struct {
		name string
		selftest.Direction
	}{{"PCMU to Opus", r.ToCalled}, {"Opus to PCMU", r.ToCaller}} {
		fmt.Fprintf(w, "%s       level %.1f dBm0, delay %.1f ms, jitter %.1f ms, %d packets, %d lost, %d of %d digits\n",
			d.name, d.Level, d.DelayMS, d.JitterMS, d.Packets, d.Lost, d.Heard, d.Sent)
	}
	fmt.Fprintln(w, r.Verdict)
}
