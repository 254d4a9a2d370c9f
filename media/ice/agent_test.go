package ice

import (
	"net/netip"
	"testing"
	"time"

	"github.com/pion/stun/v4"
)

const (
	ourUfrag = "u0u0"
	ourPwd   = "Jw0dPz7mRkYb5tQx2LhV9sNe"
)

// t0 is when every test begins.
func t0() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

func addr(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

// A far is a far end as a test speaks for it.
type far struct {
	t     testing.TB
	agent *Agent
	ufrag string
	now   time.Time
}

func newAgent() *Agent { return New(Config{Ufrag: ourUfrag, Pwd: ourPwd}) }

// request builds a check of from's, under our ufrag and password.
func request(t testing.TB, from string, setters ...stun.Setter) []byte {
	t.Helper()
	return signed(t, ourUfrag+":"+from, ourPwd, setters...)
}

// signed builds a Binding request with this user name, vouched for by pwd.
func signed(t testing.TB, name, pwd string, setters ...stun.Setter) []byte {
	t.Helper()
	all := append([]stun.Setter{
		stun.NewTransactionIDSetter([stun.TransactionIDSize]byte{1, 2, 3}), stun.BindingRequest,
		stun.NewUsername(name),
	}, setters...)
	all = append(all, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)
	m, err := stun.Build(all...)
	if err != nil {
		t.Fatal(err)
	}
	return m.Raw
}

// attribute is an attribute with this value.
func attribute(t stun.AttrType, value ...byte) stun.Setter {
	return stun.RawAttribute{Type: t, Value: value}
}

func priority(p uint32) stun.Setter {
	return attribute(stun.AttrPriority, byte(p>>24), byte(p>>16), byte(p>>8), byte(p))
}

func useCandidate() stun.Setter { return attribute(stun.AttrUseCandidate) }

// check sends a check from src after d and fails unless it is answered well.
func (f *far) check(d time.Duration, src string, setters ...stun.Setter) Event {
	f.t.Helper()
	f.now = f.now.Add(d)
	reply, e := f.agent.Receive(f.now, 1, addr(src), request(f.t, f.ufrag, setters...), nil)
	m := &stun.Message{Raw: reply}
	if err := m.Decode(); err != nil || m.Type != stun.BindingSuccess {
		f.t.Fatalf("check from %s was answered with %x: %v", src, reply, err)
	}
	if err := stun.NewShortTermIntegrity(ourPwd).Check(m); err != nil {
		f.t.Errorf("response: %v", err)
	}
	if err := stun.Fingerprint.Check(m); err != nil {
		f.t.Errorf("response: %v", err)
	}
	var mapped stun.XORMappedAddress
	if err := mapped.GetFrom(m); err != nil || mapped.String() != src {
		f.t.Errorf("mapped address is %v, %v, want %s", mapped, err, src)
	}
	return e
}

// target fails unless media for the dialog goes to want; "" is nowhere.
func (f *far) target(dialog, want, reason string) {
	f.t.Helper()
	got, ok := f.agent.Target(f.now, dialog, 1)
	if want == "" && !ok {
		return
	}
	if !ok || got.String() != want {
		f.t.Errorf("target = %v, want %q: %s", got, want, reason)
	}
}

// answer is what a fork with these candidates says.
func answer(ufrag string, candidates ...Candidate) Remote {
	return Remote{Ufrag: ufrag, Pwd: "theirtheirtheirtheirtheir", Candidates: candidates}
}

// The three paths of a usual far end.
const (
	host  = "198.51.100.40:50010"
	srflx = "203.0.113.8:50010"
	relay = "203.0.113.200:51000"
)

func threePaths(ufrag string) Remote {
	return answer(ufrag,
		Candidate{addr(host), 2130706431, 1},
		Candidate{addr(srflx), 1694498815, 1},
		Candidate{addr(relay), 16777215, 1})
}

// While nothing is nominated we send on the checked path of the highest
// signalled priority: up as soon as a better one is checked, and never to one
// that was not.
func TestHighestCheckedPathIsUsed(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	f.agent.Apply(f.now, "A", threePaths("uA"))
	f.target("A", "", "no path was checked")
	// PRIORITY is the same in each: that of a peer-reflexive candidate.
	f.check(0, relay, priority(1862270975))
	f.target("A", relay, "it is the only one checked")
	if e := f.check(50*time.Millisecond, host, priority(1862270975)); !e.Moved || e.Kind != Checked {
		t.Errorf("a better path made %+v", e)
	}
	f.target("A", host, "its candidate has the higher priority")
	if e := f.check(50*time.Millisecond, srflx, priority(1862270975)); e.Moved {
		t.Errorf("a lesser path made %+v", e)
	}
	f.target("A", host, "a lesser path does not take over")
}

// The newest nomination wins over any priority, and repeating it changes nothing.
func TestNewestNominationWins(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	f.agent.Apply(f.now, "A", threePaths("uA"))
	f.check(0, host)
	if e := f.check(time.Second, relay, useCandidate()); e.Kind != Nominated || !e.Moved {
		t.Errorf("nomination made %+v", e)
	}
	f.target("A", relay, "the lower pair was nominated")
	if e := f.check(time.Second, relay, useCandidate()); e.Kind != Nothing || e.Moved {
		t.Errorf("a repeated nomination made %+v", e)
	}
	f.check(time.Second, host)
	f.target("A", relay, "a plain check does not undo a nomination")
	f.check(5*time.Second, srflx, useCandidate())
	f.target("A", srflx, "another was nominated later")
	f.check(5*time.Second, relay, useCandidate())
	f.target("A", relay, "and the first again")
}

// A far end that nominates all its paths at once means the best, and media does
// not jump between them.
func TestAggressiveNominationSettlesOnBestPath(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	f.agent.Apply(f.now, "A", threePaths("uA"))
	moves := 0
	for range 20 {
		for _, src := range []string{host, relay} {
			if f.check(50*time.Millisecond, src, useCandidate()).Moved {
				moves++
			}
		}
	}
	f.target("A", host, "it has the highest priority of the nominated")
	if moves > 3 {
		t.Errorf("media moved %d times", moves)
	}
}

// Checks that come before the answer are answered, and count once it is here.
func TestChecksBeforeAnswerCount(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	if e := f.check(0, host); e.Dialog != "" || e.Ufrag != "uA" {
		t.Errorf("early check made %+v", e)
	}
	if d, known := f.agent.Dialog(1, addr(host)); d != "" || !known {
		t.Errorf("dialog = %q, %v", d, known)
	}
	f.target("A", "", "no answer told whose path it is")
	if !f.agent.Apply(f.now, "A", threePaths("uA")) {
		t.Error("the answer did not move media")
	}
	f.target("A", host, "it was checked before the answer")
	if d, _ := f.agent.Dialog(1, addr("[::ffff:198.51.100.40]:50010")); d != "A" {
		t.Errorf("dialog = %q", d)
	}
}

// Forks of one offer are told apart by their ufrags and do not touch each other.
func TestForksAreKeptApart(t *testing.T) {
	a := newAgent()
	fa := &far{t: t, agent: a, ufrag: "uA", now: t0()}
	fb := &far{t: t, agent: a, ufrag: "uB", now: t0()}
	a.Apply(t0(), "A", threePaths("uA"))
	fa.check(0, host)
	fb.check(0, "192.0.2.7:4000", useCandidate())
	a.Apply(t0(), "B", answer("uB"))
	fa.target("A", host, "B's nomination is not A's")
	fb.target("B", "192.0.2.7:4000", "B nominated it")
	a.End("B")
	fb.target("B", "", "B has ended")
	fa.target("A", host, "A has not")
}

// A nomination heard after the answer of a fork that was silent until then works
// like any other (E8).
func TestSilentForkCanAnswer(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uC", now: t0()}
	f.agent.Apply(f.now, "C", answer("uC"))
	f.check(time.Second, host, priority(9), useCandidate())
	f.target("C", host, "peer-reflexive, and nominated")
}

// Consent ends a path 30 s after the last check or authenticated packet, to the
// moment; the next best takes over.
func TestConsentExpires(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	a := f.agent
	a.Apply(f.now, "A", threePaths("uA"))
	f.check(0, host, useCandidate())
	f.check(0, relay)
	a.Heard(f.now.Add(10*time.Second), 1, addr(host))
	f.check(20*time.Second, relay)
	deadline := t0().Add(40 * time.Second)
	if got := a.Deadline(); !got.Equal(deadline) {
		t.Fatalf("deadline = %v, want %v", got, deadline)
	}
	if e := a.Advance(deadline.Add(-1)); len(e) != 0 {
		t.Errorf("early: %+v", e)
	}
	f.now = deadline
	e := a.Advance(deadline)
	if len(e) != 1 || e[0].Kind != Expired || e[0].Path != addr(host) || !e[0].Moved || e[0].Dialog != "A" {
		t.Errorf("events = %+v", e)
	}
	f.target("A", relay, "it still has consent")
	f.now = t0().Add(50 * time.Second)
	if e := a.Advance(f.now); len(e) != 1 {
		t.Errorf("events = %+v", e)
	}
	f.target("A", "", "nothing has consent")
	if !a.Deadline().IsZero() {
		t.Error("there is still a deadline")
	}
	f.check(time.Second, host)
	f.target("A", host, "a check is consent again")
}

// After a restart the old path carries media until the new far end has checked
// one, and checks under the old credentials are answered so long.
func TestRestartKeepsOldPathUntilNewOneIsChecked(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	a := f.agent
	a.Apply(f.now, "A", threePaths("uA"))
	f.check(0, host, useCandidate())
	a.Restart("u1u1", "another-password-of-22-and")
	a.Apply(f.now, "A", answer("uA2"))
	f.target("A", host, "the new far end has no path yet")
	f.check(time.Second, host)
	f.target("A", host, "still so")

	req := signed(t, "u1u1:uA2", "another-password-of-22-and")
	reply, e := a.Receive(f.now, 1, addr(relay), req, nil)
	if len(reply) == 0 || e.Dialog != "A" || !e.Moved {
		t.Fatalf("check under new credentials: %d bytes, %+v", len(reply), e)
	}
	f.target("A", relay, "the new far end checked it")
	if reply, _ := a.Receive(f.now, 1, addr(host), request(t, "uA"), nil); len(reply) != 0 {
		t.Error("old credentials are still good")
	}
}

// Two lite agents both wait for checks; what was signalled is the path.
func TestLiteWithLiteUsesSignalledAddress(t *testing.T) {
	f := &far{t: t, agent: newAgent(), now: t0()}
	r := answer("uL")
	r.Lite, r.Selected = true, [2]netip.AddrPort{addr(host), addr(relay)}
	if !f.agent.Apply(f.now, "L", r) {
		t.Error("media did not move")
	}
	f.target("L", host, "it was signalled")
	if got, _ := f.agent.Target(f.now.Add(time.Hour), "L", 2); got != addr(relay) {
		t.Errorf("rtcp target = %v", got)
	}
}

// An offer that says the checks are over names the path to use, if it was checked.
func TestRemoteCandidatesNominate(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	f.agent.Apply(f.now, "A", threePaths("uA"))
	f.check(0, host, useCandidate())
	f.check(0, relay)
	r := threePaths("uA")
	r.Concluded, r.Selected[0] = true, addr(relay)
	f.agent.Apply(f.now, "A", r)
	f.target("A", relay, "a=remote-candidates came with it")
	r.Selected[0] = addr(srflx)
	f.agent.Apply(f.now, "A", r)
	f.target("A", relay, "never to a path without a check")
}

// RTCP on a port of its own has paths of its own.
func TestComponentsAreApart(t *testing.T) {
	a := newAgent()
	a.Apply(t0(), "A", answer("uA"))
	a.Receive(t0(), 2, addr(host), request(t, "uA"), nil)
	if _, ok := a.Target(t0(), "A", 1); ok {
		t.Error("a check of RTCP opened a path for RTP")
	}
	if got, _ := a.Target(t0(), "A", 2); got != addr(host) {
		t.Errorf("rtcp target = %v", got)
	}
}
