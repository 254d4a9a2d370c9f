//go:build interop

package interop

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"
)

// An attacker who sprays RTP at both ports of a live call, from another host and
// from another port of the caller's own host, is heard by nobody and is sent
// nothing (SECURITY S1, S2); the call does not suffer. Nor does it help to be
// first, from another host: behind NAT the media ranges keep him out.
func TestRTPBleedAndInjection(t *testing.T) {
	for _, tt := range []struct {
		name  string
		host  int
		nat   bool
		first bool // before either side has sent anything
	}{
		{name: "from elsewhere", host: 66},
		{name: "from the caller's host", host: 11},
		{name: "from elsewhere and first", host: 66, first: true},
		{name: "from elsewhere and first, behind NAT", host: 66, nat: true, first: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			keys := func(host int) string {
				if !tt.nat {
					return "media: {codecs: [PCMU]}"
				}
				return fmt.Sprintf("media: {codecs: [PCMU], latch: nat, ranges: [NET.%d/32]}", host)
			}
			p := connect(t, west(keys(11)), east(keys(12)), pcmu(), pcmu())
			if !tt.first {
				p.both(tone(1004, time.Second), tone(1004, time.Second))
			}
			a := attack(p.g, tt.host, p.a.to, p.b.to)
			if tt.first {
				time.Sleep(300 * time.Millisecond) // his probation would be over
			}
			p.both(tone(1004, 3*time.Second), tone(1004, 3*time.Second))
			bled := a()
			p.end()
			if bled != 0 {
				t.Errorf("%d packets were sent to the attacker", bled)
			}
			for name, s := range map[string]*stream{"caller": p.a, "called": p.b} {
				injected, audio := 0, 0
				for _, got := range s.got() {
					if len(got.payload) == 160 && got.payload[0] == 0x55 && got.payload[159] == 0x55 {
						injected++
					} else {
						audio++
					}
				}
				if injected != 0 {
					t.Errorf("the %s heard %d packets of the attacker", name, injected)
				}
				if want := len(p.a.sent) * 99 / 100; audio < want {
					t.Errorf("the %s heard %d packets, want at least %d", name, audio, want)
				}
			}
			if n := p.g.metric("tandem_media_rejected_total"); n < 100 {
				t.Errorf("only %v packets were counted as rejected", n)
			}
		})
	}
}

// attack sends two hundred packets a second to each target until the function
// it returns is called, which says how many packets came back.
func attack(g *gateway, host int, targets ...netip.AddrPort) func() int {
	g.t.Helper()
	at := netip.AddrPortFrom(netip.MustParseAddr(g.addr(host)), 6666)
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
	if err != nil {
		g.t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		b := make([]byte, 172)
		for i := range b {
			b[i] = 0x55
		}
		b[0], b[1] = 0x80, 0
		for seq := uint16(0); ; seq++ {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
			}
			binary.BigEndian.PutUint16(b[2:], seq)
			binary.BigEndian.PutUint32(b[4:], uint32(seq)*160)
			binary.BigEndian.PutUint32(b[8:], 0xbad)
			for _, to := range targets {
				_, _ = conn.WriteToUDPAddrPort(b, to)
			}
		}
	}()
	go func() {
		n := 0
		for buf := make([]byte, 2048); ; n++ {
			if _, err := conn.Read(buf); err != nil {
				done <- n
				return
			}
		}
	}()
	return func() int { close(stop); conn.Close(); return <-done }
}
