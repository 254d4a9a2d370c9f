//go:build interop

package interop

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// After kill -9 the gateway is back within two seconds; each call that was over
// has its record, and each that was up has one that says it was lost (F14).
func TestKilledInTheMiddleOfCalls(t *testing.T) {
	const over, up = 20, 20
	g := start(t, toEast, "", west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMU]}"))
	a, b := g.phone(11), g.phone(12)
	sdp := g.stream(11, pcmu()).sdp()
	back := g.stream(12, pcmu()).sdp()
	call := func(n int) (*talk, *talk) {
		d := a.call(fmt.Sprintf("+1555%04d", n), sdp)
		e := b.incoming()
		e.accept(back)
		d.answered()
		return d, e
	}
	for n := range over {
		d, e := call(n)
		d.request("BYE", "")
		e.hungUp()
		d.wait("200 BYE")
	}
	var ids []string
	for n := range up {
		d, _ := call(1000 + n)
		ids = append(ids, d.id)
	}
	time.Sleep(time.Second) // the longest that a note of a call may wait
	if err := g.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = g.cmd.Wait()
	<-g.done
	began := time.Now()
	g.done = make(chan struct{})
	g.run("run", "-c", g.dir+"/tandem.yaml")
	took := time.Since(began)
	p := g.probe(11)
	p.must("kill -9")
	if took > 2*time.Second {
		t.Errorf("it was back after %v, want 2 s", took)
	}
	var records []record
	g.eventually(5*time.Second, "the records", func() bool {
		records = nil
		g.json(&records, "cdr", "--limit", "1000")
		return len(records) >= over+up
	})
	lost, ended := map[string]bool{}, 0
	for _, r := range records {
		if strings.Contains(r.Text, "lost") {
			lost[r.A.CallID] = true
		} else if r.Status == 200 || r.EndedBy == "caller" {
			ended++
		}
	}
	for _, id := range ids {
		if !lost[id] {
			t.Errorf("no record says that call %s was lost", id)
		}
	}
	if len(records) != over+up || ended != over {
		t.Errorf("%d records, %d of calls that were over; want %d and %d", len(records), ended, over+up, over)
	}
	if n := g.metric("tandem_calls"); n != 0 {
		t.Errorf("%v calls are up after the start", n)
	}
	t.Logf("back after %v; %d records of calls that were over, %d of calls that were lost, none missing", took.Round(time.Millisecond), ended, len(lost))
}

// A record is what a test reads of a call record.
type record struct {
	A struct {
		CallID string `json:"call_id"`
	} `json:"a"`
	Status  int    `json:"status"`
	Text    string `json:"text"`
	EndedBy string `json:"ended_by"`
}
