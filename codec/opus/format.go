package opus

import (
	"strconv"
	"strings"
)

// A format is what the fmtp of a far end says it can take (RFC 7587 §6.1).
type format struct {
	playback int  // maxplaybackrate: Hz it plays
	bitrate  int  // maxaveragebitrate, bit/s; 0: as the encoder likes
	fec      bool // useinbandfec: redundancy is of use there
}

// parseFormat reads an fmtp. What it cannot read, and what makes no sense, is
// left at its default.
func parseFormat(fmtp string) format {
	f := format{playback: ClockRate}
	for fmtp != "" {
		var p string
		p, fmtp, _ = strings.Cut(fmtp, ";")
		key, value, _ := strings.Cut(p, "=")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "maxplaybackrate":
			if n >= 8000 && n <= ClockRate {
				f.playback = n
			}
		case "maxaveragebitrate":
			if n >= minBitrate && n <= maxBitrate {
				f.bitrate = n
			}
		case "useinbandfec":
			f.fec = n == 1
		}
	}
	return f
}
