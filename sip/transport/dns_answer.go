package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// A question is a name, in lower case with its final dot, and a record type.
type question struct {
	name string
	kind uint16
}

func ask(name string, kind uint16) question { return question{strings.ToLower(dns.Fqdn(name)), kind} }

// records are what a name has of one type; all empty means it has none.
type records struct {
	naptr []naptr
	srv   []srv
	addrs []netip.Addr
	ttl   time.Duration
}

// A naptr is a NAPTR record of use to SIP. RFC 3263 §4.1; RFC 3403 §4.1.
type naptr struct {
	order, preference uint16
	final             bool // flag "a": replacement has addresses, not services
	service           string
	replacement       string
}

// An srv is an SRV record. RFC 2782.
type srv struct {
	priority, weight, port uint16
	target                 string
}

// Bounds on an answer: records of a kind we keep, steps of a CNAME chain, and how
// long we believe that there is nothing where the zone does not say.
const (
	maxRecords  = 32
	maxAliases  = 8
	negativeTTL = time.Minute
	maxNegative = 5 * time.Minute
)

// udpSize is what we say we can take over UDP, in bytes: what passes everywhere
// without fragments.
const udpSize = 1232

var (
	errTruncated = errors.New("answer is truncated")
	errMismatch  = errors.New("answer is to another question")
)

// pack writes the question with an id.
func (q question) pack(id uint16) ([]byte, error) {
	var m dns.Msg
	m.SetQuestion(q.name, q.kind)
	m.Id = id
	m.SetEdns0(udpSize, false)
	return m.Pack()
}

// parseAnswer reads the answer to q with this id. A name that does not exist is
// no error: it has no records. errTruncated asks for TCP.
func parseAnswer(raw []byte, q question, id uint16) (records, error) {
	var m dns.Msg
	if err := m.Unpack(raw); err != nil {
		return records{}, fmt.Errorf("unpack: %w", err)
	}
	if m.Id != id || !m.Response || len(m.Question) != 1 ||
		m.Question[0].Qtype != q.kind || !strings.EqualFold(m.Question[0].Name, q.name) {
		return records{}, errMismatch
	}
	switch {
	case m.Truncated:
		return records{}, errTruncated
	case m.Rcode != dns.RcodeSuccess && m.Rcode != dns.RcodeNameError:
		return records{}, fmt.Errorf("server says %s", dns.RcodeToString[m.Rcode])
	}
	var r records
	owner := q.name
	for range maxAliases { // an alias may come after what it points to
		next := r.collect(m.Answer, owner, q.kind)
		if next == "" || !r.none() {
			break
		}
		owner = next
	}
	if r.none() {
		r.ttl = negative(m.Ns)
	}
	return r, nil
}

func (r *records) none() bool { return len(r.naptr)+len(r.srv)+len(r.addrs) == 0 }

// collect takes the records of owner, and returns what owner is an alias of.
func (r *records) collect(answer []dns.RR, owner string, kind uint16) (alias string) {
	for _, rr := range answer {
		h := rr.Header()
		if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, owner) {
			continue
		}
		if c, ok := rr.(*dns.CNAME); ok {
			alias = strings.ToLower(c.Target)
			r.lower(h.Ttl)
			continue
		}
		if h.Rrtype == kind && r.add(rr) {
			r.lower(h.Ttl)
		}
	}
	return alias
}

func (r *records) lower(ttl uint32) {
	d := time.Duration(ttl) * time.Second
	if r.ttl == 0 || d < r.ttl {
		r.ttl = max(d, time.Nanosecond) // zero would mean unset
	}
}

func (r *records) add(rr dns.RR) bool {
	if len(r.naptr)+len(r.srv)+len(r.addrs) >= maxRecords {
		return false
	}
	switch v := rr.(type) {
	case *dns.A:
		return r.addAddr(v.A)
	case *dns.AAAA:
		return r.addAddr(v.AAAA)
	case *dns.SRV:
		r.srv = append(r.srv, srv{v.Priority, v.Weight, v.Port, strings.ToLower(v.Target)})
	case *dns.NAPTR:
		flag := strings.ToLower(v.Flags)
		if (flag != "s" && flag != "a") || v.Regexp != "" {
			return false // RFC 3263 §4.1 uses no others
		}
		r.naptr = append(r.naptr, naptr{
			order: v.Order, preference: v.Preference, final: flag == "a",
			service: strings.ToUpper(v.Service), replacement: strings.ToLower(v.Replacement),
		})
	default:
		return false
	}
	return true
}

func (r *records) addAddr(ip []byte) bool {
	a, ok := netip.AddrFromSlice(ip)
	if !ok || a.IsUnspecified() || a.IsMulticast() {
		return false
	}
	r.addrs = append(r.addrs, a.Unmap())
	return true
}

// negative is how long the absence of records holds. RFC 2308 §5.
func negative(authority []dns.RR) time.Duration {
	for _, rr := range authority {
		if soa, ok := rr.(*dns.SOA); ok {
			ttl := time.Duration(min(soa.Hdr.Ttl, soa.Minttl)) * time.Second
			return min(max(ttl, time.Second), maxNegative)
		}
	}
	return negativeTTL
}

// byOrder sorts NAPTR records as RFC 3403 §4.1 wants them tried.
func byOrder(a, b naptr) int {
	return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.preference, b.preference))
}
