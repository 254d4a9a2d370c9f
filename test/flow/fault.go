package flow

import (
	"errors"
	"fmt"
	"time"

	"github.com/tandem-voip/tandem/test/simnet"
)

// A fault is something that will happen to a message over UDP.
type fault struct {
	what   string // lose, double, hold
	times  int
	peer   *peer
	out    bool // from the peer to the gateway
	kind   string
	method string // of a response; "": any
	hold   time.Duration
}

// fault declares what happens to the next messages of a kind:
// lose|double|hold [N] PEER ->|<- KIND [to METHOD] [for D].
func (f *flow) fault(what string, a *args) error {
	x := &fault{what: what, times: 1, hold: 50 * time.Millisecond}
	if w := a.peek(); w != "" && w[0] >= '0' && w[0] <= '9' {
		var err error
		if x.times, err = a.number(); err != nil {
			return err
		}
	}
	if x.peer = f.peers[a.next()]; x.peer == nil {
		return errors.New("no such peer")
	}
	switch arrow := a.next(); arrow {
	case "->":
		x.out = true
	case "<-":
	default:
		return fmt.Errorf("%q is no arrow", arrow)
	}
	x.kind = a.next()
	if a.accept("to") {
		x.method = a.next()
	}
	if a.accept("for") {
		var err error
		if x.hold, err = a.duration(); err != nil {
			return err
		}
	}
	f.mu.Lock()
	f.faults = append(f.faults, x)
	f.mu.Unlock()
	return a.end()
}

// tap finds the fault for a packet, if there is one.
func (f *flow) tap(p simnet.Packet) simnet.Fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.faults) == 0 {
		return simnet.Fate{}
	}
	m, err := parse(p.Data)
	if err != nil {
		return simnet.Fate{}
	}
	for _, x := range f.faults {
		if x.times == 0 || x.kind != m.kind() || (x.method != "" && x.method != m.method()) {
			continue
		}
		if x.out && p.From != x.peer.at || !x.out && p.To != x.peer.at {
			continue
		}
		x.times--
		f.ladder.note("the network: %s %s", x.what, m.kind())
		switch x.what {
		case "lose":
			return simnet.Fate{Drop: true}
		case "double":
			return simnet.Fate{Copies: 1}
		}
		return simnet.Fate{Delay: x.hold}
	}
	return simnet.Fate{}
}
