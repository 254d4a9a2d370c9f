package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/tandem-voip/tandem/cmd/tandem/appliance"
	"github.com/tandem-voip/tandem/config"
)

// greet writes a line for each thing that listens.
func greet(w io.Writer, a *appliance.Appliance) {
	fmt.Fprintf(w, "tandem %s\n\n", version)
	for _, l := range a.Listeners() {
		fmt.Fprintf(w, "  %-6s %-4s %s\n", l.Purpose, l.Protocol, l.Address)
	}
	fmt.Fprintln(w)
}

// invite says what can be dialled in the demonstration, and how.
func invite(w io.Writer) {
	gateway := fmt.Sprintf("%s:%d", config.DemoWest, config.DemoPort)
	fmt.Fprintf(w, `This is a demonstration: nothing outside this machine can reach it. Ctrl-C ends it.

Dial from any phone on this machine, without registration (it is trunk "west"):

  sip:%[3]s@%[2]s   echo: hear yourself
  sip:%[4]s@%[2]s   tone: 1004 Hz at -10 dBm0
  sip:%[5]s@%[2]s   digits: press some, wait a second, hear them again

  baresip -e '/uanew <sip:me@%[1]s>;regint=0' -e '/dial sip:%[3]s@%[2]s'
  sipp -sn uac -m 1 -s %[4]s -i %[1]s %[2]s

Any other number goes through to trunk "east", a phone on %[6]s port %[7]d:

  sipp -sn uas -i %[6]s -p %[7]d                  the phone that is called
  sipp -sn uac -m 1 -s 2001 -i %[1]s %[2]s   the phone that calls

Then look: tandem calls, tandem call ID, tandem cdr, tandem trunks, tandem health, tandem selftest
`, config.DemoWest, gateway, config.DemoEcho, config.DemoTone, config.DemoDigits, config.DemoEast, config.DemoPhone)
}

// newLog returns the logger of the process.
func newLog(c config.Log, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == config.FormatJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
