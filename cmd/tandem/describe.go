package main

import (
	"fmt"
	"io"
	"time"

	"github.com/tandem-voip/tandem/sbc/admin"
)

// describe writes all there is to say of a call.
func describe(w io.Writer, c admin.Call) {
	p := func(format string, args ...any) { fmt.Fprintf(w, format+"\n", args...) }
	p("call %s  %s  %s", plain(c.ID), c.State, seconds(c.Seconds))
	p("from %s to %s, %s", plain(c.Caller), plain(c.Called), c.Invited.Local().Format(time.DateTime))
	if c.Status != 0 || c.Text != "" {
		p("ended by %s: %d %s (Q.850 %d)", orDash(c.EndedBy), c.Status, plain(c.Text), c.Q850)
	}
	if c.Verdict != "" {
		p("%s", plain(c.Verdict))
	}
	if len(c.Events) > 0 {
		p("")
		drawLadder(w, c)
	}
	p("")
	describeLeg(w, "A", c.A)
	describeLeg(w, "B", c.B)
	if c.Path != "" {
		p("media %s", plain(c.Path))
	}
	for i, a := range c.Attempts {
		p("target %d: %s %s: %d %s", i+1, plain(a.Trunk), plain(a.Number), a.Status, plain(a.Text))
	}
	for _, t := range c.Transfers {
		p("transfer by %s to %s: %d", plain(t.By), plain(t.Target), t.Status)
	}
}

func describeLeg(w io.Writer, name string, l admin.Leg) {
	if l.Trunk == "" && l.CallID == "" {
		return
	}
	fmt.Fprintf(w, "%s  %s  %s  Call-ID %s\n", name, orDash(plain(l.Trunk)), plain(l.Peer), orDash(plain(l.CallID)))
	if l.Codec != "" {
		secure := ""
		if l.Secure != "" {
			secure = ", SRTP by " + l.Secure
		}
		fmt.Fprintf(w, "   %s%s, %s <-> %s\n", plain(l.Codec), secure, plain(l.Local), orDash(plain(l.Remote)))
		fmt.Fprintf(w, "   received %d, lost %d, jitter %.1f ms, sent %d, lost there %d, rejected %d\n",
			l.Received, l.Lost, l.JitterMS, l.Sent, l.RemoteLost, l.Rejected)
	}
	for _, x := range l.Latches {
		what := x.Addr
		if what == "" {
			what = "dialog " + x.Dialog
		}
		fmt.Fprintf(w, "   latch %s: %s\n", plain(what), plain(x.Reason))
	}
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
