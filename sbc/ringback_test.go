package sbc

import "testing"

// What the caller is sent of a 180, a 183 with SDP and, later, packets, by the
// policy of the trunk that rings (RFC 3960 §3).
func TestRingbackPolicies(t *testing.T) {
	for _, c := range []struct {
		policy                 Ringback
		ring, session, packets progress
	}{
		{RingbackPass, progress{180, false}, progress{183, true}, progress{}},
		{RingbackFirst, progress{180, false}, progress{}, progress{}},
		{Ringback180, progress{180, false}, progress{}, progress{}},
		{RingbackUntilMedia, progress{180, false}, progress{}, progress{183, true}},
	} {
		var r ringing
		if got := r.progressed(c.policy, 180, false); got != c.ring {
			t.Errorf("%s: 180 became %+v, want %+v", c.policy, got, c.ring)
		}
		if got := r.progressed(c.policy, 183, true); got != c.session {
			t.Errorf("%s: 183 with SDP became %+v, want %+v", c.policy, got, c.session)
		}
		if got := r.heard(); got != c.packets {
			t.Errorf("%s: packets led to %+v, want %+v", c.policy, got, c.packets)
		}
	}
}

// Once there is something to hear, a session description is not kept back.
func TestRingbackPassesSessionAfterMedia(t *testing.T) {
	var r ringing
	r.heard()
	if got, want := r.progressed(RingbackUntilMedia, 183, true), (progress{183, true}); got != want {
		t.Errorf("183 after media became %+v, want %+v", got, want)
	}
}

// A 183 alone makes the caller's phone ring, where it does not pass.
func TestRingbackOfSessionProgressAlone(t *testing.T) {
	for _, policy := range []Ringback{Ringback180, RingbackUntilMedia} {
		var r ringing
		if got, want := r.progressed(policy, 183, true), (progress{180, false}); got != want {
			t.Errorf("%s: 183 became %+v, want %+v", policy, got, want)
		}
	}
}
