package dtmf

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// The two bodies in which SIP INFO carries digits. Neither is a standard.
const (
	InfoRelay = "application/dtmf-relay" // Signal=5, Duration=160
	InfoPlain = "application/dtmf"       // the digit, or its event code
)

// infoDuration is that of a digit whose body does not say.
const infoDuration = 160 * time.Millisecond

// ErrInfo is returned for an INFO body that holds no digit.
var ErrInfo = errors.New("parse INFO: no digit in the body")

// ParseInfo reads the body of an INFO. It returns ErrInfo for other content
// types and for bodies without a digit; a missing or absurd duration is 160 ms.
func ParseInfo(contentType string, body []byte) (Press, error) {
	kind, _, _ := strings.Cut(contentType, ";")
	switch strings.ToLower(strings.TrimSpace(kind)) {
	case InfoRelay:
		return parseRelay(string(body))
	case InfoPlain:
		return press(strings.TrimSpace(string(body)), infoDuration)
	}
	return Press{}, ErrInfo
}

func parseRelay(body string) (Press, error) {
	var signal string
	duration := infoDuration
	for line := range strings.Lines(body) {
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			continue
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "signal":
			signal = value
		case "duration":
			if ms, err := strconv.Atoi(value); err == nil && ms > 0 && ms <= 60_000 {
				duration = time.Duration(ms) * time.Millisecond
			}
		}
	}
	return press(signal, duration)
}

// press reads a key, or the event code of '*', '#', 'A' to 'D' as a number.
func press(signal string, d time.Duration) (Press, error) {
	if len(signal) == 1 {
		if digit, ok := FromKey(signal[0]); ok {
			return Press{digit, d}, nil
		}
	}
	if code, err := strconv.ParseUint(signal, 10, 8); err == nil && code >= 10 {
		if digit, ok := FromCode(uint8(code)); ok {
			return Press{digit, d}, nil
		}
	}
	return Press{}, ErrInfo
}

// AppendInfo appends to dst the body that carries p as that content type,
// [InfoRelay] or [InfoPlain].
func AppendInfo(dst []byte, contentType string, p Press) []byte {
	if contentType == InfoPlain {
		return append(dst, byte(p.Digit))
	}
	dst = append(append(dst, "Signal="...), byte(p.Digit))
	dst = append(dst, "\r\nDuration="...)
	dst = strconv.AppendInt(dst, p.Duration.Milliseconds(), 10)
	return append(dst, '\r', '\n')
}
