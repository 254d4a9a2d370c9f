package sdp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// answerTo is another's answer to our offer: its first line live with these
// formats and lines.
func answerTo(t *testing.T, offer *Description, lines string) *Description {
	t.Helper()
	return parse(t, []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 4000 "+offer.Media[0].Proto+" "+lines))
}

// What we offer is what Local says, and nothing else.
func TestOfferSaysWhatLocalHas(t *testing.T) {
	l := keyed(t, local(g722(), pcma(), pcmu()), SecurityRequired, SuiteAES128SHA80)
	l.Security.Keys[0].Lifetime = 1 << 31
	l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
	l.ComfortNoise, l.RTCPPort = true, 0
	want := strings.Join([]string{
		"v=0", "o=- 8812 1 IN IP4 203.0.113.10", "s=-", "c=IN IP4 203.0.113.10", "t=0 0", "a=ice-lite", "a=ice-options:ice2",
		"m=audio 40100 RTP/SAVP 9 8 0 101 13",
		"a=rtpmap:9 G722/8000", "a=rtpmap:8 PCMA/8000", "a=rtpmap:0 PCMU/8000",
		"a=rtpmap:101 telephone-event/8000", "a=fmtp:101 0-15", "a=rtpmap:13 CN/8000",
		"a=ptime:20", "a=sendrecv", "a=rtcp:40100", "a=rtcp-mux",
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA|2^31",
		"a=ice-ufrag:q3Zk", "a=ice-pwd:Jw0dPz7mRkYb5tQx2LhV9sNe",
		"a=candidate:1 1 UDP 2130706431 203.0.113.10 40100 typ host", "",
	}, "\r\n")
	if got := string(Offer(l).Bytes()); got != want {
		t.Errorf("offered\n%s\nwant\n%s", got, want)
	}
}

// Profiles, hold and RTCP are offered as Local says.
func TestOfferForms(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Local)
		lines  []string
		none   string
	}{
		{"plain", func(*Local) {}, []string{"m=audio 40100 RTP/AVP 0 111 101 110", "a=rtcp:40101", "a=rtcp-mux"}, "crypto"},
		{"without mux", func(l *Local) { l.Mux = MuxOff }, []string{"m=audio 40100 RTP/AVP 0 111 101 110"}, "rtcp"},
		{"mux only", func(l *Local) { l.Mux = MuxRequired }, []string{"a=rtcp:40100", "a=rtcp-mux-only"}, "40101"},
		{"hold", func(l *Local) { l.Direction = SendOnly }, []string{"a=sendonly"}, "inactive"},
		{"hold as inactive", func(l *Local) { l.Direction, l.Hold = SendOnly, HoldInactive }, []string{"a=inactive"}, "sendonly"},
		{"packet times", func(l *Local) {
			l.Ptime, l.MaxPtime = 30*time.Millisecond, 60*time.Millisecond
		}, []string{"a=ptime:30", "a=maxptime:60"}, "ptime:20"},
		{"no events", func(l *Local) { l.Events = false }, []string{"m=audio 40100 RTP/AVP 0 111"}, "telephone"},
		{"wished numbers", func(l *Local) { l.Formats[1].Type = 96 }, []string{"m=audio 40100 RTP/AVP 0 96 101 110"}, ":111 "},
		{
			"optional srtp", func(l *Local) { *l = keyed(t, *l, SecurityOptional, SuiteGCM128, SuiteAES128SHA80) },
			[]string{"m=audio 40100 RTP/AVP 0 111 101 110"},
			"SAVP",
		},
		{
			"dtls", func(l *Local) { *l = certified(*l, SecurityRequired) },
			[]string{"m=audio 40100 UDP/TLS/RTP/SAVP 0 111 101 110", "a=setup:actpass"},
			"crypto",
		},
		{
			"for a browser", func(l *Local) { *l = certified(*l, SecurityRequired); l.Profile = ProfileTLSF },
			[]string{"m=audio 40100 UDP/TLS/RTP/SAVPF 0 111 101 110"},
			"crypto",
		},
		{
			"keys without policy", func(l *Local) { *l = keyed(t, certified(*l, SecurityOff), SecurityOff, SuiteGCM128) },
			[]string{"m=audio 40100 RTP/AVP 0 111 101 110"},
			"fingerprint",
		},
		{
			"two components", func(l *Local) { l.Mux, l.ICE = MuxOff, &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"} },
			[]string{"a=candidate:1 2 UDP 2130706430 203.0.113.10 40101 typ host"},
			"mux",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := local(pcmu(), opus())
			tt.change(&l)
			d := Offer(l)
			wantLines(t, d, tt.lines...)
			wantNone(t, d, tt.none)
			wantIdentity(t, parse(t, d.Bytes()))
		})
	}
}

// A re-offer keeps the place of its line, the refused others, the numbers, the
// profile and the mid.
func TestReofferKeepsItsShape(t *testing.T) {
	l := local(opus(), pcmu())
	offer := parse(t, []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\na=group:BUNDLE v a\n"+
		"m=video 5000 RTP/AVPF 34\na=mid:v\nm=audio 4000 RTP/AVPF 101 96 0\na=mid:a\n"+
		"a=rtpmap:101 opus/48000/2\na=rtpmap:96 telephone-event/48000\n"))
	l.Previous, _ = answered(t, offer, l)
	d := Offer(l)
	// 101 is opus here, so events at 8000 take another number.
	wantLines(t, d, "m=video 0 RTP/AVPF 34", "m=audio 40100 RTP/AVPF 101 0 96 97", "a=mid:v", "a=mid:a",
		"a=group:BUNDLE a", "a=rtpmap:97 telephone-event/8000")
	a, err := Accept(l, d, parse(t, []byte(strings.Replace(string(d.Bytes()), "203.0.113.10", "192.0.2.1", 2))))
	if err != nil || a.Send.Type != 101 || a.Event.Receive != 96 {
		t.Errorf("agreed %+v, %v", a, err)
	}
}

// The answer's numbers are what we send, ours what we receive.
func TestAsymmetricNumbersAreAccepted(t *testing.T) {
	l := local(opus(), pcma(), pcmu())
	l.ComfortNoise = true
	offer := Offer(l)
	a, err := Accept(l, offer, answerTo(t, offer,
		"18 96 0 97 98 99\na=rtpmap:96 opus/48000/2\na=fmtp:96 useinbandfec=1\na=rtpmap:97 telephone-event/48000\n"+
			"a=rtpmap:98 telephone-event/8000\na=ptime:40\na=sendonly"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Send.Type != 96 || a.Receive[0].Type != 111 || a.Receive[1].Codec != pcmu() || a.Receive[2] != (Format{}) {
		t.Errorf("formats %+v %+v", a.Send, a.Receive)
	}
	if a.Event != (Payload{Send: 97, Receive: 110, Clock: 48000}) || a.ComfortNoise != (Payload{}) {
		t.Errorf("event %+v, noise %+v", a.Event, a.ComfortNoise)
	}
	if a.Ptime != 40*time.Millisecond || a.Direction != RecvOnly || a.Send.Codec.Format != "useinbandfec=1" {
		t.Errorf("agreed %+v", a)
	}
	if _, ok := a.Received(96); ok {
		t.Error("their number is not one we receive")
	}
}

// Every early dialog has its own agreement from the one offer.
func TestOneOfferManyAnswers(t *testing.T) {
	l := keyed(t, local(pcmu(), pcma()), SecurityRequired, SuiteGCM128, SuiteAES128SHA80)
	l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
	offer := Offer(l)
	a, err := Accept(l, offer, answerTo(t, offer, "0\na=rtcp-mux\na=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:"+key80+
		"\na=ice-ufrag:uA\na=ice-pwd:0123456789012345678901"))
	if err != nil || a.Keys.Send.Tag != 2 || a.Keys.Send.Suite != SuiteAES128SHA80 || a.ICE.Ufrag != "uA" || !a.Mux {
		t.Errorf("A agreed %+v, %v", a, err)
	}
	lite := strings.Replace(string(answerTo(t, offer, "8\na=crypto:1 AEAD_AES_128_GCM inline:"+strings.Repeat("A", 38)+
		"\na=ice-ufrag:uB\na=ice-pwd:0123456789012345678901").Bytes()), "t=0 0", "t=0 0\r\na=ice-lite", 1)
	b, err := Accept(l, offer, parse(t, []byte(lite)))
	if err != nil || b.Keys.Send.Suite != SuiteGCM128 || !b.ICE.Lite || b.Mux || b.Send.Codec != pcma() {
		t.Errorf("B agreed %+v, %v", b, err)
	}
}

// An answer that cannot be used is refused, each for its own reason.
func TestUnusableAnswers(t *testing.T) {
	plain := local(pcmu())
	secure := keyed(t, local(pcmu()), SecurityRequired, SuiteAES128SHA80)
	tests := []struct {
		name   string
		local  Local
		answer string // after the m-line's profile
		want   error
	}{
		{"another codec", plain, "8", ErrNoCommonCodec},
		{"no key", secure, "0", ErrSecurityRequired},
		{"another tag", secure, "0\na=crypto:9 AES_CM_128_HMAC_SHA1_80 inline:" + key80, ErrSecurityRequired},
		{"another suite", secure, "0\na=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:" + key80, ErrSecurityRequired},
		{"a name for an address", plain, "0\nc=IN IP4 pbx.example.com", ErrAddress},
		{"another ip version", plain, "0\nc=IN IP6 2001:db8::1", ErrAddress},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			offer := Offer(tt.local)
			if a, err := Accept(tt.local, offer, answerTo(t, offer, tt.answer)); !errors.Is(err, tt.want) || a != nil {
				t.Errorf("got %v", err)
			}
		})
	}
	offer := Offer(plain)
	for answer, want := range map[string]error{
		"m=audio 0 RTP/AVP 0":     ErrRefused,
		"m=video 4000 RTP/AVP 0":  ErrAnswer,
		"m=audio 4000 TCP/MRCP 0": ErrAnswer,
		"s=-":                     ErrAnswer,
	} {
		d := parse(t, []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\n"+answer))
		if _, err := Accept(plain, offer, d); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", answer, err, want)
		}
	}
}

// The roles after our actpass are the answer's turned round.
func TestAcceptedDTLSRoles(t *testing.T) {
	l := certified(local(pcmu()), SecurityRequired)
	offer := Offer(l)
	for setup, want := range map[string]Role{"active": RoleServer, "passive": RoleClient, "": RoleServer} {
		a, err := Accept(l, offer, answerTo(t, offer, "0"+print256()+"\na=setup:"+setup))
		if err != nil || a.DTLS.Role != want {
			t.Errorf("%q: %+v, %v", setup, a, err)
		}
	}
}

// Events are offered at 8000 beside the clock of the codec, for far ends that
// know no other; one that knows only that is taken at its word.
func TestEventsAreOfferedAtEightThousandToo(t *testing.T) {
	l := local(opus())
	offer := Offer(l)
	wantLines(t, offer, "m=audio 40100 RTP/AVP 111 110 101", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:101 telephone-event/8000")
	a, err := Accept(l, offer, answerTo(t, offer, "111 101\na=rtpmap:111 opus/48000/2\na=rtpmap:101 telephone-event/8000"))
	if err != nil || a.Event != (Payload{Send: 101, Receive: 101, Clock: 8000}) {
		t.Errorf("agreed %+v, %v", a, err)
	}
}
