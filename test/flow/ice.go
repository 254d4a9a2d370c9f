package flow

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pion/stun/v4"
)

// A candidate is an address of a peer that is a full ICE agent.
type candidate struct {
	at       netip.AddrPort
	priority uint32
}

// hostPriority is that of a host candidate (RFC 8445 §5.1.2.1).
const hostPriority = 126<<24 | 65535<<8 | 255

// An agent is the ICE side of one RTP session.
type agent struct {
	ufrag, pwd string
	candidates []candidate
	checked    int            // checks that came; a lite agent sends none
	answers    map[string]int // codes of checks that were answered, by transaction; 200 is success
}

// parseCandidates reads ADDR:PORT[/PRIORITY],...
func parseCandidates(s string) ([]candidate, error) {
	var out []candidate
	for c := range strings.SplitSeq(s, ",") {
		where, prio, given := strings.Cut(c, "/")
		at, err := netip.ParseAddrPort(where)
		if err != nil {
			return nil, err
		}
		p := uint64(hostPriority)
		if given {
			if p, err = strconv.ParseUint(prio, 10, 32); err != nil {
				return nil, err
			}
		}
		out = append(out, candidate{at, uint32(p)})
	}
	return out, nil
}

// gather opens the sockets of the candidates; without any, the address of our
// media is the only one. The caller holds mu.
func (m *media) gather(w *sdpWords) error {
	m.credentials(w.restart)
	if len(w.addresses) == 0 && len(m.ice.candidates) == 0 {
		m.ice.candidates = []candidate{{m.rtp.AddrPort(), hostPriority}}
	}
	if len(w.addresses) > 0 {
		m.ice.candidates = w.addresses
	}
	for _, c := range m.ice.candidates {
		if _, err := m.socketLocked(c.at); err != nil {
			return err
		}
	}
	return nil
}

// credentials chooses ufrag and password, once and for each restart. The caller
// holds mu.
func (m *media) credentials(anew bool) {
	if m.ice.ufrag == "" || anew {
		m.ice.ufrag, m.ice.pwd = m.f.token("ufrag"), m.f.token("password-of-a-peer-")
	}
}

// writeICE writes credentials and candidates (RFC 8839 §5). The caller holds
// mu.
func (m *media) writeICE(line func(string, ...any)) {
	line("a=ice-ufrag:%s", m.ice.ufrag)
	line("a=ice-pwd:%s", m.ice.pwd)
	for i, c := range m.ice.candidates {
		line("a=candidate:%d 1 UDP %d %s %d typ host", i+1, c.priority, c.at.Addr(), c.at.Port())
	}
}

// checks: checks [from ADDR:PORT] [nominating] [with wrong WHAT] [unanswered |
// refused CODE] sends one connectivity check and expects its answer, or none.
func (f *flow) checks(m *media, a *args) error {
	k := check{m: m, code: 200}
	for len(a.ws) > 0 {
		var err error
		switch w := a.next(); w {
		case "from":
			k.from, err = netip.ParseAddrPort(a.next())
		case "nominating":
			k.nominate = true
		case "unanswered":
			k.code = 0
		case "refused":
			k.code, err = strconv.Atoi(a.next())
		case "with":
			if !a.accept("wrong") {
				err = errors.New(`"with" wants "wrong"`)
			}
			k.wrong = a.next()
		default:
			err = fmt.Errorf("%q is nothing a check has", w)
		}
		if err != nil {
			return err
		}
	}
	return k.run(f)
}

// A check is one connectivity check of a controlling agent.
type check struct {
	m        *media
	from     netip.AddrPort
	nominate bool
	code     int    // of the answer expected; 0: none
	wrong    string // what of it is wrong: password, ufrag, fingerprint, attribute
}

func (k *check) run(f *flow) error {
	m := k.m
	m.mu.Lock()
	m.credentials(false)
	remote, out := m.remote, m.rtp
	if k.from.IsValid() {
		var err error
		if out, err = m.socketLocked(k.from); err != nil {
			m.mu.Unlock()
			return err
		}
	}
	priority := uint32(hostPriority)
	if i := slices.IndexFunc(m.ice.candidates, func(c candidate) bool { return c.at == out.AddrPort() }); i >= 0 {
		priority = m.ice.candidates[i].priority
	}
	m.mu.Unlock()
	if remote == nil || !remote.has("ice") {
		return errors.New("the far end does not speak ICE")
	}
	msg, err := k.message(remote, priority)
	if err != nil {
		return err
	}
	f.ladder.note("%s checks from %v%s", m.who, out.AddrPort(), map[bool]string{true: ", nominating"}[k.nominate])
	to := netip.AddrPortFrom(remote.addr, remote.port)
	if _, err := out.WriteToUDPAddrPort(msg.Raw, to); err != nil {
		return err
	}
	id := string(msg.TransactionID[:])
	answer := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.ice.answers[id]
	}
	f.wait(500*time.Millisecond, func() bool { return answer() != 0 })
	if got := answer(); got != k.code {
		return fmt.Errorf("the check was answered with %d, expected %d (0: not at all)", got, k.code)
	}
	return nil
}

// message writes the Binding request (RFC 8445 §7.1).
func (k *check) message(remote *session, priority uint32) (*stun.Message, error) {
	ufrag, _ := remote.attr("ice-ufrag")
	pwd, _ := remote.attr("ice-pwd")
	ours := k.m.ice.ufrag
	switch k.wrong {
	case "password":
		pwd += "x"
	case "ufrag":
		ufrag += "x"
	}
	prio := []byte{byte(priority >> 24), byte(priority >> 16), byte(priority >> 8), byte(priority)}
	set := []stun.Setter{
		stun.TransactionID, stun.BindingRequest, stun.NewUsername(ufrag + ":" + ours),
		stun.RawAttribute{Type: stun.AttrPriority, Value: prio},
		stun.RawAttribute{Type: stun.AttrICEControlling, Value: []byte("tiebreak")},
	}
	if k.nominate {
		set = append(set, stun.RawAttribute{Type: stun.AttrUseCandidate})
	}
	if k.wrong == "attribute" { // one that must be understood, and is not (RFC 8489 §14)
		set = append(set, stun.RawAttribute{Type: 0x7f01, Value: []byte("what")})
	}
	msg, err := stun.Build(append(set, stun.NewShortTermIntegrity(pwd), stun.Fingerprint)...)
	if err == nil && k.wrong == "fingerprint" {
		msg.Raw[len(msg.Raw)-1] ^= 1
	}
	return msg, err
}

// binding takes a STUN message of the RTP socket: it counts as the answer to one
// of our checks when it bears the far end's password. The caller holds mu.
func (m *media) binding(b []byte) {
	msg := &stun.Message{Raw: append([]byte(nil), b...)}
	decoded := msg.Decode() == nil
	if decoded && msg.Type == stun.BindingRequest {
		m.ice.checked++
		return
	}
	if m.remote == nil || !decoded || msg.Type != stun.BindingSuccess && msg.Type != stun.BindingError {
		m.strange++
		return
	}
	pwd, _ := m.remote.attr("ice-pwd")
	if stun.NewShortTermIntegrity(pwd).Check(msg) != nil {
		m.strange++
		return
	}
	if m.ice.answers == nil {
		m.ice.answers = map[string]int{}
	}
	code := stun.ErrorCodeAttribute{Code: 200}
	_ = code.GetFrom(msg) // a success has none
	m.ice.answers[string(msg.TransactionID[:])] = int(code.Code)
}

// checksGot is how many checks came.
func (m *media) checksGot() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ice.checked
}
