package sip

import (
	"strconv"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A wire is a message being written. Outgoing messages are written as octets at
// once, because a retransmission is those octets again.
type wire struct{ b []byte }

// newWire returns a wire with room for a usual message and its body.
func newWire(body int) wire { return wire{b: make([]byte, 0, 768+body)} }

func (w *wire) str(ss ...string) {
	for _, s := range ss {
		w.b = append(w.b, s...)
	}
}

func (w *wire) num(n uint64) { w.b = strconv.AppendUint(w.b, n, 10) }

// line writes a header of our own making: name and value are known to be clean.
func (w *wire) line(name, value string) { w.str(name, ": ", value, "\r\n") }

// header writes a header from outside, or nothing where that would make more
// than one header of it.
func (w *wire) header(h Header) {
	if isToken(h.Name) && validValue(h.Value) {
		w.line(h.Name, h.Value)
	}
}

// headers writes those of hs that can be written.
func (w *wire) headers(hs []Header) {
	for _, h := range hs {
		if !reserved(h.Name) {
			w.header(h)
		}
	}
}

// copied writes a header of a message that came in, as it was read: one of those
// that go into responses and into requests hop by hop. sipgo could write them as
// well, with several copies of each on the way.
func (w *wire) copied(h sipmsg.Header) {
	start := len(w.b)
	switch h := h.(type) {
	case *sipmsg.ViaHeader:
		w.str("Via: ", h.ProtocolName, "/", h.ProtocolVersion, "/", h.Transport, " ")
		w.b = appendParams(appendHostPort(w.b, h.Host, h.Port), h.Params)
	case *sipmsg.FromHeader:
		w.str("From: ")
		w.b = appendParams(appendNameAddr(w.b, h.DisplayName, &h.Address), h.Params)
	case *sipmsg.ToHeader:
		w.str("To: ")
		w.b = appendParams(appendNameAddr(w.b, h.DisplayName, &h.Address), h.Params)
	case *sipmsg.RecordRouteHeader:
		w.str("Record-Route: ")
		w.b = appendNameAddr(w.b, "", &h.Address)
	case *sipmsg.CSeqHeader:
		w.str("CSeq: ")
		w.num(uint64(h.SeqNo))
		w.str(" ", string(h.MethodName))
	default:
		w.str(h.Name(), ": ", h.Value())
	}
	for _, c := range w.b[start:] {
		if c == '\r' || c == '\n' || c == 0 { // a parser may have let it through
			w.b = w.b[:start]
			return
		}
	}
	w.str("\r\n")
}

// body ends the header and writes the body. A body without a type is SDP.
func (w *wire) body(contentType string, body []byte) []byte {
	if len(body) > 0 {
		if contentType == "" || !validValue(contentType) {
			contentType = typeSDP
		}
		w.line("Content-Type", contentType)
	}
	w.str("Content-Length: ")
	w.num(uint64(len(body)))
	w.str("\r\n\r\n")
	w.b = append(w.b, body...)
	return w.b
}

// address writes a name-addr, and reports false if it cannot be one.
func (w *wire) address(a Address) bool {
	if !validURI(a.URI) {
		return false
	}
	if a.Display != "" {
		w.quoted(a.Display)
		w.str(" ")
	}
	w.str("<", a.URI, ">")
	return true
}

// quoted writes s as a quoted-string; control characters become spaces.
// RFC 3261 §25.1.
func (w *wire) quoted(s string) {
	w.b = append(w.b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			w.b = append(w.b, '\\', c)
		case c < 0x20 || c == 0x7f:
			w.b = append(w.b, ' ')
		default:
			w.b = append(w.b, c)
		}
	}
	w.b = append(w.b, '"')
}

// quote returns s as a quoted-string.
func quote(s string) string {
	var w wire
	w.quoted(s)
	return string(w.b)
}

// reserved reports whether a header is the leg's to write, so that no rule or
// copy may add a second one.
func reserved(name string) bool {
	switch longName(name) {
	case "via", "from", "to", "call-id", "cseq", "max-forwards", "contact", "route",
		"record-route", "content-length", "content-type", "rseq", "rack", "session-expires",
		"min-se", "supported", "require", "allow", "authorization", "proxy-authorization",
		"user-agent", "server", "event", "subscription-state":
		return true
	}
	return false
}
