package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/tandem-voip/tandem/config"
)

// A symptom is one thing the doctor looked at.
type symptom struct {
	Name string `json:"name"`
	Good bool   `json:"good"`
	Text string `json:"text"`
}

// A patient is what the doctor finds on the machine.
type patient struct {
	cfg       config.Config
	rmemMax   int    // bytes a socket may ask for
	files     uint64 // that the process may have open
	unsynced  bool   // the clock is not kept by anybody
	clockErr  error
	fileErr   error
	bufferErr error
}

// What a busy gateway needs.
const (
	wantBuffer      = 1 << 20 // bytes, for a SIP socket to survive a burst
	descriptorsCall = 4       // RTP and RTCP of two sides
	descriptorsRest = 256     // listeners, connections, records
)

func doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at the machine: UDP buffers, open files, advertised addresses, clock",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := configOf(cmd)
			if err != nil {
				return err
			}
			list := examine(cfg).symptoms()
			good := true
			err = show(cmd, list, func(w io.Writer) {
				for _, s := range list {
					mark := "good"
					if !s.Good {
						mark = "BAD "
					}
					fmt.Fprintf(w, "%s  %-12s %s\n", mark, s.Name, s.Text)
				}
			})
			for _, s := range list {
				good = good && s.Good
			}
			if err == nil && !good {
				return errSaid
			}
			return err
		},
	}
	addConfigFlag(cmd)
	addOutputFlag(cmd)
	return cmd
}

// examine reads what the machine says of itself.
func examine(cfg config.Config) patient {
	p := patient{cfg: cfg}
	var b []byte
	if b, p.bufferErr = os.ReadFile("/proc/sys/net/core/rmem_max"); p.bufferErr == nil {
		p.rmemMax, p.bufferErr = strconv.Atoi(strings.TrimSpace(string(b)))
	}
	var limit syscall.Rlimit
	p.fileErr = syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit)
	p.files = limit.Cur
	var tx syscall.Timex
	var state int
	if state, p.clockErr = syscall.Adjtimex(&tx); p.clockErr == nil {
		p.unsynced = state == 5 // TIME_ERROR, adjtimex(2)
	}
	return p
}

// symptoms says what the findings mean.
func (p patient) symptoms() []symptom {
	return append([]symptom{p.buffers(), p.descriptors(), p.clock()}, p.addresses()...)
}

func (p patient) buffers() symptom {
	s := symptom{Name: "udp buffers", Good: true}
	switch {
	case p.bufferErr != nil:
		s.Text = "not known on this system"
	case p.rmemMax < wantBuffer:
		s.Good = false
		s.Text = fmt.Sprintf("sockets may hold %d bytes: a burst of SIP is lost; sysctl -w net.core.rmem_max=%d", p.rmemMax, 4*wantBuffer)
	default:
		s.Text = fmt.Sprintf("sockets may hold %d bytes", p.rmemMax)
	}
	return s
}

func (p patient) descriptors() symptom {
	s := symptom{Name: "open files", Good: true}
	calls := p.cfg.Limits.Calls
	if calls == 0 {
		calls = int(p.cfg.Media.PortMax-p.cfg.Media.PortMin+1) / 4
	}
	want := uint64(calls*descriptorsCall + descriptorsRest)
	switch {
	case p.fileErr != nil:
		s.Text = "not known on this system"
	case p.files < want:
		s.Good = false
		s.Text = fmt.Sprintf("%d files may be open, %d calls need %d: ulimit -n %d, or LimitNOFILE=%d in the unit", p.files, calls, want, want, want)
	default:
		s.Text = fmt.Sprintf("%d files may be open, %d calls need %d", p.files, calls, want)
	}
	return s
}

func (p patient) clock() symptom {
	s := symptom{Name: "clock", Good: true, Text: "kept by a time service"}
	switch {
	case p.clockErr != nil:
		s.Text = "not known on this system"
	case p.unsynced:
		s.Good = false
		s.Text = "kept by nobody: records and certificates need the right time; run chrony or systemd-timesyncd"
	}
	return s
}

// addresses says which addresses peers are told that they cannot reach.
func (p patient) addresses() []symptom {
	var out []symptom
	for _, l := range p.cfg.SIP.Listeners {
		a, err := netip.ParseAddrPort(l.Address)
		if err != nil || l.Advertise != "" {
			continue
		}
		out = append(out, told("listener "+l.Name, a.Addr(), "sip.listeners[].advertise"))
	}
	m := p.cfg.Media
	if !m.Advertise.IsValid() {
		out = append(out, told("media", m.Address, "media.advertise"))
	}
	return out
}

// told says whether peers elsewhere can reach an address they are told.
func told(what string, a netip.Addr, key string) symptom {
	s := symptom{Name: what, Good: true, Text: fmt.Sprintf("peers are told %s", a)}
	switch {
	case a.IsUnspecified():
		s.Good = false
		s.Text = fmt.Sprintf("peers would be told %s, which is no address: set %s", a, key)
	case a.IsLoopback():
		s.Text += ", which only this machine reaches"
	case a.IsPrivate() || a.IsLinkLocalUnicast():
		s.Text += fmt.Sprintf(", which only this network reaches: set %s if trunks are elsewhere", key)
	}
	return s
}
