package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"
)

// A resolver asks name servers and keeps what they say. Safe for concurrent use.
type resolver struct {
	t       *Transport
	servers []netip.AddrPort
	hosts   hostsFile
	good    atomic.Uint32 // index of the server that answered last
	slots   chan struct{} // lookups in flight

	// Guarded by mu, which is held for map operations.
	mu      sync.Mutex
	cache   *cache
	flights map[question]*flight
}

// A flight is one question under way; all who ask it wait for the same answer.
type flight struct {
	done chan struct{} // closed when landed
	reply
}

func newResolver(t *Transport) *resolver {
	r := &resolver{
		t:       t,
		hosts:   hostsFile{path: t.cfg.DNS.Hosts, log: t.deps.Log},
		slots:   make(chan struct{}, t.cfg.DNS.Concurrent),
		cache:   newCache(t.cfg.DNS),
		flights: map[question]*flight{},
	}
	names := t.cfg.DNS.Servers
	if len(names) == 0 {
		if c, err := dns.ClientConfigFromFile("/etc/resolv.conf"); err == nil {
			names = c.Servers
		}
	}
	for _, s := range names {
		if a, err := serverAddr(s); err == nil {
			r.servers = append(r.servers, a)
		}
	}
	return r
}

// Resolve finds the addresses of d, best first, with what else is needed to reach
// them (RFC 3263 §4), and calls done once: before it returns where d is a literal
// address or all is known, else on another goroutine. It gives up with its error
// when ctx ends. ErrNoTarget; ErrFull beyond the configured number of lookups.
func (t *Transport) Resolve(ctx context.Context, d Destination, done func([]Target, error)) {
	r := t.resolver
	u := r.rules()
	var missing bool
	names := r.hosts.now()
	u.ask = func(qs ...question) []reply { return r.known(names, qs, &missing) }
	found, err := u.targets(d)
	if !missing {
		done(found, err)
		return
	}
	select {
	case r.slots <- struct{}{}:
	default:
		t.count.inc(countLookupRefused)
		done(nil, fmt.Errorf("resolve %s: too many lookups: %w", d.Host, ErrFull))
		return
	}
	started := t.begin(func(context.Context) {
		defer func() { <-r.slots }()
		u.ask = func(qs ...question) []reply { return r.fetch(ctx, names, qs) }
		done(u.targets(d))
	})
	if !started {
		<-r.slots
		done(nil, ErrClosed)
	}
}

// rules are what the listeners allow; without any listener, all.
func (r *resolver) rules() *rules {
	u := &rules{intn: rand.IntN} // spreads load, keeps no secret
	for _, s := range r.t.sockets {
		u.udp = u.udp || s.Kind == UDP
		u.v4 = u.v4 || s.reaches(netip.IPv4Unspecified())
		u.v6 = u.v6 || s.reaches(netip.IPv6Unspecified())
	}
	if len(r.t.sockets) == 0 {
		u.udp, u.v4, u.v6 = true, true, true
	}
	return u
}

// errMissing stands for an answer that has to be asked for.
var errMissing = errors.New("not known yet")

// known answers from the hosts file and the cache alone, and notes if that does
// not suffice.
func (r *resolver) known(names hosts, qs []question, missing *bool) []reply {
	now := time.Now()
	replies := make([]reply, len(qs))
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, q := range qs {
		if rec, ok := names.answer(q); ok {
			replies[i] = reply{records: rec}
			continue
		}
		what, rec, err := r.cache.get(now, q)
		switch what {
		case unknown:
			*missing = true
			err = errMissing
		case aging:
			r.launch(q)
		case known:
		}
		replies[i] = r.usable(rec, err)
	}
	return replies
}

// usable counts stale answers, and lets them pass for good ones.
func (r *resolver) usable(rec records, err error) reply {
	if errors.Is(err, errStale) {
		r.t.count.inc(countStale)
		err = nil
	}
	return reply{rec, err}
}

// fetch answers the questions, all at once.
func (r *resolver) fetch(ctx context.Context, names hosts, qs []question) []reply {
	flights := make([]*flight, len(qs))
	replies := make([]reply, len(qs))
	for i, q := range qs {
		rec, ok := names.answer(q)
		if !ok {
			flights[i] = r.depart(q)
			continue
		}
		replies[i] = reply{records: rec}
	}
	for i, f := range flights {
		if f == nil {
			continue
		}
		select {
		case <-f.done:
			replies[i] = f.reply
		case <-ctx.Done():
			replies[i] = reply{err: context.Cause(ctx)}
		}
	}
	return replies
}

// depart joins the flight of a question or starts one, if it must be asked.
func (r *resolver) depart(q question) *flight {
	r.mu.Lock()
	defer r.mu.Unlock()
	what, rec, err := r.cache.get(time.Now(), q)
	if what == unknown {
		return r.launch(q)
	}
	if what == aging {
		r.launch(q)
	}
	f := &flight{done: make(chan struct{}), reply: r.usable(rec, err)}
	close(f.done)
	return f
}

// launch starts the flight of a question unless there is one. r.mu is held.
func (r *resolver) launch(q question) *flight {
	if f := r.flights[q]; f != nil {
		return f
	}
	f := &flight{done: make(chan struct{})}
	r.flights[q] = f
	if !r.t.begin(func(ctx context.Context) { r.fly(ctx, q, f) }) {
		delete(r.flights, q)
		f.err = ErrClosed
		close(f.done)
	}
	return f
}

// fly is the goroutine of one question. depart starts it; it ends with the answer
// or when every server has had its time.
func (r *resolver) fly(ctx context.Context, q question, f *flight) {
	rec, err := r.exchange(ctx, q)
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if err == nil {
		r.cache.put(now, q, rec)
	} else {
		r.t.count.inc(countQueryFailed)
		rec, err = r.cache.fail(now, q, err)
	}
	f.reply = r.usable(rec, err)
	delete(r.flights, q)
	close(f.done)
}

// exchange asks the servers in turn, beginning with the one that answered last;
// a single one twice, since packets get lost.
func (r *resolver) exchange(ctx context.Context, q question) (records, error) {
	n := len(r.servers)
	if n == 0 {
		return records{}, errors.New("no name server: set dns.servers")
	}
	first := int(r.good.Load())
	var errs []error
	for i := range max(n, 2) {
		k := (first + i) % n
		rec, err := r.once(ctx, r.servers[k], q)
		if err == nil {
			r.good.Store(uint32(k))
			return rec, nil
		}
		errs = append(errs, fmt.Errorf("name server %s: %w", r.servers[k], err))
	}
	return records{}, errors.Join(errs...)
}

// once asks one server, over TCP if the answer does not fit UDP.
func (r *resolver) once(ctx context.Context, server netip.AddrPort, q question) (records, error) {
	id := dns.Id()
	raw, err := q.pack(id)
	if err != nil {
		return records{}, err
	}
	for _, network := range [...]string{"udp", "tcp"} {
		var rec records
		rec, err = r.query(ctx, network, server, raw, q, id)
		if !errors.Is(err, errTruncated) {
			return rec, err
		}
	}
	return records{}, err
}

func (r *resolver) query(ctx context.Context, network string, server netip.AddrPort, raw []byte, q question, id uint16) (records, error) {
	ctx, cancel := context.WithTimeout(ctx, r.t.cfg.DNS.Timeout)
	defer cancel()
	r.t.count.inc(countQuery)
	answer, err := r.t.deps.Query(ctx, network, server, raw)
	if err != nil {
		return records{}, err
	}
	return parseAnswer(answer, q, id)
}

// query asks a name server of the network. Over UDP it waits for the answer with
// the id of the question: others are late, or forged.
func query(ctx context.Context, network string, server netip.AddrPort, raw []byte) ([]byte, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	if at, ok := ctx.Deadline(); ok {
		if err := c.SetDeadline(at); err != nil {
			return nil, err
		}
	}
	if network == "tcp" {
		return queryTCP(c, raw)
	}
	if _, err := c.Write(raw); err != nil {
		return nil, err
	}
	buf := make([]byte, maxMessage)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		if n >= 2 && buf[0] == raw[0] && buf[1] == raw[1] {
			return buf[:n], nil
		}
	}
}

// queryTCP puts the length before the question and reads it before the answer.
// RFC 1035 §4.2.2.
func queryTCP(c net.Conn, raw []byte) ([]byte, error) {
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(raw)))
	if _, err := c.Write(append(framed, raw...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(c, answer)
	return answer, err
}
