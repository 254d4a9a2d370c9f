package ice

import (
	"testing"
	"time"
)

// under sends a check of a far end under other credentials of ours.
func (f *far) under(ufrag, pwd, from, src string) Event {
	f.t.Helper()
	reply, e := f.agent.Receive(f.now, 1, addr(src), signed(f.t, ufrag+":"+from, pwd), nil)
	if len(reply) == 0 {
		f.t.Fatalf("check of %s under %s was not answered: %+v", from, ufrag, f.agent.Stats())
	}
	return e
}

const secondPwd = "second-password-of-22-or-more"

// A restart of one fork leaves the others where they are, also when their answer
// is repeated, or comes only now to the offer from before.
func TestRestartOfOneForkLeavesOthers(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	a := f.agent
	b := &far{t: t, agent: a, ufrag: "uB", now: t0()}
	c := &far{t: t, agent: a, ufrag: "uC", now: t0()}
	a.Apply(f.now, "A", answer("uA"))
	a.Apply(f.now, "B", answer("uB"))
	f.check(0, host)
	b.check(0, relay)
	a.Restart("u1u1", secondPwd)
	a.Apply(f.now, "A", answer("uA2"))
	a.Apply(f.now, "B", answer("uB"))
	a.Apply(f.now, "C", answer("uC"))
	b.target("B", relay, "B answered the same again")
	b.check(time.Second, srflx, useCandidate())
	b.target("B", srflx, "B goes on under the old credentials")
	c.check(time.Second, "192.0.2.7:4000")
	c.target("C", "192.0.2.7:4000", "C answered the offer before")
	f.now = f.now.Add(time.Second)
	if e := f.under("u1u1", secondPwd, "uA2", srflx); e.Dialog != "A" || !e.Moved {
		t.Errorf("A's new check made %+v", e)
	}
	b.check(time.Second, srflx)
	b.target("B", srflx, "A has moved over, B not")
}

// A second restart before the first came to anything still has the oldest path.
func TestSecondRestartKeepsThePathThatWorks(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	a := f.agent
	a.Apply(f.now, "A", answer("uA"))
	f.check(0, host)
	a.Restart("u1u1", secondPwd)
	a.Apply(f.now, "A", answer("uA2"))
	a.Restart("u2u2", secondPwd)
	a.Apply(f.now, "A", answer("uA3"))
	f.target("A", host, "nothing newer was checked")
	f.under("u2u2", secondPwd, "uA3", srflx)
	f.target("A", srflx, "now it was")
	if n := len(a.forks); n != 1 {
		t.Errorf("%d forks are kept", n)
	}
}

// A restart whose checks come before its answer is attached by its ufrag.
func TestRestartCheckedBeforeItsAnswer(t *testing.T) {
	f := &far{t: t, agent: newAgent(), ufrag: "uA", now: t0()}
	a := f.agent
	a.Apply(f.now, "A", answer("uA"))
	f.check(0, host, useCandidate())
	a.Restart("u1u1", secondPwd)
	f.under("u1u1", secondPwd, "uA2", relay)
	f.target("A", host, "no answer told whose check that was")
	a.Apply(f.now, "A", answer("uA2"))
	f.target("A", relay, "the answer has its ufrag")
}
