package transport

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"
)

// closedPort is an address of the loopback that refuses datagrams: its socket
// hears another port only, and keeps others from taking it.
func closedPort(t *testing.T, host string) netip.AddrPort {
	t.Helper()
	local := netip.MustParseAddrPort(host)
	c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(local), net.UDPAddrFromAddrPort(netip.AddrPortFrom(local.Addr(), 1)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return addrPort(c.LocalAddr())
}

// refused sends an INVITE to remote until its failure is told: the kernel bounds
// how many ICMP messages it sends.
func refused(t *testing.T, tr *Transport, s *sink, remote netip.AddrPort) Failure {
	t.Helper()
	for {
		if err := tr.Send(time.Now(), Outbound{Flow: Flow{Kind: UDP, Remote: remote}, Raw: invite()}); err != nil {
			t.Fatal(err)
		}
		select {
		case f := <-s.failed:
			return f
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
			t.Fatal("no failure")
		}
	}
}

// F1, RFC 3261 §18.4.
func TestRefusedDatagramIsAFailureOfItsRequest(t *testing.T) {
	for _, addr := range append(loopbacks(), "[::]:0") {
		tr, s := serve(t, listenOn("udp", addr), Deps{})
		host := addr
		if addr == "[::]:0" {
			host = "127.0.0.1:0"
		}
		remote := closedPort(t, host)
		f := refused(t, tr, s, remote)
		msg, err := Parse(invite())
		if err != nil {
			t.Fatal(err)
		}
		branch, _ := msg.Via().Params.Get("branch")
		if f.Branch != branch || f.CallID != string(*msg.CallID()) || f.Flow.Kind != UDP || f.Flow.Remote != remote {
			t.Errorf("from %s: failed %+v", addr, f)
		}
		if n := tr.Stats().Counters["datagrams_refused"]; n == 0 {
			t.Error("no refused datagram was counted")
		}
	}
}

// What the kernel has to say about one datagram is not the fate of another.
func TestRefusedDatagramCostsNoOther(t *testing.T) {
	tr, s := serve(t, listenOn("udp", "127.0.0.1:0"), Deps{})
	c := client(t, tr.Listeners()[0].Addr)
	open, shut := addrPort(c.LocalAddr()), closedPort(t, "127.0.0.1:0")
	const n = 20
	buf := make([]byte, 65536)
	for range n {
		if err := tr.Send(time.Now(), Outbound{Flow: Flow{Kind: UDP, Remote: shut}, Raw: invite()}); err != nil {
			t.Fatalf("send to the closed port: %v", err)
		}
		if err := tr.Send(time.Now(), Outbound{Flow: Flow{Kind: UDP, Remote: open}, Raw: invite()}); err != nil {
			t.Fatalf("send to the open port: %v", err)
		}
		if _, err := c.Read(buf); err != nil {
			t.Fatal(err)
		}
	}
	refused(t, tr, s, shut)
	if _, err := c.Write(invite()); err != nil {
		t.Fatal(err)
	}
	<-s.in
}

func TestQuotedRequestIsReadAsFarAsItGoes(t *testing.T) {
	whole := "OPTIONS sip:a@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx;rport\r\nCall-ID: c1\r\n"
	tests := []struct {
		name, quoted, callID, branch string
	}{
		{"whole", whole + "CSeq: 1 OPTI", "c1", "z9hG4bKx"},
		{"cut in the Call-ID", whole[:len(whole)-2], "", ""},
		{"cut in the Via", whole[:60], "", ""},
		{"headers of UDP alone", "", "", ""},
		{"a response", "SIP/2.0 200 OK" + whole[strings.IndexByte(whole, '\r'):], "", ""},
		{"a second Via", strings.Replace(whole, "Call-ID", "Via: SIP/2.0/UDP h;branch=other\r\nCall-ID", 1), "c1", "z9hG4bKx"},
		{"no branch", strings.Replace(whole, ";branch=z9hG4bKx", "", 1), "", ""},
	}
	for _, tt := range tests {
		callID, branch, ok := quotedRequest([]byte(tt.quoted))
		if callID != tt.callID || branch != tt.branch || ok != (tt.callID != "") {
			t.Errorf("%s: %q, %q, %v", tt.name, callID, branch, ok)
		}
	}
}

// RFC 3261 §18.4: which ICMP errors tell of a failure.
func TestPassingICMPErrorsAreNoRefusals(t *testing.T) {
	tests := []struct {
		origin, kind, code uint8
		want               bool
	}{
		{originICMP, 3, 3, true},
		{originICMP, 3, 1, true},
		{originICMP, 12, 0, true},
		{originICMP, 3, 4, false},  // to be fragmented
		{originICMP, 11, 0, false}, // time exceeded
		{originICMP, 4, 0, false},  // source quench
		{originICMP6, 1, 4, true},
		{originICMP6, 4, 0, true},
		{originICMP6, 2, 0, false},
		{originICMP6, 3, 0, false},
		{1, 3, 3, false}, // of this machine itself
	}
	for _, tt := range tests {
		// struct sock_extended_err: errno, origin, type, code, three fields unused.
		e := []byte{byte(syscall.ECONNREFUSED), 0, 0, 0, tt.origin, tt.kind, tt.code, 0, 0, 0, 0, 0, 0, 0, 0, 0}
		if got := isRefusal(e); got != tt.want {
			t.Errorf("origin %d type %d code %d: %v", tt.origin, tt.kind, tt.code, got)
		}
	}
	if isRefusal([]byte{1, 2, 3}) {
		t.Error("a short error is a refusal")
	}
}
