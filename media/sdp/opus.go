package sdp

import (
	"strconv"
	"strings"
)

// Opus is what the fmtp of an Opus format says: for a format we send, what the
// far end can take. The zero of each field is the default of RFC 7587 §6.1.
type Opus struct {
	MaxPlaybackRate   int  // Hz the far end plays; 0: 48000
	MaxCaptureRate    int  // Hz the far end is likely to send (sprop-maxcapturerate); 0: 48000
	MaxAverageBitrate int  // bit/s; 0: as the encoder likes
	FEC               bool // useinbandfec: redundancy is of use there
	DTX               bool // usedtx: silence may be left out
	CBR               bool
	Stereo            bool
}

// ParseOpus reads an fmtp. What it cannot read is left at its default.
func ParseOpus(fmtp string) Opus {
	var o Opus
	for fmtp != "" {
		var p string
		p, fmtp, _ = strings.Cut(fmtp, ";")
		key, value, _ := strings.Cut(strings.Trim(p, " "), "=")
		n, err := strconv.ParseUint(strings.Trim(value, " "), 10, 31)
		if err != nil {
			continue
		}
		switch strings.ToLower(strings.Trim(key, " ")) {
		case "maxplaybackrate":
			o.MaxPlaybackRate = rate(n)
		case "sprop-maxcapturerate":
			o.MaxCaptureRate = rate(n)
		case "maxaveragebitrate":
			if n >= 6000 && n <= 510000 { // RFC 7587 §6.1
				o.MaxAverageBitrate = int(n)
			}
		case "useinbandfec":
			o.FEC = n == 1
		case "usedtx":
			o.DTX = n == 1
		case "cbr":
			o.CBR = n == 1
		case "stereo":
			o.Stereo = n == 1
		}
	}
	return o
}

// rate is a sampling rate that makes sense: 8000 to 48000 Hz.
func rate(n uint64) int {
	if n < 8000 || n > 48000 {
		return 0
	}
	return int(n)
}
