package transport

import (
	"hash/maphash"
	"net/netip"
	"strconv"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
)

// packet takes one datagram from its reader. It keeps nothing of data.
func (t *Transport) packet(now time.Time, s *socket, src netip.AddrPort, data []byte) {
	src = unmap(src)
	if !t.admit(now, src.Addr(), len(data)) {
		return
	}
	switch {
	case isSTUN(data):
		t.count.inc(countSTUN)
		if reply := stunReply(nil, data, src); reply != nil {
			_, _ = s.packets.WriteToUDPAddrPort(reply, src) // a client asks again
		}
		return
	case isPing(data):
		t.count.inc(countPing)
		if len(data) >= 4 {
			_, _ = s.packets.WriteToUDPAddrPort([]byte("\r\n"), src) // a client asks again
		}
		return
	}
	t.message(now, Flow{Kind: UDP, Listener: s.Name, Local: s.Addr, Remote: src}, data)
}

// isPing reports whether data is only CRLFs, or the single NUL that some phones
// send to keep a NAT open. RFC 5626 §4.4.1.
func isPing(data []byte) bool {
	for _, c := range data {
		if c != '\r' && c != '\n' && c != 0 {
			return false
		}
	}
	return true
}

// admit asks the gate and counts what it drops.
func (t *Transport) admit(now time.Time, src netip.Addr, size int) bool {
	t.gateMu.Lock()
	v := t.gate.Admit(now, src, size)
	t.gateMu.Unlock()
	switch v {
	case Admitted:
		return true
	case OverSource:
		t.count.inc(countOverSource)
	case OverTotal:
		t.count.inc(countOverTotal)
	case OverKnown:
		t.count.inc(countOverKnown)
	case Oversize:
		t.count.inc(countOversize)
	}
	return false
}

// message takes one whole message that the gate admitted.
func (t *Transport) message(now time.Time, f Flow, data []byte) {
	t.count.inc(countReceived)
	t.count.add(countBytesIn, len(data))
	if t.deps.Trace != nil {
		t.deps.Trace(now, f, false, data)
	}
	msg, bad := parse(data)
	if bad != 0 {
		req, _ := msg.(*sipmsg.Request)
		t.refuse(now, f, req, bad)
		return
	}
	msg.SetTransport(f.Kind.String())
	in := Inbound{Msg: msg, Flow: f, Reply: f, Size: len(data)}
	if req, ok := msg.(*sipmsg.Request); ok {
		in.Reply = replyFlow(f, req.Via())
		receivedVia(req.Via(), f.Remote)
	}
	t.receiver.Receive(now, in)
}

// refuse counts a malformed message and answers it if that can be done.
func (t *Transport) refuse(now time.Time, f Flow, req *sipmsg.Request, bad fault) {
	t.count.faults[bad].Add(1)
	res := t.refusal(req, bad)
	if res == nil {
		t.count.inc(countUnanswered)
		return
	}
	t.gateMu.Lock()
	ok := t.gate.Answer(now, f.Remote.Addr())
	t.gateMu.Unlock()
	raw, err := Append(nil, res)
	if !ok || err != nil {
		t.count.inc(countUnanswered)
		return
	}
	reply := replyFlow(f, req.Via())
	receivedVia(res.Via(), f.Remote)
	if err := t.Send(now, Outbound{Flow: reply, Raw: raw}); err == nil {
		t.count.inc(countRefused)
	}
}

func (t *Transport) refusal(req *sipmsg.Request, bad fault) *sipmsg.Response {
	if req == nil || req.Via() == nil {
		return nil
	}
	tag := maphash.String(t.seed, req.Via().Params.GetOr("branch", "")+"\n"+req.Via().SentBy())
	return refusal(req, bad, strconv.FormatUint(tag, 36))
}
