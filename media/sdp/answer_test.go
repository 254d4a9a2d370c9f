package sdp

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// Hold in every form is read, and answered with what is left of it.
func TestHoldIsAnswered(t *testing.T) {
	tests := []struct {
		name  string
		lines string
		local Direction
		form  HoldForm
		want  Direction
	}{
		{"nothing said", "", SendRecv, HoldAsIs, SendRecv},
		{"sendrecv", "\na=sendrecv", SendRecv, HoldAsIs, SendRecv},
		{"sendonly", "\na=sendonly", SendRecv, HoldAsIs, RecvOnly},
		{"sendonly, to a leg that writes inactive", "\na=sendonly", SendRecv, HoldInactive, RecvOnly},
		{"recvonly", "\na=recvonly", SendRecv, HoldAsIs, SendOnly},
		{"inactive", "\na=inactive", SendRecv, HoldAsIs, Inactive},
		{"0.0.0.0", "\nc=IN IP4 0.0.0.0", SendRecv, HoldAsIs, RecvOnly},
		{"0.0.0.0 and inactive", "\nc=IN IP4 0.0.0.0\na=inactive", SendRecv, HoldAsIs, Inactive},
		{"0.0.0.0 and recvonly", "\nc=IN IP4 0.0.0.0\na=recvonly", SendRecv, HoldAsIs, Inactive},
		{"we hold", "", SendOnly, HoldAsIs, SendOnly},
		{"we hold, written inactive", "", SendOnly, HoldInactive, Inactive},
		{"both hold", "\na=sendonly", SendOnly, HoldAsIs, Inactive},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := local(pcmu())
			l.Direction, l.Hold = tt.local, tt.form
			d, a := answered(t, offerOf(t, "0"+tt.lines), l)
			if a.Direction != tt.want || d.Media[0].Direction != tt.want {
				t.Errorf("agreed %v, wrote %v, want %v", a.Direction, d.Media[0].Direction, tt.want)
			}
		})
	}
}

// Our order decides the codec; the numbers are the offerer's.
func TestCodecIsTheFirstOfOurs(t *testing.T) {
	const offer = "0 8 96 97 98 99\na=rtpmap:96 OPUS/48000/2\na=fmtp:96 maxplaybackrate=16000\n" +
		"a=rtpmap:97 telephone-event/8000\na=rtpmap:98 telephone-event/48000\na=rtpmap:99 CN/8000"
	tests := []struct {
		name         string
		local        Local
		send         uint8
		event, noise Payload
	}{
		{"opus first", local(opus(), pcma()), 96, Payload{98, 98, 48000}, Payload{}},
		{"alaw first", local(pcma(), opus()), 8, Payload{97, 97, 8000}, Payload{99, 99, 8000}},
		{"ours only", local(g722(), pcmu()), 0, Payload{97, 97, 8000}, Payload{99, 99, 8000}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.local.ComfortNoise = true
			_, a := answered(t, offerOf(t, offer), tt.local)
			if a.Send.Type != tt.send || a.Event != tt.event || a.ComfortNoise != tt.noise {
				t.Errorf("agreed %+v", a)
			}
			if f, ok := a.Received(tt.send); !ok || f.Codec.Name != a.Send.Codec.Name {
				t.Errorf("received %+v, %v", f, ok)
			}
		})
	}
	l := local(opus())
	l.Events = false
	if _, a := answered(t, offerOf(t, offer), l); a.Event != (Payload{}) {
		t.Error("events are agreed and not wanted")
	}
}

// The packet time is the far end's wish, within what can be.
func TestPtime(t *testing.T) {
	tests := []struct {
		lines string
		local time.Duration
		want  time.Duration
	}{
		{"0", 0, 20 * time.Millisecond},
		{"0", 30 * time.Millisecond, 30 * time.Millisecond},
		{"0\na=ptime:30", 0, 30 * time.Millisecond},
		{"0\na=ptime:30", 20 * time.Millisecond, 30 * time.Millisecond},
		{"0\na=ptime:60", 0, 60 * time.Millisecond},
		{"0\na=ptime:200", 0, 60 * time.Millisecond},
		{"0\na=ptime:5", 0, 10 * time.Millisecond},
		{"0\na=ptime:25", 0, 20 * time.Millisecond},
		{"0\na=maxptime:10", 0, 10 * time.Millisecond},
		{"96\na=rtpmap:96 opus/48000/2\na=ptime:30", 0, 20 * time.Millisecond},
		{"96\na=rtpmap:96 opus/48000/2\na=ptime:60", 0, 60 * time.Millisecond},
	}
	for _, tt := range tests {
		l := local(pcmu(), opus())
		l.Ptime = tt.local
		if _, a := answered(t, offerOf(t, tt.lines), l); a.Ptime != tt.want {
			t.Errorf("%q with %v: ptime %v, want %v", tt.lines, tt.local, a.Ptime, tt.want)
		}
	}
}

// Each reason to refuse an offer is told apart, and has its warning.
func TestRefusals(t *testing.T) {
	const crypto = "\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + key80
	savp := func(lines string) string {
		return "v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 4000 RTP/SAVP 0" + lines
	}
	avp := func(lines string) string { return strings.Replace(savp(lines), "SAVP", "AVP", 1) }
	plain, secure := local(pcmu()), keyed(t, local(pcmu()), SecurityRequired, SuiteAES128SHA80)
	six := plain
	six.Addr = addr("[2001:db8::1]:1").Addr()
	tests := []struct {
		name, offer string
		local       Local
		want        error
		warning     int
	}{
		{"no m-line", "v=0\no=- 1 1 IN IP4 192.0.2.1\n", plain, ErrNoAudio, 304},
		{"video only", strings.Replace(avp(""), "audio", "video", 1), plain, ErrNoAudio, 304},
		{"port 0", strings.Replace(avp(""), "4000", "0", 1), plain, ErrNoAudio, 304},
		{"another transport", strings.Replace(avp(""), "RTP/AVP", "TCP/RTP/AVP", 1), plain, ErrNoAudio, 304},
		{"no common codec", strings.Replace(avp(""), "AVP 0", "AVP 18", 1), plain, ErrNoCommonCodec, 305},
		{"events only", avp("")[:len(avp(""))-1] + "101\na=rtpmap:101 telephone-event/8000", plain, ErrNoCommonCodec, 305},
		{"srtp where it is off", savp(crypto), plain, ErrSecurityRefused, 302},
		{"plain where srtp is required", avp(""), secure, ErrSecurityRequired, 302},
		{"srtp without a key", savp(""), secure, ErrSecurityRequired, 302},
		{"a suite we have no key for", savp(strings.Replace(crypto, "_80", "_32", 1)), secure, ErrSecurityRequired, 302},
		{"a name for an address", strings.Replace(avp(""), "c=IN IP4 192.0.2.1", "c=IN IP4 pbx.example.com", 1), plain, ErrAddress, 301},
		{"no address", strings.Replace(avp(""), "c=IN IP4 192.0.2.1", "s=-", 1), plain, ErrAddress, 301},
		{"a multicast address", strings.Replace(avp(""), "c=IN IP4 192.0.2.1", "c=IN IP4 224.2.2.2/127", 1), plain, ErrAddress, 301},
		{"another ip version", avp(""), six, ErrAddress, 301},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d, a, err := Answer(parse(t, []byte(tt.offer)), tt.local)
			if !errors.Is(err, tt.want) || d != nil || a != nil {
				t.Errorf("got %v", err)
			}
			if code, text := Warning(err); code != tt.warning || text == "" {
				t.Errorf("warning %d %q", code, text)
			}
		})
	}
	if code, _ := Warning(errors.New("x")); code != 399 {
		t.Errorf("warning %d for an error of another kind", code)
	}
}

// The first audio line that suits is taken, the others are refused in place.
func TestOneOfSeveralLinesIsTaken(t *testing.T) {
	offer := parse(t, []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\na=group:BUNDLE v a2\n"+
		"m=image 5000 udptl t38\nm=video 5002 RTP/AVP 34\na=mid:v\n"+
		"m=audio 4000 RTP/SAVP 0\na=mid:a1\nm=audio 4002 RTP/AVP 18 0\na=mid:a2\nm=audio 4004 RTP/AVP 0\n"))
	d, a := answered(t, offer, local(pcmu()))
	wantLines(t, d, "m=image 0 udptl t38", "m=video 0 RTP/AVP 34", "m=audio 0 RTP/SAVP 0",
		"m=audio 40100 RTP/AVP 0", "m=audio 0 RTP/AVP 0", "a=group:BUNDLE a2", "a=mid:a1")
	if a.Remote != addr("192.0.2.1:4002") {
		t.Errorf("agreed %v", a.Remote)
	}
	// A later offer keeps the line in use, if an earlier one would now do as well.
	l := local(pcmu())
	l.Previous = d
	again := parse(t, []byte(strings.Replace(string(offer.Bytes()), "RTP/SAVP 0", "RTP/AVP 0", 1)))
	if _, a := answered(t, again, l); a.Remote != addr("192.0.2.1:4002") {
		t.Errorf("the stream moved to %v", a.Remote)
	}
}

// The same answer keeps its version, another one raises it, and o= stays.
func TestVersionRisesOnlyWithChange(t *testing.T) {
	offer := offerOf(t, "0 8")
	l := local(pcmu(), pcma())
	first, a := answered(t, offer, l)
	l.Previous, l.Session = first, Session{ID: 99, Version: 99}
	second, b := answered(t, offer, l)
	if second.Origin != first.Origin || a != b {
		t.Errorf("o= went from %+v to %+v", first.Origin, second.Origin)
	}
	l.Previous, l.Port = second, 40200
	third, _ := answered(t, offer, l)
	if third.Origin.Version != 2 || third.Origin.ID != 8812 {
		t.Errorf("o= is %+v", third.Origin)
	}
	l.Previous = third
	if o := Offer(l); o.Origin.Version != 3 || o.Origin.ID != 8812 {
		t.Errorf("o= of our offer is %+v", o.Origin)
	}
}

// An offer may switch audio off in a running dialog, and on again.
func TestStreamIsSwitchedOffAndOn(t *testing.T) {
	l := local(pcmu())
	first, _ := answered(t, offerOf(t, "0"), l)
	l.Previous = first
	off := parse(t, []byte(strings.Replace(string(offerOf(t, "0").Bytes()), "audio 4000", "audio 0", 1)))
	second, a := answered(t, off, l)
	wantLines(t, second, "m=audio 0 RTP/AVP 0", "c=IN IP4 203.0.113.10")
	if a != (Agreed{Direction: Inactive}) {
		t.Errorf("agreed %+v", a)
	}
	l.Previous = second
	if _, a := answered(t, offerOf(t, "0"), l); a.Direction != SendRecv || !a.Remote.IsValid() {
		t.Errorf("agreed %+v", a)
	}
}

// RTCP goes where the offer says, in each way of saying it.
func TestRTCP(t *testing.T) {
	tests := []struct {
		lines string
		mux   Mux
		want  string // of RemoteRTCP, empty for none
		wrote string
	}{
		{"0", MuxOptional, "192.0.2.1:4001", ""},
		{"0\na=rtcp:4010", MuxOptional, "192.0.2.1:4010", ""},
		{"0\na=rtcp:4010 IN IP4 192.0.2.2", MuxOptional, "192.0.2.2:4010", ""},
		{"0\na=rtcp:4010 IN IP6 2001:db8::1", MuxOptional, "", ""},
		{"0\na=rtcp-mux", MuxOptional, "192.0.2.1:4000", "a=rtcp:40100\r\na=rtcp-mux\r\n"},
		{"0\na=rtcp-mux\na=rtcp:4000", MuxRequired, "192.0.2.1:4000", "a=rtcp:40100\r\na=rtcp-mux\r\n"},
		{"0\na=rtcp-mux\na=rtcp:4001", MuxOff, "192.0.2.1:4001", ""},
		{"0\na=rtcp-mux\na=rtcp-mux-only", MuxOptional, "192.0.2.1:4000", "a=rtcp-mux\r\na=rtcp-mux-only\r\n"},
		{"0\na=rtcp-mux\na=rtcp-mux-only", MuxOff, "", ""},
	}
	for _, tt := range tests {
		l := local(pcmu())
		l.Mux = tt.mux
		d, a := answered(t, offerOf(t, tt.lines), l)
		got := ""
		if a.RemoteRTCP.IsValid() {
			got = a.RemoteRTCP.String()
		}
		if got != tt.want || a.Mux != (tt.wrote != "") {
			t.Errorf("%q: rtcp to %q, mux %v", tt.lines, got, a.Mux)
		}
		text := string(d.Bytes())
		if !strings.Contains(text, tt.wrote) || tt.wrote == "" && strings.Contains(text, "rtcp") {
			t.Errorf("%q: wrote\n%s", tt.lines, text)
		}
	}
	l := local(pcmu())
	l.RTCPPort = 40999
	d, _ := answered(t, offerOf(t, "0"), l)
	wantLines(t, d, "a=rtcp:40999")
}

// The far end's ICE is agreed unless something on the way changed its address.
func TestICEIsAnsweredUnlessMismatched(t *testing.T) {
	const ice = "0\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901\n"
	tests := []struct {
		name, lines string
		agreed      bool
	}{
		{"a candidate for the default", ice + "a=candidate:1 1 UDP 5 192.0.2.1 4000 typ host", true},
		{"another address in c=", ice + "a=candidate:1 1 UDP 5 10.0.0.1 4000 typ host", false},
		{"another port", ice + "a=candidate:1 1 UDP 5 192.0.2.1 4001 typ host", false},
		{"candidates by name", ice + "a=candidate:1 1 UDP 5 x.local 4000 typ host\na=candidate:1 1 UDP 5 192.0.2.9 9 typ host", true},
		{"none yet", ice + "a=ice-options:trickle", true},
		{"no password", "0\na=ice-ufrag:abcd", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := local(pcmu())
			l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
			d, a := answered(t, offerOf(t, tt.lines), l)
			if (a.ICE.Ufrag == "abcd") != tt.agreed || (d.Media[0].Ufrag == "q3Zk") != tt.agreed || d.Lite != tt.agreed {
				t.Errorf("agreed %+v in\n%s", a.ICE, d.Bytes())
			}
		})
	}
	l := local(pcmu())
	if d, a := answered(t, offerOf(t, tests[0].lines), l); d.Lite || a.ICE != (RemoteICE{}) {
		t.Error("ICE was agreed and we have none")
	}
	// Candidates to come are no hold, and leave nothing to send to yet.
	l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
	trickle := parse(t, []byte("v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 0.0.0.0\na=ice-options:trickle\nm=audio 9 RTP/AVP "+ice))
	if _, a := answered(t, trickle, l); a.Direction != SendRecv || !a.Remote.Addr().IsUnspecified() {
		t.Errorf("agreed %+v", a)
	}
}

// The candidates that are kept are the best, in order.
func TestBestCandidatesAreKept(t *testing.T) {
	var lines strings.Builder
	lines.WriteString("0\na=ice-ufrag:abcd\na=ice-pwd:0123456789012345678901")
	for i := range 40 {
		lines.WriteString("\na=candidate:1 1 UDP " + string(rune('1'+i%9)) + "00 192.0.2.1 40" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + " typ host")
	}
	l := local(pcmu())
	l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
	_, a := answered(t, offerOf(t, lines.String()), l)
	for i, c := range a.ICE.Candidates {
		if want := uint32(900 - 100*(i/4)); i < 12 && c.Priority != want {
			t.Errorf("candidate %d has priority %d, want %d", i, c.Priority, want)
		}
	}
}

// A new ufrag in an offer is a restart; a=remote-candidates with ours concludes.
func TestRestartAndConclusion(t *testing.T) {
	l := local(pcmu())
	l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
	const ice = "0\na=ice-pwd:0123456789012345678901\na=ice-ufrag:"
	first := offerOf(t, ice+"abcd")
	_, a := answered(t, first, l)
	if first.Restarts(&a) || !offerOf(t, ice+"efgh").Restarts(&a) || first.Restarts(&Agreed{}) {
		t.Error("a restart is not known from none")
	}
	_, a = answered(t, offerOf(t, ice+"abcd\na=remote-candidates:1 203.0.113.10 40100"), l)
	if !a.ICE.Concluded {
		t.Error("our candidate was named")
	}
	_, a = answered(t, offerOf(t, ice+"abcd\na=remote-candidates:1 203.0.113.10 40102"), l)
	if a.ICE.Concluded {
		t.Error("another's candidate was named")
	}
}
