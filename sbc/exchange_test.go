package sbc

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/sdp"
)

func pcmu() codec.Params { return codec.Params{Name: "PCMU", ClockRate: 8000, Channels: 1} }
func pcma() codec.Params { return codec.Params{Name: "PCMA", ClockRate: 8000, Channels: 1} }

// newExchange is one with PCMU before PCMA.
func newExchange(host string) *exchange {
	return &exchange{local: sdp.Local{
		Addr: netip.MustParseAddr(host), Port: 40000, RTCPPort: 40001,
		Formats: []sdp.Format{{Codec: pcmu()}, {Codec: pcma()}}, Events: true,
		Session: sdp.Session{ID: 7, Version: 1},
	}}
}

// respondTo answers a peer's offer and lets the peer take the answer.
func (x *exchange) respondTo(t *testing.T, peer *exchange, d, wish sdp.Direction) {
	t.Helper()
	body, _, err := x.respond("p", peer.propose(d), wish)
	if err != nil {
		t.Fatalf("respond: %v", err)
	}
	if _, err := peer.accept("x", body); err != nil {
		t.Fatalf("accept: %v", err)
	}
}

func (x *exchange) wantWill(t *testing.T, reason, dialog string, want sdp.Direction) {
	t.Helper()
	if got := x.will(dialog); got != want {
		t.Errorf("%s: the far end lets %v, want %v", reason, got, want)
	}
}

// The codecs the other side has come first, in the order of the trunk.
func TestOfferPrefersTheOthersCodecs(t *testing.T) {
	x := newExchange("192.0.2.1")
	d, err := sdp.Parse(x.propose(sdp.SendRecv, codec.Params{Name: "pcma", ClockRate: 8000}))
	if err != nil {
		t.Fatal(err)
	}
	if got := offered(d)[0]; !got.Same(pcma()) {
		t.Errorf("first codec is %s, want PCMA", got.Name)
	}
}

// A session refresh gets the answer it got before, and changes nothing.
func TestSameOfferGetsSameAnswer(t *testing.T) {
	x, peer := newExchange("192.0.2.1"), newExchange("192.0.2.2")
	offer := peer.propose(sdp.SendRecv)
	first, changed, err := x.respond("p", offer, sdp.SendRecv)
	if err != nil || !changed {
		t.Fatalf("first: changed %t, %v", changed, err)
	}
	second, changed, err := x.respond("p", offer, sdp.SendRecv)
	if err != nil || changed || string(second) != string(first) {
		t.Errorf("second: changed %t, %v, answer the same: %t", changed, err, string(second) == string(first))
	}
}

// Who holds and who is held is told apart: a peer that we hold does not become
// one that holds us.
func TestHoldIsWhoseItIs(t *testing.T) {
	west, east := newExchange("192.0.2.1"), newExchange("192.0.2.2")
	peerWest, peerEast := newExchange("198.51.100.1"), newExchange("198.51.100.2")
	west.respondTo(t, peerWest, sdp.SendRecv, sdp.SendRecv)
	peerEast.respondTo(t, east, sdp.SendRecv, sdp.SendRecv)

	west.respondTo(t, peerWest, sdp.SendOnly, east.will("x").Reverse())
	west.wantWill(t, "west holds", "p", sdp.RecvOnly)
	peerEast.respondTo(t, east, west.will("p").Reverse(), sdp.SendRecv)
	east.wantWill(t, "east is held and holds nobody", "x", sdp.SendRecv)

	west.respondTo(t, peerWest, sdp.SendRecv, east.will("x").Reverse())
	west.wantWill(t, "west resumes", "p", sdp.SendRecv)
	if a, _ := west.agreed("p"); a.Direction != sdp.SendRecv {
		t.Errorf("after the hold west has %v, want sendrecv", a.Direction)
	}
}

// What an answer grants of what was asked is the far end's will; of the rest it
// says nothing.
func TestAnswerTellsOnlyWhatWasAsked(t *testing.T) {
	for _, c := range []struct{ will, asked, granted, want sdp.Direction }{
		{sdp.SendRecv, sdp.SendRecv, sdp.SendRecv, sdp.SendRecv},
		{sdp.SendRecv, sdp.SendRecv, sdp.RecvOnly, sdp.RecvOnly},
		{sdp.SendRecv, sdp.SendOnly, sdp.SendOnly, sdp.SendRecv},
		{sdp.RecvOnly, sdp.SendOnly, sdp.Inactive, sdp.RecvOnly},
		{sdp.Inactive, sdp.SendRecv, sdp.SendRecv, sdp.SendRecv},
		{sdp.SendRecv, sdp.Inactive, sdp.Inactive, sdp.SendRecv},
	} {
		if got := learned(c.will, c.asked, c.granted); got != c.want {
			t.Errorf("will %v, asked %v, granted %v: %v, want %v", c.will, c.asked, c.granted, got, c.want)
		}
	}
}

// Each early dialog of one offer has its own agreement, and the answered one
// stays alone.
func TestForksAgreeEachByItself(t *testing.T) {
	x := newExchange("192.0.2.1")
	offer := x.propose(sdp.SendRecv)
	for tag, host := range map[string]string{"one": "198.51.100.1", "two": "198.51.100.2"} {
		fork := newExchange(host)
		body, _, err := fork.respond("x", offer, sdp.SendRecv)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := x.accept(tag, body); err != nil {
			t.Fatal(err)
		}
	}
	one, _ := x.agreed("one")
	two, _ := x.agreed("two")
	if one.Remote == two.Remote || !one.Remote.IsValid() {
		t.Errorf("remotes %v and %v, want two", one.Remote, two.Remote)
	}
	x.keep("two")
	if _, ok := x.agreed("one"); ok || len(x.talks) != 1 {
		t.Errorf("%d dialogs left, want the answered one", len(x.talks))
	}
}

// A 200 without a description stands on that of the 183 before it, but not on
// nothing.
func TestAnswerWithoutDescription(t *testing.T) {
	x := newExchange("192.0.2.1")
	offer := x.propose(sdp.SendRecv)
	if _, err := x.accept("one", nil); err == nil {
		t.Error("accepted a 200 without any description")
	}
	body, _, err := newExchange("198.51.100.1").respond("x", offer, sdp.SendRecv)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := x.accept("one", body); err != nil {
		t.Fatal(err)
	}
	if _, err := x.accept("one", nil); err != nil {
		t.Errorf("200 after a 183 with SDP: %v", err)
	}
}

// An address of zeros is a hold (RFC 3264 §8.4).
func TestZeroAddressIsHold(t *testing.T) {
	x, peer := newExchange("192.0.2.1"), newExchange("198.51.100.1")
	offer := strings.Replace(string(peer.propose(sdp.SendRecv)), "c=IN IP4 198.51.100.1", "c=IN IP4 0.0.0.0", 1)
	if _, _, err := x.respond("p", []byte(offer), sdp.SendRecv); err != nil {
		t.Fatal(err)
	}
	x.wantWill(t, "c=0.0.0.0", "p", sdp.RecvOnly)
}

// A far end that restarts ICE is answered with new credentials, once.
func TestRestartOfICEIsAnsweredInKind(t *testing.T) {
	x, peer := newExchange("192.0.2.1"), newExchange("198.51.100.1")
	restarts := 0
	x.local.ICE = &sdp.ICE{Ufrag: "ours", Pwd: "0123456789012345678901"}
	x.restart = func() sdp.ICE {
		restarts++
		return sdp.ICE{Ufrag: "ours2", Pwd: "0123456789012345678901"}
	}
	peer.local.ICE = &sdp.ICE{Ufrag: "abcd", Pwd: "0123456789012345678901"}
	x.respondTo(t, peer, sdp.SendRecv, sdp.SendRecv)
	x.respondTo(t, peer, sdp.SendOnly, sdp.SendRecv)
	if a, _ := peer.agreed("x"); a.ICE.Ufrag != "ours" || restarts != 0 {
		t.Errorf("hold restarted ICE: %q, %d restarts", a.ICE.Ufrag, restarts)
	}
	peer.local.ICE = &sdp.ICE{Ufrag: "efgh", Pwd: "0123456789012345678901"}
	x.respondTo(t, peer, sdp.SendRecv, sdp.SendRecv)
	x.respondTo(t, peer, sdp.SendOnly, sdp.SendRecv)
	if a, _ := peer.agreed("x"); a.ICE.Ufrag != "ours2" || restarts != 1 {
		t.Errorf("answered with %q after %d restarts, want new credentials once", a.ICE.Ufrag, restarts)
	}
}
