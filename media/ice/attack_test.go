package ice

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

// What is not a check under our password gets no answer and leaves no state.
func TestForgeriesAreDroppedInSilence(t *testing.T) {
	good := request(t, "uA")
	edit := func(at int, b byte) []byte {
		p := bytes.Clone(good)
		p[at] ^= b
		return p
	}
	noFingerprint, err := stun.Build(stun.BindingRequest, stun.NewUsername(ourUfrag+":uA"), stun.NewShortTermIntegrity(ourPwd))
	if err != nil {
		t.Fatal(err)
	}
	noIntegrity, err := stun.Build(stun.BindingRequest, stun.NewUsername(ourUfrag+":uA"), stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	bare, err := stun.Build(stun.BindingRequest, stun.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	response := bytes.Clone(good)
	response[0] |= 0x01
	tests := []struct {
		name    string
		packet  []byte
		counted func(Stats) uint64
	}{
		{"wrong password", signed(t, ourUfrag+":uA", "another-password-of-22-and"), func(s Stats) uint64 { return s.Integrity }},
		{"another ufrag", signed(t, "zzzz:uA", ourPwd), func(s Stats) uint64 { return s.Integrity }},
		{"no ufrag before a restart", signed(t, ":uA", ""), func(s Stats) uint64 { return s.Integrity }},
		{"no sender", signed(t, ourUfrag+":", ourPwd), func(s Stats) uint64 { return s.Integrity }},
		{"no colon", signed(t, ourUfrag, ourPwd), func(s Stats) uint64 { return s.Integrity }},
		{"no integrity", noIntegrity.Raw, func(s Stats) uint64 { return s.Integrity }},
		{"no user name", bare.Raw, func(s Stats) uint64 { return s.Integrity }},
		{"no fingerprint", noFingerprint.Raw, func(s Stats) uint64 { return s.Malformed }},
		{"wrong fingerprint", edit(len(good)-1, 1), func(s Stats) uint64 { return s.Malformed }},
		{"wrong cookie", edit(4, 1), func(s Stats) uint64 { return s.Malformed }},
		{"cut short", good[:len(good)-3], func(s Stats) uint64 { return s.Malformed }},
		{"too long", append(bytes.Clone(good), 0, 0, 0, 0), func(s Stats) uint64 { return s.Malformed }},
		{"rtp", []byte{0x80, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 2, 3, 4}, func(s Stats) uint64 { return s.Malformed }},
		{"nothing", nil, func(s Stats) uint64 { return s.Malformed }},
		{"huge", make([]byte, 4000), func(s Stats) uint64 { return s.Malformed }},
		{"bad priority", request(t, "uA", attribute(stun.AttrPriority, 1)), func(s Stats) uint64 { return s.Malformed }},
		{"a response", response, func(s Stats) uint64 { return s.Stray }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAgent()
			a.Apply(t0(), "A", answer("uA"))
			reply, e := a.Receive(t0(), 1, addr(host), tt.packet, nil)
			if len(reply) != 0 || e.Kind != Dropped || e.Moved {
				t.Errorf("answered with %x, %+v", reply, e)
			}
			if tt.counted(a.Stats()) != 1 {
				t.Errorf("not counted: %+v", a.Stats())
			}
			if _, known := a.Dialog(1, addr(host)); known {
				t.Error("it made a path")
			}
		})
	}
}

// An attribute that must be understood and is not gets 420 with its name, and
// the check does not count. RFC 8489 §6.3.1.
func TestUnknownRequiredAttributeIsRefused(t *testing.T) {
	a := newAgent()
	a.Apply(t0(), "A", answer("uA"))
	reply, e := a.Receive(t0(), 1, addr(host), request(t, "uA", attribute(0x7abc, 1, 2, 3)), nil)
	m := &stun.Message{Raw: reply}
	if err := m.Decode(); err != nil {
		t.Fatal(err)
	}
	var code stun.ErrorCodeAttribute
	if err := code.GetFrom(m); err != nil || code.Code != stun.CodeUnknownAttribute {
		t.Errorf("code = %v, %v", code.Code, err)
	}
	if list, err := m.Get(stun.AttrUnknownAttributes); err != nil || binary.BigEndian.Uint16(list) != 0x7abc {
		t.Errorf("unknown attributes = %x, %v", list, err)
	}
	if err := stun.NewShortTermIntegrity(ourPwd).Check(m); err != nil {
		t.Error(err)
	}
	if _, ok := a.Target(t0(), "A", 1); ok || e.Kind != Dropped || a.Stats().Unknown != 1 {
		t.Errorf("event %+v, stats %+v", e, a.Stats())
	}
	// Optional ones, Microsoft's and Google's among them, are passed over.
	f := &far{t: t, agent: a, ufrag: "uA", now: t0()}
	f.check(0, host, attribute(0x8070, 0, 0, 0, 3), attribute(0xc057, 0, 1, 0, 10))
}

// A far end that thinks we control is told that it does. RFC 8445 §7.3.1.1.
func TestControlledFarEndIsToldToControl(t *testing.T) {
	a := newAgent()
	a.Apply(t0(), "A", answer("uA"))
	req := request(t, "uA", attribute(stun.AttrICEControlled, 1, 2, 3, 4, 5, 6, 7, 8))
	reply, _ := a.Receive(t0(), 1, addr(host), req, nil)
	m := &stun.Message{Raw: reply}
	var code stun.ErrorCodeAttribute
	if err := m.Decode(); err != nil || code.GetFrom(m) != nil || code.Code != stun.CodeRoleConflict {
		t.Errorf("code = %v, %v", code.Code, err)
	}
}

// Far ends without an answer, and paths, are kept up to a bound: the one heard
// of least recently goes, never the one in use.
func TestForksAndPathsAreBounded(t *testing.T) {
	a := newAgent()
	f := &far{t: t, agent: a, ufrag: "uA", now: t0()}
	a.Apply(f.now, "A", answer("uA"))
	f.check(0, host, useCandidate())
	for i := range 100 {
		f.check(time.Millisecond, fmt.Sprintf("192.0.2.%d:4000", i))
	}
	if n := len(a.Paths("A")); n != MaxPaths {
		t.Errorf("%d paths", n)
	}
	f.target("A", host, "the path in use stays")
	for i := range 100 {
		stranger := &far{t: t, agent: a, ufrag: fmt.Sprintf("u%d", i), now: f.now}
		stranger.check(time.Duration(i), "203.0.113.9:1")
	}
	if n := len(a.forks); n != MaxUnknown+1 {
		t.Errorf("%d forks", n)
	}
	if a.waiting("u99") == nil {
		t.Error("the newest fork is not among those kept")
	}
	for i := range 100 {
		a.Apply(f.now, fmt.Sprintf("d%d", i), answer(fmt.Sprintf("w%d", i)))
	}
	if n := len(a.forks); n != MaxForks {
		t.Errorf("%d forks", n)
	}
	f.target("A", host, "more dialogs than we keep do not end one")
	if a.Stats().Overflow == 0 {
		t.Error("nothing was counted")
	}
}

// A check on a known path is answered without allocating.
func TestCheckDoesNotAllocate(t *testing.T) {
	a := newAgent()
	a.Apply(t0(), "A", threePaths("uA"))
	req := request(t, "uA", priority(1862270975), useCandidate())
	reply := make([]byte, 0, 256)
	src := addr(host)
	if n := testing.AllocsPerRun(100, func() {
		reply, _ = a.Receive(t0(), 1, src, req, reply)
		a.Heard(t0(), 1, src)
		a.Dialog(1, src)
		a.Checked("A", 1, src)
		a.Target(t0(), "A", 1)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkReceive(b *testing.B) {
	a := newAgent()
	a.Apply(t0(), "A", threePaths("uA"))
	req := request(b, "uA", priority(1862270975), useCandidate())
	reply := make([]byte, 0, 256)
	src := addr(host)
	b.ReportAllocs()
	for b.Loop() {
		reply, _ = a.Receive(t0(), 1, src, req, reply)
	}
}

// A stranger's check costs no more than a packet should.
func BenchmarkReceiveForgery(b *testing.B) {
	a := newAgent()
	req := signed(b, ourUfrag+":uA", "another-password-of-22-and")
	reply := make([]byte, 0, 256)
	src := addr(host)
	b.ReportAllocs()
	for b.Loop() {
		reply, _ = a.Receive(t0(), 1, src, req, reply)
	}
}

// No packet makes the agent panic, answer what it cannot vouch for, or forget
// the path in use.
func FuzzSTUN(f *testing.F) {
	f.Add(request(f, "uA"))
	f.Add(request(f, "uA", priority(1), useCandidate()))
	f.Add(request(f, "uA", attribute(0x7abc, 1)))
	f.Add(request(f, "uA", attribute(stun.AttrICEControlled, 1, 2, 3, 4, 5, 6, 7, 8)))
	f.Add(signed(f, "x:y", "z"))
	f.Add([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, packet []byte) {
		a := newAgent()
		r := &far{t: t, agent: a, ufrag: "uA", now: t0()}
		a.Apply(t0(), "A", answer("uA"))
		r.check(0, host, useCandidate())
		before := bytes.Clone(packet)
		reply, e := a.Receive(t0(), 1, addr(relay), packet, nil)
		if !bytes.Equal(before, packet) {
			t.Error("the packet was changed")
		}
		if len(reply) > 0 {
			m := &stun.Message{Raw: reply}
			if err := m.Decode(); err != nil {
				t.Errorf("reply: %v", err)
			}
			if err := stun.NewShortTermIntegrity(ourPwd).Check(m); err != nil {
				t.Errorf("reply: %v", err)
			}
		} else if e.Kind != Dropped {
			t.Errorf("nothing was answered to %+v", e)
		}
		if _, ok := a.Target(t0(), "A", 1); !ok {
			t.Error("the path in use is gone")
		}
	})
}
