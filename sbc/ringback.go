package sbc

// A ringing decides what the caller is sent of the called sides' provisional
// responses. There is one for each call, since the caller sees one. Core.
//
// RFC 3960 §3.
type ringing struct {
	sent    bool // the caller was sent a provisional response
	rung    bool // one of them was a 180 of our making
	held    bool // a session description is kept back until media comes
	arrived bool // media came
}

// A progress is a provisional response to be sent to the caller.
type progress struct {
	status int  // 0: none
	sdp    bool // with our answer
}

// progressed applies policy to a provisional response of a called side.
func (r *ringing) progressed(policy Ringback, status int, sdp bool) progress {
	out := progress{status: status, sdp: sdp}
	if status == 181 || status == 182 {
		return out // forwarded, queued: news for the caller, whatever rings
	}
	switch policy {
	case RingbackFirst:
		if r.sent {
			return progress{}
		}
	case Ringback180:
		out.sdp = false
		if status == 183 {
			return r.ring()
		}
	case RingbackUntilMedia:
		if !sdp || r.arrived {
			break
		}
		// The caller's phone rings by itself until there is something to hear;
		// one that stops at a 183 would be left in silence (RFC 3960 §3.2).
		r.held = true
		return r.ring()
	case RingbackPass:
	}
	r.sent = true
	r.rung = r.rung || out == progress{status: 180}
	return out
}

// ring is a 180 in place of another response, unless the phone rings already.
func (r *ringing) ring() progress {
	if r.rung {
		return progress{}
	}
	r.sent, r.rung = true, true
	return progress{status: 180}
}

// heard notes that packets of a called side came, and returns what was kept
// back until then.
func (r *ringing) heard() progress {
	r.arrived = true
	if !r.held {
		return progress{}
	}
	r.held = false
	return progress{status: 183, sdp: true}
}
