package transport

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A torture is one message of the corpus and its acceptable treatment.
type torture struct {
	file, section    string
	datagram, stream string
	raw              []byte
}

func corpus(t testing.TB) []torture {
	t.Helper()
	const dir = "testdata/torture"
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
		all = append(all, torture{f[0], f[1], f[2], f[3], raw})
	}
	if len(all) != 49+11 {
		t.Fatalf("%d messages, want the 49 of RFC 4475 and the 11 of RFC 5118", len(all))
	}
	return all
}

// treatment is what becomes of a message that was parsed like this.
func treatment(t *testing.T, msg sipmsg.Message, bad fault) string {
	t.Helper()
	if bad == 0 {
		if _, err := Append(nil, msg); err != nil {
			t.Errorf("cannot be written again: %v", err)
		}
		return "message"
	}
	req, _ := msg.(*sipmsg.Request)
	res := refusal(req, bad, "t")
	if res == nil {
		return "drop"
	}
	if _, err := Append(nil, res); err != nil {
		t.Errorf("its answer cannot be written: %v", err)
	}
	return strconv.Itoa(res.StatusCode)
}

func options() []byte {
	return invite("INVITE", "OPTIONS", "1@192.0.2.10", "next@192.0.2.10")
}

func TestTortureAsDatagrams(t *testing.T) {
	for _, m := range corpus(t) {
		msg, bad := parse(m.raw)
		if got := treatment(t, msg, bad); got != m.datagram {
			t.Errorf("%s (§%s): %s, want %s (%v)", m.file, m.section, got, m.datagram, bad)
		}
	}
}

// flow cuts a stream in pieces of n octets and says what became of the frames.
func flow(t *testing.T, stream []byte, n int) (treated []string, last sipmsg.Message) {
	t.Helper()
	var f framer
	for len(stream) > 0 {
		k := copy(f.space()[:n], stream)
		f.filled(k)
		stream = stream[k:]
		for kind, data, bad := f.next(); kind != frameNone; kind, data, bad = f.next() {
			msg, fault := parse(data)
			if kind == frameBroken {
				return append(treated, treatment(t, msg, bad), "closed"), nil
			}
			treated, last = append(treated, treatment(t, msg, fault)), msg
		}
	}
	return treated, last
}

func TestTortureAsStreamsInPieces(t *testing.T) {
	for _, m := range corpus(t) {
		for _, n := range []int{1, 7, 64, minRead} {
			got, last := flow(t, append(bytes.Clone(m.raw), options()...), n)
			switch {
			case m.stream == "wait":
				if len(got) != 0 {
					t.Errorf("%s in pieces of %d: %v, want nothing yet", m.file, n, got)
				}
				continue
			case len(got) == 0 || got[0] != m.stream:
				t.Errorf("%s in pieces of %d: %v, want %s", m.file, n, got, m.stream)
				continue
			case got[len(got)-1] == "closed":
				continue // the next comes over another connection
			}
			if got[len(got)-1] != "message" || last.CallID().Value() != "next@192.0.2.10" {
				t.Errorf("%s in pieces of %d: the next OPTIONS was lost: %v", m.file, n, got)
			}
		}
	}
}

func TestNextOptionsIsHeardAfterEachTorture(t *testing.T) {
	for _, kind := range []string{"udp", "tcp"} {
		for _, n := range []int{1, 7, 64, maxMessage} {
			synctest.Test(t, func(t *testing.T) { torment(t, kind, n) })
		}
	}
}

// torment sends the corpus, each message on a connection of its own in pieces of
// n octets, and after each an OPTIONS.
func torment(t *testing.T, kind string, n int) {
	us, peer := two()
	deps := on(us)
	deps.Known = func(netip.Addr) bool { return true }
	_, s := serve(t, listenOn(kind, ours), deps)
	packets, err := peer.ListenPacket(netip.MustParseAddrPort(theirs))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = packets.Close() }()
	send := func(b []byte) {
		if kind == "udp" {
			if _, err := packets.WriteToUDPAddrPort(b, netip.MustParseAddrPort(ours)); err != nil {
				t.Fatal(err)
			}
			return
		}
		c := connect(t, peer)
		for ; len(b) > 0; b = b[min(n, len(b)):] {
			if _, err := c.Write(b[:min(n, len(b))]); err != nil {
				return // closed on us, as some deserve
			}
		}
	}
	for _, m := range corpus(t) {
		send(m.raw)
		send(options())
		for heard := time.After(time.Second); ; {
			select {
			case in := <-s.in:
				if in.Msg.CallID().Value() != "next@192.0.2.10" {
					continue
				}
			case <-heard:
				t.Errorf("%s over %s: the next OPTIONS was lost", m.file, kind)
			}
			break
		}
	}
}
