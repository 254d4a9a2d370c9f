package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/config"
)

// A port is a line of "tandem ports".
type port struct {
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
	Purpose  string `json:"purpose"`
	Open     string `json:"open" doc:"To whom"`
}

func portsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ports",
		Short: "List the ports a configuration uses: what to open, and for whom",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			list := portsOf(cfg)
			return show(cmd, list, func(w io.Writer) {
				rows := make([][]string, 0, len(list))
				for _, p := range list {
					rows = append(rows, []string{p.Protocol, p.Address, p.Purpose, p.Open})
				}
				table(w, "PROTOCOL ADDRESS PURPOSE OPEN_TO", rows)
			})
		},
	}
	addConfigFlag(cmd)
	addOutputFlag(cmd)
	return cmd
}

// portsOf lists what a configuration listens on.
func portsOf(c config.Config) []port {
	var list []port
	for _, l := range c.SIP.Listeners {
		protocol, open := "tcp", "trunks"
		switch l.Transport {
		case "udp":
			protocol = "udp"
		case "ws", "wss":
			open = "browsers"
		}
		list = append(list, port{protocol, l.Address, "SIP over " + l.Transport + ", listener " + l.Name, open})
	}
	rtp := fmt.Sprintf("%s:%d-%d", c.Media.Address, c.Media.PortMin, c.Media.PortMax)
	list = append(list, port{"udp", rtp, "RTP and RTCP; bound while a call needs them", "everybody the trunks send media from"})
	if c.Media.Address6.IsValid() {
		rtp = fmt.Sprintf("[%s]:%d-%d", c.Media.Address6, c.Media.PortMin, c.Media.PortMax)
		list = append(list, port{"udp", rtp, "RTP and RTCP over IPv6; bound while a call needs them", "everybody the trunks send media from"})
	}
	if c.Admin.Address != "" {
		list = append(list, port{"tcp", c.Admin.Address, "admin API, /healthz, /metrics", "operators only"})
	}
	return list
}

// addConfigFlag adds -c.
func addConfigFlag(cmd *cobra.Command) {
	cmd.Flags().StringP("config", "c", "", "configuration file; without it the built-in demonstration")
	// The flag was added on the line above, so that there is no error.
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
}

// configOf returns the configuration that -c names, or the demonstration.
func configOf(cmd *cobra.Command) (config.Config, error) {
	file, err := cmd.Flags().GetString("config")
	if err != nil {
		return config.Config{}, err
	}
	if file == "" {
		return config.Demo()
	}
	return config.Load(file)
}
