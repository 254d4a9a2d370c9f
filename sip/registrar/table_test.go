package registrar

import (
	"errors"
	"strconv"
	"testing"
	"time"
)

var t0 = time.Unix(1_000_000_000, 0)

// phone is a Table with one phone's requests to it.
type phone struct {
	t   *testing.T
	tab *Table[int]
	seq uint32
}

func newPhone(t *testing.T) *phone { return &phone{t: t, tab: New[int](DefaultConfig())} }

func (p *phone) registers(now time.Time, uri string, expires time.Duration) error {
	p.seq++
	_, err := p.tab.Register(now, Request[int]{
		Record: "1001", CallID: "a", Seq: p.seq, Through: 7,
		Contacts: []Contact{{URI: uri, Expires: expires, Q: 1000}},
	})
	return err
}

func (p *phone) wantBound(now time.Time, uris ...string) {
	p.t.Helper()
	got := p.tab.Lookup(now, "1001")
	if len(got) != len(uris) {
		p.t.Fatalf("bound to %+v, want %v", got, uris)
	}
	for i, u := range uris {
		if got[i].URI != u {
			p.t.Errorf("contact %d is %s, want %s", i, got[i].URI, u)
		}
	}
}

// A contact is bound until its time is over, and longer when it is renewed.
func TestContactLastsAsLongAsItAsked(t *testing.T) {
	p := newPhone(t)
	if err := p.registers(t0, "sip:a@x", 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	p.wantBound(t0.Add(119*time.Second), "sip:a@x")
	p.wantBound(t0.Add(120 * time.Second))
	_ = p.registers(t0.Add(time.Minute), "sip:a@x", 2*time.Minute)
	p.wantBound(t0.Add(179*time.Second), "sip:a@x")
}

// Expires 0 removes one contact, "*" all of them (RFC 3261 §10.2.2).
func TestContactsAreRemoved(t *testing.T) {
	p := newPhone(t)
	_ = p.registers(t0, "sip:a@x", time.Hour)
	_ = p.registers(t0, "sip:b@x", time.Hour)
	_ = p.registers(t0, "sip:a@x", 0)
	p.wantBound(t0, "sip:b@x")
	if _, err := p.tab.Register(t0, Request[int]{Record: "1001", CallID: "a", Seq: 9, All: true, Contacts: []Contact{{Expires: 5}}}); !errors.Is(err, ErrWildcard) {
		t.Errorf(`"*" that does not expire: %v`, err)
	}
	if _, err := p.tab.Register(t0, Request[int]{Record: "1001", CallID: "a", Seq: 10, All: true, Contacts: []Contact{{}}}); err != nil {
		t.Fatal(err)
	}
	p.wantBound(t0)
}

// A request that arrives late changes nothing (RFC 3261 §10.3, step 7).
func TestLateRequestChangesNothing(t *testing.T) {
	p := newPhone(t)
	_ = p.registers(t0, "sip:a@x", time.Hour)
	p.seq = 0
	if err := p.registers(t0, "sip:a@x", 0); !errors.Is(err, ErrOrder) {
		t.Fatalf("error = %v, want ErrOrder", err)
	}
	p.wantBound(t0, "sip:a@x")
}

// Too short a time is refused with the shortest that is taken; too long a time
// is cut.
func TestTimesAreBounded(t *testing.T) {
	p := newPhone(t)
	var brief *BriefError
	if err := p.registers(t0, "sip:a@x", time.Second); !errors.As(err, &brief) || brief.Min != time.Minute {
		t.Fatalf("error = %v, want at least a minute", err)
	}
	_ = p.registers(t0, "sip:a@x", 24*time.Hour)
	p.wantBound(t0.Add(time.Hour-time.Second), "sip:a@x")
	p.wantBound(t0.Add(time.Hour))
}

// The preferred contact comes first.
func TestPreferenceOrders(t *testing.T) {
	p := newPhone(t)
	for i, q := range []int{300, 900, 500} {
		_, _ = p.tab.Register(t0, Request[int]{
			Record: "1001", CallID: strconv.Itoa(i), Seq: 1,
			Contacts: []Contact{{URI: "sip:" + strconv.Itoa(q), Expires: time.Hour, Q: q}},
		})
	}
	p.wantBound(t0, "sip:900", "sip:500", "sip:300")
}

// What a stranger can add is bounded, and what has expired makes room.
func TestTableIsBounded(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Records, cfg.Contacts = 2, 2
	tab := New[int](cfg)
	add := func(now time.Time, record, uri string) error {
		_, err := tab.Register(now, Request[int]{Record: record, CallID: uri, Seq: 1, Contacts: []Contact{{URI: uri, Expires: time.Minute}}})
		return err
	}
	for _, r := range []string{"1", "2"} {
		for _, u := range []string{"a", "b"} {
			if err := add(t0, r, u); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := add(t0, "1", "c"); !errors.Is(err, ErrFull) {
		t.Errorf("a third contact: %v", err)
	}
	if err := add(t0, "3", "a"); !errors.Is(err, ErrFull) {
		t.Errorf("a third record: %v", err)
	}
	if err := add(t0.Add(2*time.Minute), "3", "a"); err != nil {
		t.Errorf("after all had expired: %v", err)
	}
	if tab.Records() != 1 {
		t.Errorf("%d records are kept, want 1", tab.Records())
	}
}

// A refused request leaves what was bound as it was.
func TestRefusedRequestLeavesAll(t *testing.T) {
	p := newPhone(t)
	_ = p.registers(t0, "sip:a@x", time.Hour)
	_, err := p.tab.Register(t0, Request[int]{
		Record: "1001", CallID: "b", Seq: 1,
		Contacts: []Contact{{URI: "sip:a@x", Expires: 0}, {URI: "sip:b@x", Expires: time.Second}},
	})
	if err == nil {
		t.Fatal("taken")
	}
	p.wantBound(t0, "sip:a@x")
}
