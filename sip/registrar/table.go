package registrar

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Errors of Register. What the phone is told is the caller's to say; the status
// that RFC 3261 §10.3 asks for stands beside each.
var (
	// ErrOrder is a REGISTER that is older than what it would change (500).
	ErrOrder = errors.New("register contacts: a later request of this phone was taken already")
	// ErrFull is one that would exceed a bound (503).
	ErrFull = errors.New("register contacts: as many are bound as the table takes")
	// ErrWildcard is "*" with another contact, or not expiring (400).
	ErrWildcard = errors.New(`register contacts: "*" stands alone and with Expires: 0`)
)

// A BriefError says that a contact asked for less time than Min (423).
type BriefError struct{ Min time.Duration }

// Error says how long a contact must at least ask for.
func (e *BriefError) Error() string {
	return fmt.Sprintf("register contacts: expires too soon, at least %s is wanted", e.Min)
}

// Config bounds a Table.
type Config struct {
	// Min and Max bound how long a contact is bound. A contact that asks for
	// less than Min, and not for 0, is refused; one that asks for more gets Max.
	Min, Max time.Duration
	// Records bounds the addresses-of-record, Contacts those of each.
	Records, Contacts int
}

// DefaultConfig suits phones behind a WebSocket or a NAT.
func DefaultConfig() Config {
	return Config{Min: time.Minute, Max: time.Hour, Records: 10_000, Contacts: 4}
}

// A Contact is one contact of a request.
type Contact struct {
	URI string
	// Expires is how long it asks to be bound; negative: it did not say.
	Expires time.Duration
	// Q is its preference in thousandths, 1000 unless said (RFC 3261 §20.10).
	Q int
}

// A Request is what a REGISTER asks. Without contacts it only asks what is bound.
type Request[F any] struct {
	Record   string // the address-of-record, in the form that Lookup is given
	CallID   string
	Seq      uint32
	All      bool // the contact was "*"
	Contacts []Contact
	Through  F // what the contacts are reached through
}

// A Binding is a contact an address-of-record is bound to.
type Binding[F any] struct {
	URI     string
	Until   time.Time
	Q       int
	Through F

	callID string
	seq    uint32
}

// A Table is the bindings of all addresses-of-record.
type Table[F any] struct {
	cfg     Config
	records map[string][]Binding[F]
	swept   time.Time
}

// New returns an empty Table.
func New[F any](cfg Config) *Table[F] {
	return &Table[F]{cfg: cfg, records: make(map[string][]Binding[F])}
}

// Register does what r asks, all of it or, with an error, none. It returns what
// is bound afterwards, most preferred first. RFC 3261 §10.3, steps 6 to 8.
func (t *Table[F]) Register(now time.Time, r Request[F]) ([]Binding[F], error) {
	t.sweep(now)
	bound := t.Lookup(now, r.Record)
	if r.All {
		if len(r.Contacts) != 1 || r.Contacts[0].Expires != 0 {
			return nil, ErrWildcard
		}
		for _, b := range bound {
			if b.callID == r.CallID && r.Seq <= b.seq {
				return nil, ErrOrder
			}
		}
		delete(t.records, r.Record)
		return nil, nil
	}
	for _, c := range r.Contacts {
		var err error
		if bound, err = t.bind(now, bound, c, r); err != nil {
			return nil, err
		}
	}
	return bound, t.store(r.Record, bound)
}

// bind adds, renews or removes one contact.
func (t *Table[F]) bind(now time.Time, bound []Binding[F], c Contact, r Request[F]) ([]Binding[F], error) {
	i := slices.IndexFunc(bound, func(b Binding[F]) bool { return b.URI == c.URI })
	if i >= 0 && bound[i].callID == r.CallID && r.Seq <= bound[i].seq {
		return nil, ErrOrder
	}
	if c.Expires == 0 {
		if i >= 0 {
			bound = slices.Delete(bound, i, i+1)
		}
		return bound, nil
	}
	if c.Expires < 0 {
		c.Expires = t.cfg.Max
	}
	if c.Expires < t.cfg.Min {
		return nil, &BriefError{t.cfg.Min}
	}
	b := Binding[F]{URI: c.URI, Until: now.Add(min(c.Expires, t.cfg.Max)), Q: c.Q, Through: r.Through, callID: r.CallID, seq: r.Seq}
	if i >= 0 {
		bound[i] = b
		return bound, nil
	}
	if len(bound) >= t.cfg.Contacts {
		return nil, ErrFull
	}
	return append(bound, b), nil
}

func (t *Table[F]) store(record string, bound []Binding[F]) error {
	if len(bound) == 0 {
		delete(t.records, record)
		return nil
	}
	if _, known := t.records[record]; !known && len(t.records) >= t.cfg.Records {
		return ErrFull
	}
	slices.SortStableFunc(bound, func(a, b Binding[F]) int { return b.Q - a.Q })
	t.records[record] = bound
	return nil
}

// Lookup returns a copy of what an address-of-record is bound to at now, most
// preferred first; nil when to nothing.
func (t *Table[F]) Lookup(now time.Time, record string) []Binding[F] {
	var bound []Binding[F]
	for _, b := range t.records[record] {
		if now.Before(b.Until) {
			bound = append(bound, b)
		}
	}
	return bound
}

// Records is how many addresses-of-record are bound, some of which may have
// expired a moment ago.
func (t *Table[F]) Records() int { return len(t.records) }

// sweep forgets what has expired, once a minute at most.
func (t *Table[F]) sweep(now time.Time) {
	if now.Sub(t.swept) < time.Minute {
		return
	}
	t.swept = now
	for record := range t.records {
		if len(t.Lookup(now, record)) == 0 {
			delete(t.records, record)
		}
	}
}
