//go:build load

package load

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/codec/g711"
	"github.com/tandem-voip/tandem/codec/opus"
)

// A rig is a gateway under load.
type rig struct {
	b      testing.TB
	cmd    *exec.Cmd
	caller *caller
	callee *callee
	quit   chan struct{}
	wg     sync.WaitGroup
}

func sdp(format string, pt int) func(string, uint16) string {
	return func(host string, port uint16) string {
		return fmt.Sprintf("v=0\r\no=- 1 1 IN IP4 %[1]s\r\ns=-\r\nc=IN IP4 %[1]s\r\nt=0 0\r\nm=audio %[2]d RTP/AVP %[3]d\r\na=rtpmap:%[3]d %[4]s\r\na=ptime:20\r\n", host, port, pt, format)
	}
}

var rigs int

// newRig starts the gateway, with the processors but one left to it.
func newRig(b testing.TB, west, east string, hold time.Duration) *rig {
	b.Helper()
	rigs++
	network := fmt.Sprintf("127.%d.%d.", 192+os.Getpid()%60, rigs)
	dir := b.TempDir()
	conf := fmt.Sprintf(`
sip:
  listeners: [{name: udp, transport: udp, address: "%[1]s1:5060"}]
media: {address: %[1]s1, port_min: 20000, port_max: 39999}
admin: {socket: "%[2]s/admin.sock"}
records: {path: "%[2]s/calls.db"}
log: {level: warn}
limits: {calls: 0, rate: 0}
trunks:
    - {name: west, peer: {addresses: [%[1]s11], host: %[1]s11, port: 5060}, media: {codecs: [%[3]s]}, options: {interval: 0s}}
    - {name: east, peer: {addresses: [%[1]s12], host: %[1]s12, port: 5060}, media: {codecs: [%[4]s]}}
routes:
    - {name: all, match: {trunks: [west]}, targets: [{trunk: east}]}
`, network, dir, west, east)
	file := filepath.Join(dir, "tandem.yaml")
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		b.Fatal(err)
	}
	r := &rig{b: b, quit: make(chan struct{})}
	args := []string{os.Getenv("TANDEM"), "run", "-c", file}
	if _, err := exec.LookPath("taskset"); err == nil && os.Getenv("LOAD_CORE") != "" {
		args = append([]string{"taskset", "-c", os.Getenv("LOAD_CORE")}, args...)
	}
	r.cmd = exec.Command(args[0], args[1:]...)
	r.cmd.Stderr = os.Stderr
	if err := r.cmd.Start(); err != nil {
		b.Fatalf("start the gateway (TANDEM names the binary: run `make bench`): %v", err)
	}
	gw := netip.MustParseAddrPort(network + "1:5060")
	a, err := newSide(network+"11", gw, sdpOf(west))
	if err != nil {
		b.Fatal(err)
	}
	z, err := newSide(network+"12", gw, sdpOf(east))
	if err != nil {
		b.Fatal(err)
	}
	r.caller = &caller{side: a, hold: hold, calls: map[string]*call{}}
	r.callee = &callee{side: z}
	waitUp(b, dir+"/admin.sock")
	return r
}

func sdpOf(codecName string) func(string, uint16) string {
	switch codecName {
	case "PCMA":
		return sdp("PCMA/8000", 8)
	case "opus":
		return sdp("opus/48000/2", 111) // as the gateway numbers it, so that both ways are alike
	}
	return sdp("PCMU/8000", 0)
}

func waitUp(b testing.TB, sock string) {
	b.Helper()
	for range 100 {
		if c, err := net.Dial("unix", sock); err == nil {
			c.Close()
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatal("the gateway did not come up")
}

// run lets both sides work until stop.
func (r *rig) run() {
	r.wg.Go(r.caller.run)
	r.wg.Go(r.callee.run)
	r.wg.Go(func() {
		for {
			select {
			case <-r.quit:
				return
			case <-time.After(10 * time.Millisecond):
				r.caller.tick()
			}
		}
	})
}

func (r *rig) stop() {
	close(r.quit)
	r.caller.conn.Close()
	r.callee.conn.Close()
	r.wg.Wait()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	_ = r.cmd.Wait()
}

// cpu is what the gateway has used so far; memory what it holds, in bytes.
func (r *rig) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.cmd.Process.Pid))
	if err != nil {
		r.b.Fatal(err)
	}
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+2:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

func (r *rig) memory() int {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.cmd.Process.Pid))
	if err != nil {
		r.b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb, _ := strconv.Atoi(strings.Fields(rest)[0])
	return kb << 10
}

// place begins n calls at rate a second.
func (r *rig) place(first, n, rate int) {
	began := time.Now()
	for i := range n {
		time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		r.caller.place(first + i)
	}
}

func (r *rig) finish(within time.Duration) {
	for end := time.Now().Add(within); r.caller.open() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			r.b.Errorf("%d calls did not end", r.caller.open())
			return
		}
	}
}

// BenchmarkCall is CPU for one call: INVITE, 180, 200, ACK, BYE, through both
// legs, at several rates. A rate counts only if no call failed.
func BenchmarkCall(b *testing.B) {
	for _, rate := range []int{200, 500, 1000, 1500, 2000} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			r := newRig(b, "PCMU", "PCMU", 500*time.Millisecond)
			r.run()
			defer r.stop()
			r.place(0, rate, rate)
			r.finish(15 * time.Second)
			n := 0
			before := r.cpu()
			for b.Loop() {
				r.place(1_000_000+n, 6*rate, rate)
				n += 6 * rate
				r.finish(15 * time.Second)
			}
			used := r.cpu() - before
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(used.Seconds()*1e3/float64(n), "cpu-ms/call")
			b.ReportMetric(float64(r.caller.failed.Load()), "failed")
			b.ReportMetric(float64(r.caller.repeats.Load()), "repeats")
		})
	}
}

func payloadOf(b testing.TB, name string) []byte {
	var c codec.Codec
	switch name {
	case "opus":
		c = opus.New(opus.DefaultConfig())
	case "PCMA":
		c = g711.PCMA()
	default:
		c = g711.PCMU()
	}
	e, err := c.NewEncoder(8000)
	if err != nil {
		b.Fatal(err)
	}
	pcm := make([]int16, 160)
	var p []byte
	for i := range 20 { // a tone that the encoder has settled on
		for j := range pcm {
			pcm[j] = int16((i*160 + j) * 997 % 16000)
		}
		if p, err = e.Encode(nil, pcm); err != nil {
			b.Fatal(err)
		}
	}
	return p
}

// benchMedia holds calls with audio both ways and measures the gateway.
func benchMedia(b *testing.B, west, east string, calls int) {
	r := newRig(b, west, east, 0)
	idle := r.memory()
	var ports sync.Map
	r.callee.onCall = func(id string, rtp uint16) { ports.Store(id, rtp) }
	r.run()
	defer r.stop()
	socket := func(host string) *net.UDPConn {
		c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(host), 6000)))
		if err != nil {
			b.Fatal(err)
		}
		_ = c.SetReadBuffer(8 << 20)
		return c
	}
	a, z := socket(r.caller.host), socket(r.callee.host)
	defer a.Close()
	defer z.Close()
	r.place(0, calls, 100)
	for range 100 {
		if int(r.caller.answered.Load()) == calls {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := int(r.caller.answered.Load()); got != calls {
		b.Fatalf("%d of %d calls were answered", got, calls)
	}
	var left, right []netip.AddrPort
	r.caller.mu.Lock()
	for _, d := range r.caller.calls {
		left = append(left, netip.AddrPortFrom(r.caller.gw.Addr(), d.gw))
	}
	r.caller.mu.Unlock()
	ports.Range(func(_, v any) bool {
		right = append(right, netip.AddrPortFrom(r.caller.gw.Addr(), v.(uint16)))
		return true
	})
	got := [2]int64{}
	var wg sync.WaitGroup
	for i, c := range []*net.UDPConn{a, z} {
		wg.Go(func() {
			for buf := make([]byte, 2048); ; got[i]++ {
				if _, _, err := c.ReadFromUDPAddrPort(buf); err != nil {
					return
				}
			}
		})
	}
	seq, sent := uint16(0), 0
	talk := func(d time.Duration) int {
		n := 0
		pt := map[string]byte{"PCMU": 0, "PCMA": 8, "opus": 111}
		clock := map[string]uint32{"PCMU": 160, "PCMA": 160, "opus": 960}
		pkt := func(name string) []byte { return append(make([]byte, 12, 200), payloadOf(b, name)...) }
		pa, pz := pkt(west), pkt(east)
		pa[0], pz[0] = 0x80, 0x80
		pa[1], pz[1] = pt[west], pt[east]
		began := time.Now()
		for tick := 0; time.Since(began) < d; tick++ {
			time.Sleep(time.Until(began.Add(time.Duration(tick) * 20 * time.Millisecond)))
			seq++
			binary.BigEndian.PutUint16(pa[2:], seq)
			binary.BigEndian.PutUint16(pz[2:], seq)
			binary.BigEndian.PutUint32(pa[4:], uint32(seq)*clock[west])
			binary.BigEndian.PutUint32(pz[4:], uint32(seq)*clock[east])
			for i := range left {
				binary.BigEndian.PutUint32(pa[8:], uint32(i+1))
				binary.BigEndian.PutUint32(pz[8:], uint32(i+100001))
				_, _ = a.WriteToUDPAddrPort(pa, left[i])
				_, _ = z.WriteToUDPAddrPort(pz, right[i])
			}
			n += 2 * len(left)
		}
		sent += n
		return n
	}
	talk(2 * time.Second)
	held := r.memory()
	n, began, before := 0, time.Now(), r.cpu()
	for b.Loop() {
		n += talk(8 * time.Second)
	}
	used, took := r.cpu()-before, time.Since(began)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(used.Seconds()*1e6/float64(n), "cpu-us/packet")
	b.ReportMetric(100*used.Seconds()/took.Seconds()/float64(calls), "%core/call")
	b.ReportMetric(float64(held-idle)/float64(calls)/1024, "KiB/call")
	time.Sleep(200 * time.Millisecond)
	r.caller.hangUp()
	r.finish(10 * time.Second)
	a.Close()
	z.Close()
	wg.Wait()
	b.ReportMetric(100*(1-float64(got[0]+got[1])/float64(sent)), "%lost")
}

// BenchmarkForward is CPU for one packet forwarded without decoding.
func BenchmarkForward(b *testing.B) {
	for _, calls := range []int{50, 200, 400} {
		b.Run(fmt.Sprintf("calls=%d", calls), func(b *testing.B) { benchMedia(b, "PCMU", "PCMU", calls) })
	}
}

// BenchmarkRecode is CPU for calls whose sides have different codecs.
func BenchmarkRecode(b *testing.B) {
	b.Run("PCMU-PCMA/calls=50", func(b *testing.B) { benchMedia(b, "PCMU", "PCMA", 50) })
	b.Run("PCMU-opus/calls=20", func(b *testing.B) { benchMedia(b, "PCMU", "opus", 20) })
}

// BenchmarkFloor is the socket calls alone: one datagram of 172 octets sent and
// received on loopback, by one goroutine.
func BenchmarkFloor(b *testing.B) {
	open := func() *net.UDPConn {
		c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { c.Close() })
		return c
	}
	a, z := open(), open()
	to := z.LocalAddr().(*net.UDPAddr).AddrPort()
	pkt, buf := make([]byte, 172), make([]byte, 2048)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.WriteToUDPAddrPort(pkt, to); err != nil {
			b.Fatal(err)
		}
		if _, _, err := z.ReadFromUDPAddrPort(buf); err != nil {
			b.Fatal(err)
		}
	}
}
