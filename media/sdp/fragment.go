package sdp

import (
	"slices"
	"strings"
)

// PackageTrickle is the INFO package in which fragments come (RFC 8840 §10).
const PackageTrickle = "trickle-ice"

// trickles reports whether candidates may follow the description.
func (d *Description) trickles() bool {
	return slices.Contains(strings.Fields(d.Options), "trickle")
}

// TypeFragment is the media type of what [RemoteICE.Trickle] reads.
const TypeFragment = "application/trickle-ice-sdpfrag"

// Trickle takes the candidates that a far end sends after its description (RFC
// 8840 §9), and reports whether any is new. A lite agent checks none of them, but
// ranks by them the addresses from which it is checked; that they are all waits
// for nothing. Of one whose description does not say that they come, none count. What is of another ufrag, before or after a restart, does not
// count. Errors are those of [Parse].
func (r *RemoteICE) Trickle(body []byte, l Local) (changed bool, err error) {
	d, err := Parse(slices.Concat([]byte("v=0\no=- 0 0 IN IP4 0.0.0.0\n"), body))
	if err != nil {
		return false, err
	}
	m := d.Audio()
	if m == nil || r.Ufrag == "" || !r.Trickles || m.Ufrag != "" && m.Ufrag != r.Ufrag {
		return false, nil
	}
	return r.add(m.Candidates, l.Addr.Unmap()), nil
}
