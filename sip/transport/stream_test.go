package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sipmsg "github.com/emiago/sipgo/sip"

	"github.com/tandem-voip/tandem/test/simnet"
)

const (
	ours   = "192.0.2.1:5060"
	theirs = "192.0.2.10:5060"
)

// on makes the dependencies of a transport on a host in memory.
func on(h *simnet.Host) Deps {
	return Deps{
		ListenPacket: func(a netip.AddrPort) (PacketConn, error) { return h.ListenPacket(a) },
		Listen:       func(a netip.AddrPort) (net.Listener, error) { return h.Listen(a) },
		Dial: func(ctx context.Context, local netip.Addr, remote netip.AddrPort) (net.Conn, error) {
			if !local.IsValid() {
				local = h.Addr()
			}
			return h.Dial(ctx, netip.AddrPortFrom(local, 0), remote)
		},
	}
}

// two are a host for us and one for the peer, a millisecond apart.
func two() (us, peer *simnet.Host) {
	n := simnet.New(1)
	us, peer = n.Host(netip.MustParseAddr("192.0.2.1")), n.Host(netip.MustParseAddr("192.0.2.10"))
	for _, p := range [][2]*simnet.Host{{us, peer}, {peer, us}} {
		n.Link(p[0].Addr(), p[1].Addr(), simnet.Link{Delay: time.Millisecond})
	}
	return us, peer
}

// connect opens a connection from the peer to us.
func connect(t *testing.T, peer *simnet.Host) *simnet.Conn {
	t.Helper()
	c, err := peer.Dial(t.Context(), netip.AddrPortFrom(peer.Addr(), 0), netip.MustParseAddrPort(ours))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func say(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

// hear reads what comes within d.
func hear(t *testing.T, c net.Conn, d time.Duration) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(d)); err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(c) // ends with the deadline
	return string(b)
}

// wantClosed asserts that the peer's connection ends after d.
func wantClosed(t *testing.T, c net.Conn, begun time.Time, d time.Duration) {
	t.Helper()
	_ = c.SetReadDeadline(begun.Add(d + time.Minute))
	_, _ = io.Copy(io.Discard, c)                                         // ends with the connection, or a minute too late
	if got := time.Since(begun); got < d || got > d+20*time.Millisecond { // the ways there and back
		t.Errorf("closed after %v, want %v", got, d)
	}
}

func response(t *testing.T, in Inbound) []byte {
	t.Helper()
	res := sipmsg.NewResponse(200, "OK")
	res.AppendHeader(in.Msg.Via())
	res.AppendHeader(in.Msg.From())
	res.AppendHeader(in.Msg.To())
	res.AppendHeader(in.Msg.CallID())
	res.AppendHeader(in.Msg.CSeq())
	raw, err := Append(nil, res)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestResponseTakesTheConnectionOfItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, s := serve(t, listenOn("tcp", ours), on(us))
		c := connect(t, peer)
		for _, n := range []int{1, 7, 64, 10000} { // RFC 4475 in small pieces
			for b := invite(); len(b) > 0; b = b[min(n, len(b)):] {
				say(t, c, b[:min(n, len(b))])
			}
			in := <-s.in
			if in.Flow.Conn == 0 || in.Flow.Remote != c.LocalAddr().(*net.TCPAddr).AddrPort() {
				t.Errorf("flow %+v", in.Flow)
			}
			raw := response(t, in)
			if err := tr.Send(time.Now(), Outbound{Flow: in.Reply, Raw: raw}); err != nil {
				t.Fatal(err)
			}
			if got := hear(t, c, time.Second); got != string(raw) {
				t.Errorf("peer heard %q", got)
			}
		}
	})
}

func TestMessagesWaitForTheConnectionAndShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, _ := serve(t, listenOn("tcp", ours), on(us))
		ln, err := peer.Listen(netip.MustParseAddrPort(theirs))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		to := Target{Kind: TCP, Addr: netip.MustParseAddrPort(theirs)}.Flow()
		for _, text := range []string{"one", "two", "three"} {
			if err := tr.Send(time.Now(), Outbound{Flow: to, Raw: []byte(text), CallID: text}); err != nil {
				t.Fatal(err)
			}
		}
		c, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := hear(t, c, time.Second); got != "onetwothree" {
			t.Errorf("heard %q", got)
		}
		if got := tr.Stats(); got.Connections != 1 || got.Counters["connections_opened"] != 1 {
			t.Errorf("%d connections", got.Connections)
		}
		if got := hear(t, c, 30*time.Second); got != "\r\n\r\n" { // RFC 5626 §4.4.1
			t.Errorf("heard %q, want a ping", got)
		}
	})
}

func TestEveryMessageIsReportedWhenTheConnectionCannotBeOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, _ := two()
		tr, s := serve(t, listenOn("tcp", ours), on(us))
		to := Target{Kind: TCP, Addr: netip.MustParseAddrPort(theirs)}.Flow() // nobody listens
		for _, id := range []string{"a", "b"} {
			if err := tr.Send(time.Now(), Outbound{Flow: to, Raw: []byte(id), CallID: id, Branch: "z"}); err != nil {
				t.Fatal(err)
			}
		}
		for _, id := range []string{"a", "b"} {
			if f := <-s.failed; f.CallID != id || f.Branch != "z" || f.Err == nil {
				t.Errorf("failure %+v, want %s", f, id)
			}
		}
		if n := tr.Stats().Connections; n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

func TestLateSendersCostOnlyThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, s := serve(t, listenOn("tcp", ours), on(us))
		begun := time.Now()
		silent, slow, good := connect(t, peer), connect(t, peer), connect(t, peer)
		go func() {
			for _, b := range invite() { // an octet a second
				if _, err := slow.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		say(t, good, invite())
		<-s.in
		wantClosed(t, silent, begun, 10*time.Second)
		wantClosed(t, slow, begun, 10*time.Second)
		say(t, good, invite())
		<-s.in
		if n := tr.Stats().Counters["connections_timed_out"]; n != 2 {
			t.Errorf("counted %d, want 2", n)
		}
		wantClosed(t, good, begun, 10*time.Minute+10*time.Second) // the idle limit
	})
}

// S5: what the gate drops costs no parsing, as datagrams and on a connection.
func TestFloodOfAStrangerIsDroppedUnparsed(t *testing.T) {
	for _, kind := range []string{"udp", "tcp"} {
		synctest.Test(t, func(t *testing.T) {
			us, peer := two()
			cfg := listenOn(kind, ours)
			cfg.Gate.Burst = 10 // a connection is one of them
			tr, _ := serve(t, cfg, on(us))
			if kind == "tcp" {
				c := connect(t, peer)
				for range 100 {
					say(t, c, invite())
				}
			} else {
				p, err := peer.ListenPacket(netip.MustParseAddrPort(theirs))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = p.Close() }()
				for range 100 {
					if _, err := p.WriteToUDPAddrPort(invite(), netip.MustParseAddrPort(ours)); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(10 * time.Millisecond)
			n := tr.Stats().Counters
			if in := n["messages_in"]; in == 0 || in > 10 || n["dropped_source_rate"] < 90 {
				t.Errorf("%s: %d parsed, %d dropped", kind, in, n["dropped_source_rate"])
			}
		})
	}
}

func TestTwoContentLengthsGetOne400AndTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		_, s := serve(t, listenOn("tcp", ours), on(us))
		c := connect(t, peer)
		say(t, c, append(invite("Max-Forwards: 70", "l: 500"), invite()...))
		if got := hear(t, c, time.Second); !strings.HasPrefix(got, "SIP/2.0 400 Two Content-Lengths\r\n") || strings.Count(got, "SIP/2.0 400") != 1 {
			t.Errorf("heard %q", got)
		}
		if len(s.in) != 0 {
			t.Error("what came behind was taken for a message")
		}
	})
}

func TestMalformedMessageInAWholeFrameKeepsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		_, s := serve(t, listenOn("tcp", ours), on(us))
		c := connect(t, peer)
		say(t, c, append(invite("1 INVITE", "1 BYE"), invite()...))
		<-s.in
		if got := hear(t, c, time.Second); !strings.HasPrefix(got, "SIP/2.0 400 ") {
			t.Errorf("heard %q", got)
		}
	})
}

func TestPingIsAnsweredOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		serve(t, listenOn("tcp", ours), on(us))
		c := connect(t, peer)
		for _, pings := range []int{1, 200} { // what comes at once has one answer
			say(t, c, []byte(strings.Repeat("\r\n\r\n", pings)))
			if got := hear(t, c, time.Second); got != "\r\n" {
				t.Errorf("%d pings: heard %q", pings, got)
			}
		}
	})
}

func TestWhatWaitsForAClientIsBounded(t *testing.T) {
	box := newOutbox(2)
	for i, want := range []error{nil, nil, ErrFull} {
		if err := box.put(Outbound{}); !errors.Is(err, want) {
			t.Errorf("message %d: %v, want %v", i, err, want)
		}
	}
}

func TestPeerThatDoesNotReadIsDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, s := serve(t, listenOn("tcp", ours), on(us))
		c := connect(t, peer)
		say(t, c, invite())
		in := <-s.in
		var err error
		for range 100000 {
			o := Outbound{Flow: in.Flow, Raw: make([]byte, 60000), CallID: "1"}
			if err = tr.Send(time.Now(), o); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrFull) {
			t.Fatalf("send: %v, want the queue to be full", err)
		}
		if err = tr.Send(time.Now(), Outbound{Flow: in.Flow, Raw: []byte("x")}); !errors.Is(err, ErrGone) {
			t.Errorf("send afterwards: %v", err)
		}
		time.Sleep(11 * time.Second) // the write stalls for WriteTimeout at most
		synctest.Wait()
		if st := tr.Stats(); st.Connections != 0 || st.Counters["connections_slow"] == 0 {
			t.Errorf("stats %+v", st)
		}
		if len(s.failed) == 0 {
			t.Error("nobody was told of the messages that were lost")
		}
	})
}

func TestConnectionsOfOneSourceAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		cfg := listenOn("tcp", ours)
		cfg.Streams.MaxPerSource = 2
		tr, _ := serve(t, cfg, on(us))
		first := connect(t, peer)
		connect(t, peer)
		begun := time.Now()
		wantClosed(t, connect(t, peer), begun, 0)
		_ = first.Close()
		synctest.Wait()
		time.Sleep(time.Second)
		say(t, connect(t, peer), invite()) // there is room again
		synctest.Wait()
		if got := tr.Stats().Counters["connections_refused"]; got != 1 {
			t.Errorf("%d refused, want 1", got)
		}
	})
}

func TestResponseOpensAConnectionWhenItsOwnIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, s := serve(t, listenOn("tcp", ours), on(us))
		ln, err := peer.Listen(netip.MustParseAddrPort(theirs)) // the sent-by of the request
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		c := connect(t, peer)
		say(t, c, invite())
		in := <-s.in
		_ = c.Close()
		time.Sleep(time.Second)
		raw := response(t, in)
		if err := tr.Send(time.Now(), Outbound{Flow: in.Reply, Raw: raw}); err != nil {
			t.Fatal(err)
		}
		nc, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if got := hear(t, nc, time.Second); got != string(raw) {
			t.Errorf("heard %q (RFC 3261 §18.2.2)", got)
		}
		if err := tr.Send(time.Now(), Outbound{Flow: in.Flow, Raw: raw}); !errors.Is(err, ErrGone) {
			t.Errorf("a flow without a way back: %v", err)
		}
	})
}

func TestWhatIsQueuedGoesOutBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		us, peer := two()
		tr, err := New(listenOn("tcp", ours), on(us))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s, done := newSink(), make(chan error)
		go func() { done <- tr.Run(ctx, s) }()
		synctest.Wait()
		c := connect(t, peer)
		say(t, c, invite())
		in := <-s.in
		if err := tr.Send(time.Now(), Outbound{Flow: in.Flow, Raw: []byte("BYE")}); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
		if got := hear(t, c, time.Second); got != "BYE" {
			t.Errorf("heard %q", got)
		}
		if err := tr.Send(time.Now(), Outbound{Flow: Flow{Kind: TCP, Remote: netip.MustParseAddrPort(theirs)}}); !errors.Is(err, ErrClosed) {
			t.Errorf("send after the end: %v", err)
		}
	})
}
