package transport

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// A zone is what the DNS knows, in the form of a zone file.
type zone []dns.RR

func newZone(t testing.TB, text string) zone {
	t.Helper()
	var z zone
	p := dns.NewZoneParser(strings.NewReader("$ORIGIN example.com.\n$TTL 60\n"+text), "", "")
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		z = append(z, rr)
	}
	if err := p.Err(); err != nil {
		t.Fatal(err)
	}
	return z
}

// answer is what a recursive server says: aliases followed.
func (z zone) answer(raw []byte) []byte {
	var q, m dns.Msg
	if q.Unpack(raw) != nil {
		return nil
	}
	m.SetReply(&q)
	for name, last := q.Question[0].Name, ""; name != last; {
		last = name
		for _, rr := range z {
			h := rr.Header()
			if strings.EqualFold(h.Name, last) && (h.Rrtype == q.Question[0].Qtype || h.Rrtype == dns.TypeCNAME) {
				m.Answer = append(m.Answer, rr)
				if c, ok := rr.(*dns.CNAME); ok {
					name = c.Target
				}
			}
		}
	}
	b, err := m.Pack()
	if err != nil {
		return nil
	}
	return b
}

// resolve applies the rules to a zone; what is asked goes through the wire form.
func resolve(z zone, d Destination, change func(*rules)) (string, error) {
	r := &rules{udp: true, v4: true, v6: true, intn: func(int) int { return 0 }}
	r.ask = func(qs ...question) []reply {
		var all []reply
		for _, q := range qs {
			raw, _ := q.pack(7)
			rec, err := parseAnswer(z.answer(raw), q, 7)
			all = append(all, reply{rec, err})
		}
		return all
	}
	if change != nil {
		change(r)
	}
	targets, err := r.targets(d)
	var b strings.Builder
	for _, t := range targets {
		fmt.Fprintf(&b, "%s %s %s,", t.Kind, t.Addr, t.Host)
	}
	return strings.TrimSuffix(strings.ReplaceAll(b.String(), " ,", ","), ","), err
}

const carrier = `
@ NAPTR 20 10 "s" "SIP+D2U" "" _sip._udp
@ NAPTR 10 50 "s" "SIPS+D2T" "" _sips._tcp
@ NAPTR 30 10 "s" "SIP+D2T" "" _sip._tcp
@ NAPTR 1 1 "u" "E2U+sip" "!^.*$!sip:x@example.com!" .
_sips._tcp SRV 1 0 5061 edge1
_sip._udp SRV 20 0 5060 edge2
_sip._udp SRV 10 0 5070 edge1
_sip._tcp SRV 0 0 5060 edge2
edge1 A 192.0.2.1
edge1 AAAA 2001:db8::1
edge2 CNAME real
real A 192.0.2.2
real A 192.0.2.3
bare A 192.0.2.9
_sip._tcp.tcponly SRV 0 0 5080 edge1
_sip._udp.away SRV 0 0 0 .
away A 192.0.2.10
`

// RFC 3263 §4.1 and §4.2.
func TestDestinationBecomesTargets(t *testing.T) {
	for name, c := range map[string]struct {
		d      Destination
		change func(*rules)
		want   string
	}{
		"address": {d: Destination{Host: "192.0.2.7"}, want: "UDP 192.0.2.7:5060"},
		"address, port, transport": {
			d: Destination{Host: "2001:db8::7", Port: 5080, Kind: TCP}, want: "TCP [2001:db8::7]:5080",
		},
		"secure address":    {d: Destination{Host: "192.0.2.7", Secure: true}, want: "TLS 192.0.2.7:5061 192.0.2.7"},
		"localhost":         {d: Destination{Host: "localhost", Port: 5070}, want: "UDP 127.0.0.1:5070"},
		"localhost below":   {d: Destination{Host: "Pbx.LocalHost."}, want: "UDP 127.0.0.1:5060"},
		"localhost of IPv6": {d: Destination{Host: "localhost"}, want: "UDP [::1]:5060", change: func(r *rules) { r.v4 = false }},
		"NAPTR then SRV": {
			d: Destination{Host: "example.com"},
			want: "TLS 192.0.2.1:5061 example.com,TLS [2001:db8::1]:5061 example.com," +
				"UDP 192.0.2.1:5070,UDP [2001:db8::1]:5070,UDP 192.0.2.2:5060,UDP 192.0.2.3:5060," +
				"TCP 192.0.2.2:5060,TCP 192.0.2.3:5060",
		},
		"NAPTR, secure": {
			d: Destination{Host: "example.com", Secure: true}, change: func(r *rules) { r.v6 = false },
			want: "TLS 192.0.2.1:5061 example.com",
		},
		"no UDP here": {
			d: Destination{Host: "example.com"}, change: func(r *rules) { r.udp, r.v6 = false, false },
			want: "TLS 192.0.2.1:5061 example.com,TCP 192.0.2.2:5060,TCP 192.0.2.3:5060",
		},
		"transport given": {
			d: Destination{Host: "example.com", Kind: TCP}, want: "TCP 192.0.2.2:5060,TCP 192.0.2.3:5060",
		},
		"port given":      {d: Destination{Host: "edge2.example.com", Port: 5090}, want: "UDP 192.0.2.2:5090,UDP 192.0.2.3:5090"},
		"addresses alone": {d: Destination{Host: "bare.example.com"}, want: "UDP 192.0.2.9:5060"},
		"addresses alone, secure, another name": {
			d: Destination{Host: "bare.example.com", Secure: true, Name: "edge.example.net"}, want: "TLS 192.0.2.9:5061 edge.example.net",
		},
		"SRV of another transport": {
			d: Destination{Host: "tcponly.example.com"}, change: func(r *rules) { r.v6 = false }, want: "TCP 192.0.2.1:5080",
		},
		"IPv6 alone": {
			d: Destination{Host: "edge1.example.com", Port: 5060}, change: func(r *rules) { r.v4 = false }, want: "UDP [2001:db8::1]:5060",
		},
	} {
		got, err := resolve(newZone(t, carrier), c.d, c.change)
		if err != nil || got != c.want {
			t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, c.want)
		}
	}
}

func TestNameWithoutAddressIsNoTarget(t *testing.T) {
	for _, host := range []string{"nothing.example.com", "away.example.com"} {
		if _, err := resolve(newZone(t, carrier), Destination{Host: host}, nil); !errors.Is(err, ErrNoTarget) {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := resolve(nil, Destination{Host: "bad host"}, nil); err == nil {
		t.Error("a host with a space was looked up")
	}
}

// RFC 2782: in proportion to the weights, and a weight of 0 hardly ever.
func TestServersAreDrawnByWeight(t *testing.T) {
	all := []srv{{1, 0, 1, "zero"}, {1, 10, 2, "ten"}, {1, 30, 3, "thirty"}, {0, 0, 4, "first"}}
	firsts := map[string]int{}
	n := 0
	r := rules{intn: func(k int) int { n++; return n * 7919 % k }} // runs evenly over all numbers
	for range 4100 {
		got := r.order(all)
		if len(got) != 4 || got[0].target != "first" {
			t.Fatalf("order %v", got)
		}
		firsts[got[1].target]++
	}
	if z, ten, thirty := firsts["zero"], firsts["ten"], firsts["thirty"]; z > 300 || ten < 800 || ten > 1250 || thirty < 2700 {
		t.Errorf("first were %v, want about 100, 1000, 3000", firsts)
	}
}

func TestAnswerToAnotherQuestionIsRefused(t *testing.T) {
	z := newZone(t, carrier)
	q := ask("edge1.example.com", dns.TypeA)
	raw, err := q.pack(7)
	if err != nil {
		t.Fatal(err)
	}
	good := z.answer(raw)
	if _, err := parseAnswer(good, q, 8); !errors.Is(err, errMismatch) {
		t.Errorf("another id: %v", err)
	}
	if _, err := parseAnswer(good, ask("edge2.example.com", dns.TypeA), 7); !errors.Is(err, errMismatch) {
		t.Errorf("another name: %v", err)
	}
	if _, err := parseAnswer(raw, q, 7); !errors.Is(err, errMismatch) {
		t.Errorf("the question itself: %v", err)
	}
	// Records of names nobody asked for do not count.
	poison := newZone(t, "edge1 A 192.0.2.1\nother A 203.0.113.66\n")
	for _, rr := range poison {
		rr.Header().Name = strings.Replace(rr.Header().Name, "other", "evil", 1)
	}
	var m dns.Msg
	_ = m.Unpack(good)
	m.Answer = append(m.Answer, poison[1])
	packed, _ := m.Pack()
	rec, err := parseAnswer(packed, q, 7)
	if err != nil || len(rec.addrs) != 1 || rec.addrs[0] != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("records %+v, %v", rec, err)
	}
}

func FuzzDNS(f *testing.F) {
	z := newZone(f, carrier)
	for _, q := range []question{ask("example.com", dns.TypeNAPTR), ask("edge2.example.com", dns.TypeA), ask("_sip._udp.example.com", dns.TypeSRV)} {
		raw, _ := q.pack(7)
		f.Add(z.answer(raw), q.kind)
	}
	f.Fuzz(func(t *testing.T, raw []byte, kind uint16) {
		q := ask("edge2.example.com", kind)
		rec, err := parseAnswer(raw, q, 7)
		if err != nil {
			return
		}
		if n := len(rec.addrs) + len(rec.srv) + len(rec.naptr); n > maxRecords || rec.ttl <= 0 {
			t.Fatalf("%d records for %v", n, rec.ttl)
		}
	})
}
