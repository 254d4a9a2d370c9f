package sdp

import "slices"

// TypeFragment is the media type of what [RemoteICE.Trickle] reads.
const TypeFragment = "application/trickle-ice-sdpfrag"

// Trickle takes the candidates that a far end sends after its description (RFC
// 8840 §9), and reports whether any is new. A lite agent checks none of them, but
// ranks by them the addresses from which it is checked; that they are all waits
// for nothing. What is of another ufrag, before or after a restart, does not
// count. Errors are those of [Parse].
func (r *RemoteICE) Trickle(body []byte, l Local) (changed bool, err error) {
	d, err := Parse(slices.Concat([]byte("v=0\no=- 0 0 IN IP4 0.0.0.0\n"), body))
	if err != nil {
		return false, err
	}
	m := d.Audio()
	if m == nil || r.Ufrag == "" || m.Ufrag != "" && m.Ufrag != r.Ufrag {
		return false, nil
	}
	return r.add(m.Candidates, l.Addr.Unmap()), nil
}
