//go:build interop

package interop

import (
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/srtp/v3"
	"github.com/pion/stun/v4"
	"github.com/pion/transport/v4"
	"github.com/pion/transport/v4/stdnet"
)

// sdesSuite is the suite of all forks here, and sdesKey the bytes of its key.
const (
	sdesSuite = "AES_CM_128_HMAC_SHA1_80"
	sdesKey   = 16
)

// An edge is a cloud edge that forks: one INVITE of the gateway, and any number
// of far ends behind it, each a full ICE agent that controls, with keys of its
// own. A plain phone called it.
type edge struct {
	g      *gateway
	caller *talk
	a      *stream // the caller's
	phone  *phone  // of the edge
	call   *talk   // before it forks

	// of the gateway's offer
	at         netip.AddrPort
	ufrag, pwd string
	tag        string // of its crypto line
	key        string // base64
	candidate  string
}

// ring starts a gateway and a call through it that waits at the edge.
func ring(t *testing.T) *edge {
	t.Helper()
	g := start(t, toEast, "", west("media: {codecs: [PCMU]}"), east("media: {codecs: [PCMU], ice: lite, mux: offered}\n"+
		"security: {srtp: required, keys: sdes, clear_keys: true, suites: ["+sdesSuite+"]}"))
	e := &edge{g: g, a: g.stream(11, pcmu()), phone: g.phone(12)}
	e.caller = g.phone(11).call("+15550100", e.a.sdp())
	e.call = e.phone.incoming()
	e.read(e.call.invite.body)
	return e
}

// read takes what forks need from the gateway's offer or answer.
func (e *edge) read(sdp string) {
	e.g.t.Helper()
	var host string
	var port uint64
	for line := range strings.Lines(sdp) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		name, rest, _ := strings.Cut(value, ":")
		f := strings.Fields(value)
		switch {
		case key == "c":
			host = f[2]
		case key == "m":
			port, _ = strconv.ParseUint(f[1], 10, 16)
		case name == "ice-ufrag":
			e.ufrag = rest
		case name == "ice-pwd":
			e.pwd = rest
		case name == "candidate" && strings.Fields(rest)[1] == "1":
			e.candidate = rest
		case name == "crypto":
			f = strings.Fields(rest)
			e.tag = f[0]
			e.key, _, _ = strings.Cut(strings.TrimPrefix(f[2], "inline:"), "|")
		}
	}
	e.at = netip.AddrPortFrom(netip.MustParseAddr(host), uint16(port))
	if e.ufrag == "" || e.pwd == "" || e.key == "" || e.candidate == "" {
		e.g.t.Fatalf("no ICE or no key in SDP:\n%s", sdp)
	}
}

// early waits for what the caller is told before the answer.
func (e *edge) early() {
	e.g.t.Helper()
	m := e.caller.wait("183 INVITE")
	e.caller.to = m.get("to")
	e.a.meet(m.body)
}

// answered waits for what the caller is told of the answer.
func (e *edge) answered() {
	e.g.t.Helper()
	e.a.meet(e.caller.answered())
}

// end hangs up, on an answered call, and wants nothing left.
func (e *edge) end(f *fork) {
	e.g.t.Helper()
	e.caller.request("BYE", "")
	f.d.hungUp()
	e.caller.wait("200 BYE")
	e.g.idle()
}

// id is what the gateway calls the call.
func (e *edge) id() string {
	e.g.t.Helper()
	var calls []struct {
		ID string `json:"id"`
	}
	e.g.json(&calls, "calls")
	if len(calls) != 1 {
		e.g.t.Fatalf("%d calls, want one", len(calls))
	}
	return calls[0].ID
}

// ladder is the call as its operator sees it.
func (e *edge) ladder() string {
	e.g.t.Helper()
	out, err := e.g.cli("call", e.id())
	if err != nil {
		e.g.t.Fatal(err)
	}
	return out
}

// rejected counts the packets to the edge's side of the call that were of a
// strange source or not authentic.
func (e *edge) rejected() int {
	e.g.t.Helper()
	var call struct {
		B struct {
			Rejected int `json:"rejected"`
		} `json:"b"`
	}
	e.g.json(&call, "call", e.id())
	return call.B.Rejected
}

// An iceAgent is a full agent of pion's, its candidates on loopback addresses of
// the test's network, the first preferred.
type iceAgent struct {
	t     *testing.T
	agent *ice.Agent
	conn  *ice.Conn
	paths []*path
	ufrag string
	pwd   string
}

// A path is the socket of one candidate. It holds checks back until it is opened.
type path struct {
	*net.UDPConn
	priority uint32
	open     atomic.Bool
	answers  atomic.Int32 // checks that were answered with success
	take     func(*path, []byte)
}

// host is the last number of the path's address.
func (p *path) host() int { return int(p.addr().Addr().As4()[3]) }

func (p *path) addr() netip.AddrPort { return p.LocalAddr().(*net.UDPAddr).AddrPort() }

// WriteTo sends what the agent says.
func (p *path) WriteTo(b []byte, to net.Addr) (int, error) {
	if stun.IsMessage(b) && !p.open.Load() {
		return len(b), nil
	}
	return p.UDPConn.WriteTo(b, to)
}

// ReadFrom shows RTP to the test before the agent, which does not say where it
// came in.
func (p *path) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := p.UDPConn.ReadFrom(b)
	switch {
	case err != nil:
	case n > 12 && b[0]>>6 == 2:
		p.take(p, b[:n])
	case n >= 20 && b[0] == 1 && b[1] == 1: // RFC 8489 §5: Binding success
		p.answers.Add(1)
	}
	return n, from, err
}

// hosts is the network of an agent: its addresses and no others.
type hosts struct {
	*stdnet.Net
	a     *iceAgent
	addrs []string
	take  func(*path, []byte)
}

// Interfaces shows the addresses.
func (h *hosts) Interfaces() ([]*transport.Interface, error) {
	lo := transport.NewInterface(net.Interface{Index: 1, MTU: 1500, Name: "lo", Flags: net.FlagUp | net.FlagLoopback})
	for _, a := range h.addrs {
		lo.AddAddress(&net.IPNet{IP: net.ParseIP(a), Mask: net.CIDRMask(8, 32)})
	}
	return []*transport.Interface{lo}, nil
}

// ListenUDP opens the socket of a candidate.
func (h *hosts) ListenUDP(network string, at *net.UDPAddr) (transport.UDPConn, error) {
	c, err := net.ListenUDP(network, at)
	if err != nil {
		return nil, err
	}
	// RFC 8445 §5.1.2.1: candidates of one type differ in local preference.
	p := &path{UDPConn: c, priority: 126<<24 | uint32(65535-len(h.a.paths))<<8 | 255, take: h.take}
	h.a.paths = append(h.a.paths, p)
	return p, nil
}

// newAgent gathers the candidates of an agent that nominates when it is told to,
// and whose checks leave by the paths that are open.
func (g *gateway) newAgent(take func(*path, []byte), at ...int) *iceAgent {
	g.t.Helper()
	std, err := stdnet.NewNet()
	if err != nil {
		g.t.Fatal(err)
	}
	a := &iceAgent{t: g.t}
	h := &hosts{Net: std, a: a, take: take}
	for _, n := range at {
		h.addrs = append(h.addrs, g.addr(n))
	}
	a.agent, err = ice.NewAgentWithOptions(
		ice.WithNet(h), ice.WithIncludeLoopback(), ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}), ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithCheckInterval(step), ice.WithMaxBindingRequests(10000), ice.WithDisconnectedTimeout(0), ice.WithFailedTimeout(0),
		ice.WithHostAcceptanceMinWait(time.Hour),         // never by itself
		ice.WithRenomination(func() uint32 { return 0 }), // no value: the plain USE-CANDIDATE of RFC 8445
	)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = a.agent.Close() })
	gathered := make(chan struct{})
	err = a.agent.OnCandidate(func(c ice.Candidate) {
		if c == nil {
			close(gathered)
		}
	})
	if err == nil {
		err = a.agent.GatherCandidates()
	}
	if err != nil {
		g.t.Fatal(err)
	}
	<-gathered
	if a.ufrag, a.pwd, err = a.agent.GetLocalUserCredentials(); err != nil || len(a.paths) != len(at) {
		g.t.Fatalf("%d candidates, want %d; %v", len(a.paths), len(at), err)
	}
	return a
}

// dial lets the agent check the gateway, as far as its paths are open.
func (a *iceAgent) dial(e *edge) {
	a.t.Helper()
	c, err := ice.UnmarshalCandidate(e.candidate)
	if err == nil {
		err = a.agent.AddRemoteCandidate(c)
	}
	if err == nil {
		a.conn, err = a.agent.StartDial(e.ufrag, e.pwd)
	}
	if err != nil {
		a.t.Fatal(err)
	}
	go func() { // the agent's own buffer is not to fill
		for b := make([]byte, 2048); ; {
			if _, err := a.conn.Read(b); err != nil {
				return
			}
		}
	}()
}

// check opens paths and waits until a check of each was answered. It returns how
// long that took.
func (a *iceAgent) check(paths ...int) time.Duration {
	a.t.Helper()
	began := time.Now()
	for _, i := range paths {
		a.paths[i].open.Store(true)
	}
	for _, i := range paths {
		for a.paths[i].answers.Load() == 0 {
			if time.Since(began) > 5*time.Second {
				a.t.Fatalf("no check of path %d was answered", i)
			}
			time.Sleep(time.Millisecond)
		}
	}
	return time.Since(began)
}

// nominate sends USE-CANDIDATE on a path.
func (a *iceAgent) nominate(i int) {
	a.t.Helper()
	locals, err := a.agent.GetLocalCandidates()
	if err != nil {
		a.t.Fatal(err)
	}
	remotes, err := a.agent.GetRemoteCandidates()
	if err != nil {
		a.t.Fatal(err)
	}
	a.paths[i].open.Store(true)
	for _, l := range locals {
		if l.Port() == int(a.paths[i].addr().Port()) {
			if err := a.agent.RenominateCandidate(l, remotes[0]); err != nil {
				a.t.Fatalf("nominate path %d: %v", i, err)
			}
			return
		}
	}
	a.t.Fatalf("path %d is not of the agent", i)
}

// sdp is the agent's part of a description (RFC 8839 §5).
func (a *iceAgent) sdp() []string {
	lines := []string{"a=ice-ufrag:" + a.ufrag, "a=ice-pwd:" + a.pwd}
	for i, p := range a.paths {
		lines = append(lines, fmt.Sprintf("a=candidate:%d 1 UDP %d %s %d typ host", i+1, p.priority, p.addr().Addr(), p.addr().Port()))
	}
	return lines
}

// keyed makes an SRTP context of base64 key material.
func keyedBy(t *testing.T, material string, o ...srtp.ContextOption) *srtp.Context {
	t.Helper()
	b, err := base64.StdEncoding.DecodeString(material)
	if err != nil || len(b) != sdesKey+14 {
		t.Fatalf("key material of %d bytes: %v", len(b), err)
	}
	c, err := srtp.CreateContext(b[:sdesKey], b[sdesKey:], srtp.ProtectionProfileAes128CmHmacSha1_80, o...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// material makes key material.
func material() string {
	b := make([]byte, sdesKey+14)
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return base64.StdEncoding.EncodeToString(b)
}
