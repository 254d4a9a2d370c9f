package arch

import "strings"

const module = "github.com/tandem-voip/tandem/"

// everything in a row of rooms means: may import any of ours.
const everything = "*"

// rooms says what each room may import of ours besides config/secret, which is
// open to all. A package that is not listed may not exist.
func rooms() map[string]string {
	return map[string]string{
		"codec":                "",
		"codec/conceal":        "",
		"codec/g711":           "codec codec/conceal",
		"codec/g722":           "codec codec/conceal",
		"codec/opus":           "codec codec/conceal",
		"codec/resample":       "",
		"config":               everything,
		"config/secret":        "",
		"cmd/tandem":           everything,
		"cmd/tandem/appliance": everything,
		"cmd/tandem/selftest":  everything,
		"media":                "codec codec/conceal codec/resample media/jitter media/dtmf media/ice media/sdp media/udp",
		"media/dtmf":           "",
		"media/ice":            "",
		"media/jitter":         "",
		"media/sdp":            "codec",
		"media/udp":            "",
		"sbc":                  "sip sip/proxy sip/registrar sip/transport media media/dtmf media/sdp codec",
		"sbc/admin":            "sbc",
		"sbc/diag":             "sbc sip sip/transport media",
		"sbc/record":           "sbc",
		"sip":                  "sip/transport",
		"sip/proxy":            "sip sip/transport",
		"sip/registrar":        "",
		"sip/transport":        "",
		"webrtcbridge":         "media codec webrtcbridge/message",
		"webrtcbridge/client":  "webrtcbridge",
		"webrtcbridge/message": "",
		"webrtcbridge/turn":    "",
		"test/arch":            "",
		"test/defence":         "",
		"test/docs":            everything,
		"test/flow":            everything,
		"test/interop":         everything,
		"test/load":            everything,
		"test/simnet":          "",
	}
}

// doors says which rooms may import a library; the longest prefix that matches
// an import path decides. Libraries without a row are open to all rooms.
func doors() map[string]string {
	return map[string]string{
		"C":                                   "codec/opus",
		"gopkg.in/hraban/opus.v2":             "codec/opus",
		"github.com/emiago/sipgo":             "sip sip/transport sip/proxy",
		"github.com/icholy/digest":            "sip",
		"github.com/miekg/dns":                "sip/transport",
		"github.com/coder/websocket":          "sip/transport webrtcbridge/client sbc/admin",
		"github.com/pion/webrtc":              "webrtcbridge",
		"github.com/pion/ice":                 "webrtcbridge",
		"github.com/pion/sctp":                "webrtcbridge",
		"github.com/pion/datachannel":         "webrtcbridge",
		"github.com/pion/interceptor":         "webrtcbridge",
		"github.com/pion/dtls":                "media webrtcbridge",
		"github.com/pion/rtp":                 "media webrtcbridge",
		"github.com/pion/rtcp":                "media webrtcbridge",
		"github.com/pion/srtp":                "media webrtcbridge",
		"github.com/pion/sdp":                 "media/sdp",
		"github.com/pion/stun":                "media/ice webrtcbridge/turn",
		"github.com/pion/turn":                "webrtcbridge/turn",
		"modernc.org/sqlite":                  "sbc/record",
		"github.com/jackc/pgx":                "sbc/record",
		"github.com/spf13/viper":              "config",
		"github.com/go-viper/mapstructure":    "config",
		"github.com/goccy/go-yaml":            "config",
		"github.com/spf13/cobra":              "cmd/tandem",
		"github.com/danielgtaylor/huma":       "sbc/admin",
		"github.com/prometheus/client_golang": "sbc/diag",
		"github.com/zaf/g711":                 "codec/g711",
		"github.com/gotranspile/g722":         "codec/g722",
	}
}

// Limits of size, in lines.
const (
	fileLimit = 500
	funcLimit = 70
)

// tooLong lists functions above the limit, as "file:Func". It may only shrink.
func tooLong() map[string]bool { return map[string]bool{} }

// clock is what reads or waits for the time in package time.
const clock = " Now Since Until Sleep After AfterFunc NewTimer NewTicker Tick "

// realTime says which rooms deal with real processes and so have to sleep.
func realTime(room string) bool { return room == "test/interop" || room == "test/load" }

// lists reports whether a row of the tables names a room.
func lists(row, room string) bool {
	if row == everything {
		return true
	}
	for name := range strings.FieldsSeq(row) {
		if name == room {
			return true
		}
	}
	return false
}
