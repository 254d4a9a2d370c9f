//go:build interop

package interop

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// A probe is a known trunk that asks with OPTIONS whether the gateway still
// hears, from a port of its own.
type probe struct {
	g    *gateway
	conn *net.UDPConn
	n    int
}

func (g *gateway) probe(host int) *probe {
	return &probe{g: g, conn: g.socket(g.addr(host), 5072)}
}

// socket opens a UDP socket of host at port, 0 for any.
func (g *gateway) socket(host string, port uint16) *net.UDPConn {
	g.t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(host), port)
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { conn.Close() })
	return conn
}

// ask sends one OPTIONS and says how long the 200 took, false when none came
// within that time.
func (p *probe) ask(within time.Duration) (time.Duration, bool) {
	p.n++
	id := fmt.Sprintf("probe-%d", p.n)
	began := time.Now()
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(p.g.sip()))
	_, _ = p.conn.WriteTo(optionsOf("UDP", p.conn.LocalAddr().String(), id, p.g.sip()), to)
	_ = p.conn.SetReadDeadline(began.Add(within))
	for buf := make([]byte, 65536); ; {
		n, err := p.conn.Read(buf)
		if err != nil {
			return time.Since(began), false
		}
		if m := parse(buf[:n]); m.get("call-id") == id && m.status() == "200" {
			return time.Since(began), true
		}
	}
}

// must is ask for a gateway that has nothing else to do.
func (p *probe) must(after string) {
	p.g.t.Helper()
	for range 3 { // a datagram may be lost on a machine that is short of time
		if _, ok := p.ask(5 * time.Second); ok {
			return
		}
	}
	p.g.t.Fatalf("after %s no OPTIONS was answered; the gateway said:\n%s", after, tail(p.g.said()))
}

// optionsOf is an OPTIONS request from an address and port over a transport.
func optionsOf(transport, from, id, to string) []byte {
	return fmt.Appendf(nil, "OPTIONS sip:%[4]s SIP/2.0\r\nVia: SIP/2.0/%[1]s %[2]s;branch=z9hG4bK%[3]s;rport\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:probe@%[2]s>;tag=%[3]s\r\nTo: <sip:%[4]s>\r\nCall-ID: %[3]s\r\n"+
		"CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n", transport, from, id, to)
}

// event is a counter of the transport.
func (g *gateway) event(name string) float64 {
	g.t.Helper()
	return g.metric(fmt.Sprintf("tandem_transport_events_total{event=%q}", name))
}

// rss is the resident memory of the process, in MiB.
func (g *gateway) rss() int {
	g.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.cmd.Process.Pid))
	if err != nil {
		g.t.Fatalf("the gateway is gone: %v\n%s", err, tail(g.said()))
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kb >> 10
}

// held is the memory that the process has in use, in MiB: what is resident
// besides is garbage and room that the runtime keeps for a while.
func (g *gateway) held() float64 {
	g.t.Helper()
	return (g.metric("go_memstats_heap_inuse_bytes") + g.metric("go_memstats_stack_inuse_bytes")) / (1 << 20)
}

// unharmed wants no fault, and the calls that were up to be up.
func (g *gateway) unharmed(calls int) {
	g.t.Helper()
	if n := g.metric("tandem_call_faults_total"); n != 0 {
		g.t.Errorf("%v calls were ended by a fault:\n%s", n, tail(g.said()))
	}
	if n := g.metric("tandem_calls"); n < float64(calls) {
		g.t.Errorf("%v calls are up, want the %d there were", n, calls)
	}
}

// kernelQueue is what waits in the receive buffer of a UDP socket of this
// machine, in octets, and how many datagrams that socket has lost.
func kernelQueue(t *testing.T, at netip.AddrPort) (waiting, lost uint64) {
	t.Helper()
	ip := at.Addr().As4()
	row := fmt.Sprintf(" %08X:%04X ", binary.LittleEndian.Uint32(ip[:]), at.Port())
	var rest string
	for try := 0; rest == ""; try++ { // a row may be passed over while others come and go
		table, err := os.ReadFile("/proc/net/udp")
		if err != nil || try == 100 {
			t.Fatalf("no socket at %s (%v)", at, err)
		}
		_, rest, _ = strings.Cut(string(table), row)
	}
	line, _, _ := strings.Cut(rest, "\n")
	f := strings.Fields(line)
	_, rx, _ := strings.Cut(f[2], ":")
	waiting, _ = strconv.ParseUint(rx, 16, 64)
	lost, _ = strconv.ParseUint(f[len(f)-1], 10, 64)
	return waiting, lost
}

// drained waits until the gateway has read what was sent to one of its sockets.
func drained(t *testing.T, at netip.AddrPort) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if n, _ := kernelQueue(t, at); n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s is not read any more", at)
		}
	}
}

// seeded is the generator of one of the twenty seeds; a run is repeatable.
func seeded(seed int) *rand.Rand { return rand.New(rand.NewPCG(uint64(seed), 0x7a4d)) }

// mutated is b with one to four things done to it, rather one; other is what may be spliced
// in. Neither is changed.
func mutated(r *rand.Rand, b, other []byte) []byte {
	b = slices.Clone(b)
	for range 1 + r.IntN(1+r.IntN(4)) {
		if len(b) == 0 {
			return append(b, byte(r.Uint32()))
		}
		i, j := r.IntN(len(b)), r.IntN(len(b))
		i, j = min(i, j), max(i, j)
		switch r.IntN(9) {
		case 0:
			b[i] ^= 1 << r.IntN(8)
		case 1:
			b[i] = byte(r.Uint32())
		case 2:
			b = slices.Delete(b, i, min(j, i+1+r.IntN(32)))
		case 3:
			b = slices.Insert(b, i, slices.Clone(b[i:min(j, i+256)])...)
		case 4:
			b = b[:j]
		case 5: // an edge value where a length or a number may stand
			b[i] = []byte{0, 1, 0x7f, 0x80, 0xff, '9', '-', '%', '"', '\\', ';', '\r', '\n', ' '}[r.IntN(14)]
		case 6:
			b = slices.Insert(b, i, []byte(strings.Repeat("9", 1+r.IntN(40)))...)
		case 7:
			k := r.IntN(len(other))
			b = slices.Concat(b[:i], other[k:])
		case 8:
			b = slices.Concat(b[:i], b[j:], b[i:j])
		}
	}
	return b[:min(len(b), 60_000)]
}
