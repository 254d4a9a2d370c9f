package ice

import (
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	pion "github.com/pion/ice/v4"
)

// patience is how long a test with real sockets waits for what takes a moment.
const patience = 20 * time.Second

// A leg is an agent behind a real socket, as media has it.
type leg struct {
	t    *testing.T
	conn *net.UDPConn

	mu      sync.Mutex
	changed *sync.Cond
	agent   *Agent
	events  []Event
	media   map[string]int // packets of media by dialog, "?" when it is not known
}

func newLeg(t *testing.T) *leg {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	l := &leg{t: t, conn: conn, agent: newAgent(), media: map[string]int{}}
	l.changed = sync.NewCond(&l.mu)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.read()
	}()
	t.Cleanup(func() { _ = conn.Close(); <-done })
	return l
}

// read is the reader of the socket: STUN by its first byte (RFC 7983), the rest
// is media of the path it came on.
func (l *leg) read() {
	buf, reply := make([]byte, MaxPacket), make([]byte, 0, MaxPacket)
	for {
		n, src, err := l.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		l.mu.Lock()
		if n > 0 && buf[0] < 4 {
			var e Event
			reply, e = l.agent.Receive(time.Now(), 1, src, buf[:n], reply)
			l.events = append(l.events, e)
			_, _ = l.conn.WriteToUDPAddrPort(reply, src)
		} else {
			dialog, _ := l.agent.Dialog(1, src)
			if dialog == "" {
				dialog = "?"
			}
			l.media[dialog]++
			l.agent.Heard(time.Now(), 1, src)
		}
		l.changed.Broadcast()
		l.mu.Unlock()
	}
}

// await waits until ok holds; it is looked at after each packet.
func (l *leg) await(what string, ok func() bool) {
	l.t.Helper()
	late := false
	timer := time.AfterFunc(patience, func() {
		l.mu.Lock()
		late = true
		l.changed.Broadcast()
		l.mu.Unlock()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for !ok() {
		if late {
			l.t.Fatalf("waited in vain for %s; stats %+v", what, l.agent.Stats())
		}
		l.changed.Wait()
	}
}

// saw reports whether there was such an event of a far end.
func (l *leg) saw(k Kind, ufrag string) bool {
	for _, e := range l.events {
		if e.Kind == k && e.Ufrag == ufrag {
			return true
		}
	}
	return false
}

// apply gives the agent the answer of a dialog.
func (l *leg) apply(dialog string, r Remote) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.agent.Apply(time.Now(), dialog, r)
}

// send sends media to a dialog.
func (l *leg) send(dialog string, payload string) {
	l.t.Helper()
	l.mu.Lock()
	to, ok := l.agent.Target(time.Now(), dialog, 1)
	l.mu.Unlock()
	if !ok {
		l.t.Fatalf("no target for %s", dialog)
	}
	if _, err := l.conn.WriteToUDPAddrPort([]byte(payload), to); err != nil {
		l.t.Fatal(err)
	}
}

// dial starts a full agent of pion's that controls and nominates no sooner than
// wait, against the leg's offer. It returns its answer and its connection.
func (l *leg) dial(ufrag string, wait time.Duration) (Remote, *pion.Conn) {
	l.t.Helper()
	a, err := pion.NewAgentWithOptions(
		pion.WithNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4}),
		pion.WithCandidateTypes([]pion.CandidateType{pion.CandidateTypeHost}),
		pion.WithIncludeLoopback(),
		pion.WithIPFilter(func(ip net.IP) bool { return ip.IsLoopback() }),
		pion.WithMulticastDNSMode(pion.MulticastDNSModeDisabled),
		pion.WithLocalCredentials(ufrag, "theirtheirtheirtheirtheir"),
		pion.WithCheckInterval(20*time.Millisecond),
		pion.WithHostAcceptanceMinWait(wait),
	)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = a.Close() })
	found := make(chan Candidate, 8)
	if err := a.OnCandidate(func(c pion.Candidate) {
		if c == nil {
			close(found)
			return
		}
		at := netip.AddrPortFrom(netip.MustParseAddr(c.Address()), uint16(c.Port()))
		found <- Candidate{Addr: at, Priority: c.Priority(), Component: 1}
	}); err != nil {
		l.t.Fatal(err)
	}
	if err := a.GatherCandidates(); err != nil {
		l.t.Fatal(err)
	}
	answer := Remote{Ufrag: ufrag, Pwd: "theirtheirtheirtheirtheir"}
	for c := range found {
		answer.Candidates = append(answer.Candidates, c)
	}
	us := l.conn.LocalAddr().(*net.UDPAddr)
	c, err := pion.NewCandidateHost(&pion.CandidateHostConfig{
		Network: "udp4", Address: us.IP.String(), Port: us.Port, Component: 1,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	if err := a.AddRemoteCandidate(c); err != nil {
		l.t.Fatal(err)
	}
	conn, err := a.StartDial(ourUfrag, ourPwd)
	if err != nil {
		l.t.Fatal(err)
	}
	return answer, conn
}

// hear fails unless the connection receives this.
func hear(t *testing.T, c *pion.Conn, want string) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	buf := make([]byte, 100)
	n, err := c.Read(buf)
	if err != nil || string(buf[:n]) != want {
		t.Errorf("heard %q, %v, want %q", buf[:n], err, want)
	}
}

// Three full agents answer one offer: one nominates at once, one later, one
// never. Media flows both ways with each as soon as it has checked a path,
// whether its answer came before or after.
func TestFullAgentsBehindOneOffer(t *testing.T) {
	l := newLeg(t)
	early, connA := l.dial("forkA", 0)
	late, connB := l.dial("forkB", 300*time.Millisecond)
	never, connC := l.dial("forkC", time.Hour)

	l.await("checks of all three before any answer", func() bool {
		return l.saw(Checked, "forkA") && l.saw(Checked, "forkB") && l.saw(Checked, "forkC")
	})
	l.apply("A", early)
	l.apply("B", late)
	l.apply("C", never)

	l.await("the early nomination", func() bool { return l.saw(Nominated, "forkA") })
	for dialog, conn := range map[string]*pion.Conn{"A": connA, "B": connB, "C": connC} {
		l.send(dialog, "\x80to "+dialog)
		hear(t, conn, "\x80to "+dialog)
		// Our answer to the check that made the path has arrived: we sent it first.
		if _, err := conn.Write([]byte("\x80from " + dialog)); err != nil {
			t.Fatalf("%s: %v", dialog, err)
		}
	}
	l.await("media of each", func() bool {
		return l.media["A"] > 0 && l.media["B"] > 0 && l.media["C"] > 0
	})
	l.await("the late nomination", func() bool { return l.saw(Nominated, "forkB") })
	l.send("B", "\x80nominated")
	hear(t, connB, "\x80nominated")

	l.mu.Lock()
	defer l.mu.Unlock()
	if l.saw(Nominated, "forkC") || l.media["?"] != 0 {
		t.Errorf("events %+v, media %v", l.events, l.media)
	}
	if s := l.agent.Stats(); s.Malformed+s.Integrity+s.Unknown+s.Overflow != 0 {
		t.Errorf("stats = %+v", s)
	}
}
