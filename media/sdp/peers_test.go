package sdp

import (
	"strings"
	"testing"
	"time"
)

// What the world offers is answered with one codec, the offerer's numbers and
// profile, and nothing that we do not know ourselves.
func TestOffersOfPeersAreAnswered(t *testing.T) {
	web := func(t *testing.T) Local {
		l := certified(local(opus(), pcmu()), SecurityRequired)
		l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
		return l
	}
	edge := func(t *testing.T) Local {
		l := keyed(t, local(pcma(), pcmu()), SecurityRequired, SuiteAES128SHA80)
		l.ICE = &ICE{Ufrag: "q3Zk", Pwd: "Jw0dPz7mRkYb5tQx2LhV9sNe"}
		l.ComfortNoise = true
		return l
	}
	plain := func(*testing.T) Local { return local(opus(), pcma(), pcmu()) }
	tests := []struct {
		peer  string
		local func(*testing.T) Local
		lines []string
		check func(Agreed) bool
	}{
		{"chromium", web, []string{
			"m=audio 40100 UDP/TLS/RTP/SAVPF 111 110", "a=rtpmap:111 opus/48000/2", "a=rtpmap:110 telephone-event/48000",
			"a=group:BUNDLE 0", "a=mid:0", "a=ice-lite", "a=setup:passive", "a=rtcp-mux", "a=rtcp:40100",
			"a=candidate:1 1 UDP 2130706431 203.0.113.10 40100 typ host", "a=end-of-candidates",
		}, func(a Agreed) bool {
			return a.DTLS.Role == RoleServer && a.Mux && a.Event == Payload{110, 110, 48000} &&
				a.ICE.Ufrag == "Kx4c" && !a.ICE.Lite && a.ICE.Candidates[0].Priority == 2122260223 &&
				a.ICE.Candidates[1].Addr == addr("203.0.113.77:62001") && a.Profile == ProfileTLSF &&
				strings.Contains(a.Send.Codec.Format, "useinbandfec=1")
		}},
		{"teams", edge, []string{
			"m=audio 40100 RTP/SAVP 8 101 13", "m=video 0 RTP/SAVP 34", "a=rtcp-mux", "a=rtcp:40100", "a=ice-lite",
			"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA", "a=mid:2",
		}, func(a Agreed) bool {
			return a.Keys.Receive.Tag == 1 && a.Keys.Receive.Lifetime == 1<<31 && a.Mux &&
				a.RemoteRTCP == addr("198.51.100.9:49924") && a.ComfortNoise == Payload{13, 13, 8000}
		}},
		{"bypass", edge, []string{
			"m=audio 40100 UDP/TLS/RTP/SAVP 8 101 13", "m=video 0 UDP/TLS/RTP/SAVP 122 121",
			"m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
			"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:QEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBA",
		}, func(a Agreed) bool {
			return a.Keys.Receive.MKI == 1 && a.Keys.Receive.MKILen == 1 && a.DTLS == DTLS{} &&
				a.ICE.Candidates[2].Priority == 16777215
		}},
		{"twilio", plain, []string{"m=audio 40100 RTP/AVP 8 101", "a=sendrecv"}, func(a Agreed) bool {
			return !a.Secure() && a.Remote == addr("203.0.113.115:15242") && a.RemoteRTCP == addr("203.0.113.115:15243") &&
				a.Ptime == 20*time.Millisecond && a.MaxPtime == 150*time.Millisecond
		}},
		{"asterisk", func(*testing.T) Local {
			l := local(opus())
			l.Addr = addr("[2001:db8::1]:1").Addr()
			return l
		}, []string{"m=audio 40100 RTP/AVP 107 100", "c=IN IP6 2001:db8::1", "o=- 8812 1 IN IP6 2001:db8::1"}, func(a Agreed) bool {
			return strings.Contains(a.Send.Codec.Format, "maxplaybackrate=16000") && a.Event.Clock == 48000
		}},
		{"baresip", func(t *testing.T) Local {
			return keyed(t, local(opus()), SecurityOptional, SuiteAES128SHA80, SuiteGCM256)
		}, []string{"m=audio 40100 RTP/SAVPF 96 101"}, func(a Agreed) bool {
			return a.Keys.Send.Suite == SuiteGCM256 && a.Event == Payload{101, 101, 8000}
		}},
		{"sipp", plain, []string{"m=audio 40100 RTP/AVP 0"}, func(a Agreed) bool {
			return a.Event == Payload{} && a.Send.Codec == pcmu()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.peer, func(t *testing.T) {
			d, a := answered(t, parse(t, readFile(t, tt.peer)), tt.local(t))
			wantLines(t, d, tt.lines...)
			wantNone(t, d, "ssrc", "extmap", "x-ms", "label", "rtcp-fb", "msid", "tool", "198.51.100", "192.0.2")
			if !tt.check(a) {
				t.Errorf("agreed %+v", a)
			}
			if strings.Contains(string(d.Bytes()), "oaWY6ALS") {
				t.Error("the far end's key is in our answer")
			}
		})
	}
}
