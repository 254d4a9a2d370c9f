package transport

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"
)

func start() time.Time { return time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC) }

func TestKnownTrunkIsNeverStarvedByStrangers(t *testing.T) {
	trunk := netip.MustParseAddr("192.0.2.10")
	g := NewGate(DefaultConfig().Gate, func(a netip.Addr) bool { return a == trunk })
	dropped := 0
	for i := range 20000 { // 2000 a second for ten seconds, each from another source
		now := start().Add(time.Duration(i) * 500 * time.Microsecond)
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], 0xCB007100+uint32(i*7))
		g.Admit(now, netip.AddrFrom4(b), 400)
		g.Admit(now, netip.AddrFrom4([4]byte{203, 0, 113, 9}), 400)
		if i%10 == 0 && g.Admit(now, trunk, 400) != Admitted {
			dropped++
		}
	}
	if dropped != 0 {
		t.Errorf("%d messages of the trunk were dropped", dropped)
	}
}

func TestOneStrangerIsHeldToItsRate(t *testing.T) {
	g := NewGate(GateConfig{Rate: 10, Burst: 20, TotalRate: 1000, TotalBurst: 1000, Sources: 100}, nil)
	src := netip.MustParseAddr("2001:db8::1")
	other := netip.MustParseAddr("2001:db8::ffff") // the same /64
	admitted := 0
	for i := range 1000 { // a hundred a second for ten seconds
		if g.Admit(start().Add(time.Duration(i)*10*time.Millisecond), []netip.Addr{src, other}[i%2], 100) == Admitted {
			admitted++
		}
	}
	if admitted < 118 || admitted > 121 { // the burst and ten a second
		t.Errorf("%d admitted, want 120", admitted)
	}
}

func TestAllStrangersTogetherAreHeldToTheTotal(t *testing.T) {
	g := NewGate(GateConfig{Rate: 10, Burst: 10, TotalRate: 100, TotalBurst: 100, Sources: 1000}, nil)
	admitted := 0
	for i := range 10000 {
		src := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		if g.Admit(start().Add(time.Duration(i)*100*time.Microsecond), src, 100) == Admitted {
			admitted++
		}
	}
	if admitted < 190 || admitted > 201 {
		t.Errorf("%d admitted in a second, want 200", admitted)
	}
}

func TestTableOfSourcesIsBounded(t *testing.T) {
	g := NewGate(GateConfig{Rate: 1, Burst: 1000, TotalRate: 1e9, TotalBurst: 1e9, Sources: 1000}, nil)
	for i := range 100000 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(i))
		g.Admit(start(), netip.AddrFrom4(b), 1)
	}
	if n := len(g.young) + len(g.old); n > 1000 {
		t.Errorf("%d sources kept, want at most 1000", n)
	}
}

func TestTrunkIsHeldToItsRateWhereItHasOne(t *testing.T) {
	g := NewGate(GateConfig{Rate: 1, Burst: 1, TotalRate: 1, TotalBurst: 1, KnownRate: 10, KnownBurst: 20, Sources: 50},
		func(netip.Addr) bool { return true })
	admitted := 0
	for i := range 1000 { // a hundred a second for ten seconds
		if g.Admit(start().Add(time.Duration(i)*10*time.Millisecond), netip.MustParseAddr("192.0.2.1"), 100) == Admitted {
			admitted++
		}
	}
	if admitted < 118 || admitted > 121 { // the burst and ten a second
		t.Errorf("%d admitted, want 120", admitted)
	}
	for i := range 1000 { // a trunk that is a network
		g.Admit(start(), netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}), 100)
	}
	if n := len(g.trusted); n > 50 {
		t.Errorf("%d sources kept, want at most 50", n)
	}
}

func TestStrangersGetFewAnswersToWhatIsMalformed(t *testing.T) {
	trunk, stranger := netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("203.0.113.9")
	g := NewGate(DefaultConfig().Gate, func(a netip.Addr) bool { return a == trunk })
	answered := 0
	for range 1000 {
		if g.Answer(start(), stranger) {
			answered++
		}
		if !g.Answer(start(), trunk) {
			t.Fatal("the trunk got none")
		}
	}
	if answered != answersPerSecond {
		t.Errorf("%d answers at once, want %d", answered, answersPerSecond)
	}
}

func TestTooLargeIsDropped(t *testing.T) {
	g := NewGate(DefaultConfig().Gate, func(netip.Addr) bool { return true })
	if v := g.Admit(start(), netip.MustParseAddr("192.0.2.1"), maxMessage+1); v != Oversize {
		t.Errorf("verdict %v", v)
	}
}

func BenchmarkGate(b *testing.B) {
	g := NewGate(DefaultConfig().Gate, nil)
	src, now := netip.MustParseAddr("192.0.2.1"), start()
	b.ReportAllocs()
	for b.Loop() {
		now = now.Add(time.Microsecond)
		g.Admit(now, src, 400)
	}
}
