package transport

import (
	"bytes"
	"strings"
)

// A framer cuts a stream into messages by their Content-Length, however the
// octets come. It holds one message at most. Core.
//
// RFC 3261 §7.5 and §18.3; RFC 5626 §4.4.1.
type framer struct {
	buf     []byte
	from    int // start of what is not yet cut
	scanned int // of that, how much holds no end of a header
	head    int // length of the header with its empty line, 0 while unknown
	whole   int // length of the message once head is known
}

// A frame is what next found.
type frame uint8

const (
	frameNone    frame = iota // more octets are needed
	frameMessage              // a whole message
	framePing                 // CRLF CRLF between messages
	frameBroken               // nobody can tell where the next message begins
)

// A phase is what a framer waits for.
type phase uint8

const (
	phaseIdle phase = iota
	phaseHeader
	phaseBody
)

// Sizes of the buffer in bytes: what is asked of a read at least, and what is
// kept while idle.
const (
	minRead  = 2 << 10
	keepIdle = 16 << 10
)

// space is where to read the next octets into; filled says how many came.
func (f *framer) space() []byte {
	if f.from == len(f.buf) {
		f.from, f.buf = 0, f.buf[:0]
		if cap(f.buf) > keepIdle {
			f.buf = nil
		}
	}
	if cap(f.buf)-len(f.buf) < minRead {
		rest := f.buf[f.from:]
		room := max(2*len(rest), f.whole, 2*minRead) + minRead
		f.buf = append(make([]byte, 0, room), rest...)
		f.from = 0
	}
	return f.buf[len(f.buf):cap(f.buf)]
}

func (f *framer) filled(n int) { f.buf = f.buf[:len(f.buf)+n] }

// phase is what the framer waits for. CRLFs alone are no message begun.
func (f *framer) phase() phase {
	switch {
	case f.head > 0:
		return phaseBody
	case isPing(f.buf[f.from:]):
		return phaseIdle
	}
	return phaseHeader
}

// next cuts off what comes first. The octets are valid until space is called.
// With frameBroken they are the header at fault, if it is known, and the stream
// is of no more use.
func (f *framer) next() (frame, []byte, fault) {
	if f.head == 0 {
		if f.ping() {
			return framePing, nil, 0
		}
		if kind, data, bad := f.header(); kind != frameMessage {
			return kind, data, bad
		}
	}
	b := f.buf[f.from:]
	if len(b) < f.whole {
		return frameNone, nil, 0
	}
	b = b[:f.whole]
	f.from += f.whole
	f.scanned, f.head, f.whole = 0, 0, 0
	return frameMessage, b, 0
}

// ping steps over CRLFs between messages and reports whether they were a ping,
// which is two of them; one is the answer to a ping of ours. A CRLF whose sequel
// has not come yet stays: only the next octet tells.
func (f *framer) ping() bool {
	for b := f.buf[f.from:]; len(b) > 2 && b[0] == '\r' && b[1] == '\n'; b = f.buf[f.from:] {
		switch {
		case b[2] != '\r':
			f.from += 2
		case len(b) == 3:
			return false
		case b[3] == '\n':
			f.from += 4
			return true
		default:
			f.from += 2
		}
	}
	return false
}

// header looks for the end of the header and what it says of the body.
func (f *framer) header() (frame, []byte, fault) {
	b := f.buf[f.from:]
	i := bytes.Index(b[f.scanned:], []byte("\r\n\r\n"))
	if i < 0 {
		if len(b) > maxHeader {
			return frameBroken, nil, faultTooLarge
		}
		f.scanned = max(0, len(b)-3)
		return frameNone, nil, 0
	}
	head := f.scanned + i + 4
	if head > maxHeader {
		return frameBroken, nil, faultTooLarge
	}
	n, bad := bodyLength(b[:head-2])
	if bad == 0 && head+n > maxMessage {
		bad = faultTooLarge
	}
	if bad != 0 {
		return frameBroken, b[:head], bad
	}
	f.head, f.whole = head, head+n
	return frameMessage, nil, 0
}

// bodyLength reads Content-Length among header lines, each ended by CRLF. In a
// stream it must be there, once, or with one value (RFC 3261 §18.3, §20.14).
func bodyLength(lines []byte) (int, fault) {
	length := -1
	_, lines, _ = bytes.Cut(lines, []byte("\r\n"))
	for len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte("\r\n"))
		lines = rest
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || fieldOf(string(bytes.TrimRight(name, " \t"))) != fieldContentLength {
			continue
		}
		text := string(bytes.Trim(value, " \t"))
		if len(rest) > 0 && isSpace(rest[0]) {
			text, _ = unfold(text, string(rest))
		}
		n, ok := parseLength(strings.Trim(text, " \t"))
		switch {
		case !ok:
			return 0, faultLength
		case length >= 0 && length != n:
			return 0, faultLengthTwice
		}
		length = n
	}
	if length < 0 {
		return 0, faultNoLength
	}
	return length, 0
}
