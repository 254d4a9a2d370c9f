//go:build interop

package interop

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A torture is a message of RFC 4475 or RFC 5118 and what it deserves.
type torture struct {
	file, datagram, stream string
	raw                    []byte
}

func tortures(t *testing.T) []torture {
	t.Helper()
	const dir = "../../sip/transport/testdata/torture"
	table, err := os.ReadFile(filepath.Join(dir, "table.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	var all []torture
	for line := range strings.Lines(string(table)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), "\t")
		raw, err := os.ReadFile(filepath.Join(dir, f[0]))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, torture{f[0], f[2], f[3], raw})
	}
	return all
}

// treated says what the transport did with the messages since the last look:
// passed them up as messages, answered, dropped, or nothing yet.
type treated struct {
	g                        *gateway
	in, answered, unanswered float64
}

func (g *gateway) treated() *treated {
	return &treated{g, g.event("messages_in"), g.event("malformed_answered"), g.event("malformed_unanswered")}
}

// since returns how many were passed up, answered and dropped since then.
func (s *treated) since() (passed, answered, dropped int) {
	now := s.g.treated()
	answered, dropped = int(now.answered-s.answered), int(now.unanswered-s.unanswered)
	passed = int(now.in-s.in) - answered - dropped
	return passed, answered, dropped
}

// fits reports whether that is the treatment want, besides the next OPTIONS.
func (s *treated) fits(want string, next int) (string, bool) {
	passed, answered, dropped := s.since()
	got := fmt.Sprintf("%d passed up, %d answered, %d dropped", passed-next, answered, dropped)
	switch want {
	case "message":
		return got, passed-next >= 1 && answered == 0 && dropped == 0
	case "drop":
		return got, answered == 0 && dropped >= 1
	case "wait":
		return got, answered == 0 && dropped == 0
	}
	return got, answered == 1 // 400, 416, 505: the unit tests say which
}

// Every message of RFC 4475 and RFC 5118 is treated as its row of the table
// says, over UDP and TCP, whole and in pieces, and the next OPTIONS of a trunk
// is answered (SECURITY S9).
func TestTortureMessages(t *testing.T) {
	g := start(t, "- {name: none, match: {trunks: [east]}, targets: [{trunk: east}]}", "", west(""), east(""))
	all, p := tortures(t), g.probe(11)
	t.Run("UDP", func(t *testing.T) {
		conn := g.socket(g.addr(11), 5060)
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(g.sip()))
		for _, m := range all {
			was := g.treated()
			if _, err := conn.WriteTo(m.raw, to); err != nil {
				t.Fatal(err)
			}
			p.must(m.file + " over UDP")
			if got, ok := was.fits(m.datagram, 1); !ok {
				t.Errorf("%s: %s, want %s", m.file, got, m.datagram)
			}
		}
	})
	for _, n := range []int{1, 7, 64, 1 << 16} {
		t.Run(fmt.Sprintf("TCP/%d", n), func(t *testing.T) {
			for _, m := range all {
				was := g.treated()
				next := g.torment(t, m, n)
				p.must(m.file + " over TCP")
				if got, ok := was.fits(m.stream, 1+next); !ok {
					t.Errorf("%s in pieces of %d: %s, want %s", m.file, n, got, m.stream)
				}
			}
		})
	}
	t.Logf("%d messages over UDP, and over TCP whole and in pieces of 1, 7 and 64 octets; %d OPTIONS answered", len(all), p.n)
	g.unharmed(0)
}

// torment sends a message from host 11 in pieces of n octets and an OPTIONS
// behind it, on one connection, and says how many of these were answered. It
// has to be, unless the message has cost the connection or waits for more.
func (g *gateway) torment(t *testing.T, m torture, n int) int {
	t.Helper()
	c := g.dial(t, g.addr(11))
	defer c.Close()
	const id = "next-on-this-connection"
	for b := append(m.raw[:len(m.raw):len(m.raw)], optionsOf("TCP", g.addr(11)+":5060", id, g.sip())...); len(b) > 0; b = b[min(n, len(b)):] {
		if _, err := c.Write(b[:min(n, len(b))]); err != nil {
			break // closed on us, as some deserve
		}
	}
	patience := 5 * time.Second
	if m.stream == "wait" {
		patience = 100 * time.Millisecond
	}
	_ = c.SetReadDeadline(time.Now().Add(patience))
	var got strings.Builder
	for buf := make([]byte, 4096); !strings.Contains(got.String(), id); {
		k, err := c.Read(buf)
		got.Write(buf[:k])
		if err != nil && k == 0 {
			if m.stream == "message" || m.stream == "drop" || errors.Is(err, os.ErrDeadlineExceeded) && m.stream != "wait" {
				t.Errorf("%s in pieces of %d: the next OPTIONS on the connection: %v", m.file, n, err)
			}
			if errors.Is(err, io.EOF) && m.stream == "wait" {
				t.Errorf("%s in pieces of %d: closed, want patience", m.file, n)
			}
			return 0
		}
	}
	return 1
}

// dial connects to the gateway's TCP listener from an address.
func (g *gateway) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	c, err := d.DialContext(t.Context(), "tcp4", g.sip())
	if err != nil {
		t.Fatal(err)
	}
	return c
}
