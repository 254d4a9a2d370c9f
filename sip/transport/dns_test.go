package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// A nameServer answers from a zone, or never.
type nameServer struct {
	zone  zone
	dead  atomic.Bool
	asked atomic.Int32
}

func (n *nameServer) query(ctx context.Context, _ string, _ netip.AddrPort, raw []byte) ([]byte, error) {
	n.asked.Add(1)
	if n.dead.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return n.zone.answer(raw), nil
}

// resolving runs a transport whose only name server is n.
func resolving(t *testing.T, n *nameServer, change func(*DNSConfig)) *Transport {
	t.Helper()
	us, _ := two()
	cfg := listenOn("udp", ours)
	cfg.DNS.Servers = []string{"192.0.2.53"}
	if change != nil {
		change(&cfg.DNS)
	}
	deps := on(us)
	deps.Query = n.query
	tr, _ := serve(t, cfg, deps)
	return tr
}

// lookup resolves and waits.
func lookup(tr *Transport, host string) (string, error) {
	type result struct {
		targets []Target
		err     error
	}
	c := make(chan result, 1)
	tr.Resolve(context.Background(), Destination{Host: host}, func(ts []Target, err error) { c <- result{ts, err} })
	r := <-c
	if len(r.targets) == 0 {
		return "", r.err
	}
	return r.targets[0].Addr.String(), r.err
}

func TestAnswerIsUsedForItsTimeOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nameServer{zone: newZone(t, "bare A 192.0.2.9\n")}
		tr := resolving(t, n, nil)
		for range 3 {
			if got, err := lookup(tr, "bare.example.com"); err != nil || got != "192.0.2.9:5060" {
				t.Fatal(got, err)
			}
		}
		if asked := n.asked.Load(); asked != 4 { // NAPTR, two SRV, A
			t.Errorf("asked %d times, want 4", asked)
		}
		n.zone = newZone(t, "bare A 192.0.2.99\n")
		time.Sleep(61 * time.Second)
		if got, err := lookup(tr, "bare.example.com"); err != nil || got != "192.0.2.99:5060" {
			t.Error("after its time the old answer was used:", got, err)
		}
	})
}

func TestLastGoodAnswerServesWhileTheServerIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nameServer{zone: newZone(t, "bare A 192.0.2.9\n")}
		tr := resolving(t, n, nil)
		if _, err := lookup(tr, "bare.example.com"); err != nil {
			t.Fatal(err)
		}
		n.dead.Store(true)
		time.Sleep(2 * time.Minute)
		begun := time.Now()
		if got, err := lookup(tr, "bare.example.com"); err != nil || got != "192.0.2.9:5060" {
			t.Error(got, err)
		}
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("the first waited %v", d)
		}
		begun = time.Now()
		if _, err := lookup(tr, "bare.example.com"); err != nil || time.Since(begun) != 0 {
			t.Errorf("the next waited %v: %v", time.Since(begun), err)
		}
		time.Sleep(time.Minute)
		begun = time.Now()
		if _, err := lookup(tr, "bare.example.com"); err != nil || time.Since(begun) != 0 {
			t.Errorf("a minute later one waited %v: %v", time.Since(begun), err)
		}
		time.Sleep(10 * time.Minute)
		if _, err := lookup(tr, "bare.example.com"); err == nil {
			t.Error("an answer was used beyond its limit")
		}
	})
}

func TestDeadServerStallsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nameServer{zone: newZone(t, "bare A 192.0.2.9\n")}
		tr := resolving(t, n, func(c *DNSConfig) { c.Concurrent = 4 })
		if _, err := lookup(tr, "bare.example.com"); err != nil {
			t.Fatal(err)
		}
		n.dead.Store(true)
		failed := make(chan error, 100)
		for range 100 {
			tr.Resolve(t.Context(), Destination{Host: "dead.example.com"}, func(_ []Target, err error) { failed <- err })
		}
		begun := time.Now()
		for _, host := range []string{"bare.example.com", "192.0.2.77"} {
			if _, err := lookup(tr, host); err != nil || time.Since(begun) != 0 {
				t.Errorf("%s waited %v: %v", host, time.Since(begun), err)
			}
		}
		full := 0
		for range 100 {
			if err := <-failed; errors.Is(err, ErrFull) {
				full++
			} else if err == nil {
				t.Error("a dead server answered")
			}
		}
		if full != 96 || n.asked.Load() > 4+2 {
			t.Errorf("%d were refused, want all but 4; asked %d times", full, n.asked.Load())
		}
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("took %v", d)
		}
	})
}

func TestLookupEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &nameServer{}
		n.dead.Store(true)
		tr := resolving(t, n, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		c, begun := make(chan error, 1), time.Now()
		tr.Resolve(ctx, Destination{Host: "dead.example.com"}, func(_ []Target, err error) { c <- err })
		if err := <-c; !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 100*time.Millisecond {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestNextServerIsAskedAndRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, _ := two()
		cfg := listenOn("udp", ours)
		cfg.DNS.Servers = []string{"192.0.2.53", "192.0.2.54"}
		n := &nameServer{zone: newZone(t, "bare A 192.0.2.9\n")}
		deps := on(us)
		deps.Query = func(ctx context.Context, network string, s netip.AddrPort, raw []byte) ([]byte, error) {
			if s.Addr() == netip.MustParseAddr("192.0.2.53") {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return n.query(ctx, network, s, raw)
		}
		tr, _ := serve(t, cfg, deps)
		begun := time.Now()
		if got, err := lookup(tr, "bare.example.com"); err != nil || got != "192.0.2.9:5060" {
			t.Error(got, err)
		}
		if d := time.Since(begun); d != 2*time.Second { // the first question only
			t.Errorf("took %v", d)
		}
	})
}

func TestTruncatedAnswerIsAskedForOverTCP(t *testing.T) {
	z := newZone(t, "bare A 192.0.2.9\n")
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	truncated := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Truncated = true
		_ = w.WriteMsg(m)
	})
	whole := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		raw, _ := q.Pack()
		_, _ = w.Write(z.answer(raw))
	})
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: truncated}, {Listener: tcp, Handler: whole}} {
		go func() { _ = s.ActivateAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	cfg := listenOn("udp", "127.0.0.1:0")
	cfg.DNS.Servers = []string{udp.LocalAddr().String()}
	tr, _ := serve(t, cfg, Deps{})
	if got, err := lookup(tr, "bare.example.com"); err != nil || got != "192.0.2.9:5060" {
		t.Error(got, err)
	}
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(DNSConfig{Names: 10, MinTTL: time.Second, MaxTTL: time.Minute})
	for i := range 1000 {
		q := ask(strings.Repeat("a", i%60+1)+".example.com", uint16(i))
		if i%2 == 0 {
			c.put(start(), q, records{ttl: time.Hour})
		} else {
			_, _ = c.fail(start(), q, ErrNoTarget)
		}
	}
	if len(c.entries) > 10 {
		t.Errorf("%d entries", len(c.entries))
	}
}

func TestTTLIsHeldToItsBounds(t *testing.T) {
	c := newCache(DNSConfig{Names: 10, MinTTL: 5 * time.Second, MaxTTL: time.Minute})
	for ttl, want := range map[time.Duration]time.Duration{
		time.Nanosecond: 5 * time.Second, 30 * time.Second: 30 * time.Second, 48 * time.Hour: time.Minute,
	} {
		q := ask("a.example.com", dns.TypeA)
		c.put(start(), q, records{ttl: ttl})
		times := []time.Duration{want - time.Nanosecond, want}
		fresh := make([]bool, len(times))
		for i, d := range times {
			what, _, _ := c.get(start().Add(d), q)
			fresh[i] = what == known
		}
		if !slices.Equal(fresh, []bool{true, false}) {
			t.Errorf("ttl %v: known just before and at %v: %v", ttl, want, fresh)
		}
	}
}
