package admin

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"

	"github.com/tandem-voip/tandem/config/secret"
)

// The words that stand for a socket.
const (
	socketAuto = "auto"
	socketOff  = "off"
)

// tokenMin is the shortest token, in bytes.
const tokenMin = 16

// Config is the admin section.
type Config struct {
	// Socket is the path of the Unix socket the API is served on, for the owner
	// of the process only. "auto" is /run/tandem.sock for root, for others
	// tandem.sock in $XDG_RUNTIME_DIR, or /tmp/tandem-UID.sock where that is not
	// set; "off" is none.
	Socket string

	// Address is an address and port to serve the API on as well. It must be a
	// loopback address unless a token is given. Empty is none.
	Address string

	// Token is what requests over Address must carry, as
	// "Authorization: Bearer TOKEN"; at least 16 bytes. Empty asks for none.
	Token secret.String
}

// DefaultConfig serves the API on the socket at its usual place.
func DefaultConfig() Config { return Config{Socket: socketAuto} }

// Validate returns what is wrong with the section, or nil.
func (c Config) Validate() error {
	var errs []error
	if c.Socket == "" {
		errs = append(errs, fmt.Errorf("socket: is empty, expected a path, %q or %q", socketAuto, socketOff))
	}
	if n := len(c.Token.Reveal()); n > 0 && n < tokenMin {
		errs = append(errs, fmt.Errorf("token: has %d bytes, expected at least %d", n, tokenMin))
	}
	if c.Address != "" {
		a, err := netip.ParseAddrPort(c.Address)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("address: %q is not address:port, like 127.0.0.1:8060", c.Address))
		case !a.Addr().IsLoopback() && c.Token.Empty():
			errs = append(errs, fmt.Errorf("address: %s is reachable from other machines, expected a loopback address or a token", c.Address))
		}
	}
	return errors.Join(errs...)
}

// SocketPath is the path that a configured socket stands for, for a process of
// that user; empty when there is none. runtimeDir is $XDG_RUNTIME_DIR.
func SocketPath(socket string, uid int, runtimeDir string) string {
	switch {
	case socket == socketOff:
		return ""
	case socket != socketAuto:
		return socket
	case uid == 0:
		return "/run/tandem.sock"
	case runtimeDir != "":
		return filepath.Join(runtimeDir, "tandem.sock")
	}
	return "/tmp/tandem-" + strconv.Itoa(uid) + ".sock"
}
