package appliance

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/g722"
	"github.com/tandem-voip/tandem/codec/opus"
	"github.com/tandem-voip/tandem/config"
)

// codecs are those we have, most preferred first.
func codecs(cfg config.Config) codec.Set {
	return codec.Set{opus.New(cfg.Opus), g722.New(), g711.PCMU(), g711.PCMA()}
}

// System returns the Deps of the machine the program runs on.
func System(log *slog.Logger) Deps {
	return Deps{
		Listen: func(local netip.AddrPort) (net.Listener, error) {
			return net.ListenTCP(network("tcp", local.Addr()), net.TCPAddrFromAddrPort(local))
		},
		Dial: func(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
			var d net.Dialer
			if local.IsValid() && !local.IsUnspecified() {
				d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(local, 0))
			}
			return d.DialContext(ctx, "tcp", remote.String())
		},
		ListenUnix: listenUnix,
		Log:        log,
	}
}

// listenPacket opens a UDP socket of this machine.
func listenPacket(local netip.AddrPort) (PacketConn, error) {
	return net.ListenUDP(network("udp", local.Addr()), net.UDPAddrFromAddrPort(local))
}

// network narrows a network to the family of an address; [::] is both.
func network(name string, a netip.Addr) string {
	switch {
	case a.Is4():
		return name + "4"
	case a.IsUnspecified():
		return name
	}
	return name + "6"
}

// listenUnix opens a Unix socket that only the owner of the process may use. A
// file that a process which died left there is replaced; one that is answered
// is not.
func listenUnix(path string) (net.Listener, error) {
	c, err := net.Dial("unix", path)
	switch {
	case err == nil:
		_ = c.Close() // it was opened to see whether it is answered
		return nil, fmt.Errorf("another process answers at %s", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// The file must not be open to others even for a moment.
	mask := syscall.Umask(0o177)
	defer syscall.Umask(mask)
	return net.Listen("unix", path)
}
