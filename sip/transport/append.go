package transport

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// ErrUnsafe is what Append answers to a message that would not arrive as one:
// a header with CR, LF or NUL, a display name or URI that breaks its brackets.
var ErrUnsafe = errors.New("unsafe octet in message")

// Append appends the wire form of msg to dst. Whatever a header was made of, one
// message in never makes two out. On error dst comes back as it was; the error
// wraps ErrUnsafe and names the header.
//
// Content-Length is always written, last and from the body; a Content-Length
// among the headers is passed over (RFC 3261 §20.14).
func Append(dst []byte, msg sipmsg.Message) ([]byte, error) {
	w := writer{b: dst}
	var headers []sipmsg.Header
	switch m := msg.(type) {
	case *sipmsg.Request:
		w.request(m)
		headers = m.Headers()
	case *sipmsg.Response:
		w.response(m)
		headers = m.Headers()
	default:
		return dst, fmt.Errorf("append message: %T is neither request nor response", msg)
	}
	for _, h := range headers {
		w.header(h)
	}
	if w.err != nil {
		return dst, fmt.Errorf("append message: %w", w.err)
	}
	body := msg.Body()
	w.b = append(w.b, "Content-Length: "...)
	w.b = strconv.AppendInt(w.b, int64(len(body)), 10)
	w.b = append(w.b, "\r\n\r\n"...)
	return append(w.b, body...), nil
}

// A writer appends lines and remembers the first that was unsafe.
type writer struct {
	b   []byte
	err error
}

func (w *writer) fail(what string) {
	if w.err == nil {
		w.err = fmt.Errorf("%w: %s", ErrUnsafe, what)
	}
}

// endLine checks what was written since start and ends the line. RFC 3261 §25.1
// lets CR and LF stand in no header value; NUL only confuses others.
func (w *writer) endLine(start int, what string) {
	line := w.b[start:]
	if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, '\n') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		w.fail(what)
	}
	w.b = append(w.b, "\r\n"...)
}

func (w *writer) request(m *sipmsg.Request) {
	start := len(w.b)
	if !isToken(string(m.Method)) {
		w.fail("method")
	}
	w.b = append(w.b, m.Method...)
	w.b = append(w.b, ' ')
	w.uri(&m.Recipient)
	w.b = append(w.b, " SIP/2.0"...)
	w.endLine(start, "request line")
}

func (w *writer) response(m *sipmsg.Response) {
	start := len(w.b)
	if m.StatusCode < 100 || m.StatusCode > 699 {
		w.fail("status code")
	}
	w.b = append(w.b, "SIP/2.0 "...)
	w.b = strconv.AppendInt(w.b, int64(m.StatusCode), 10)
	w.b = append(w.b, ' ')
	w.b = append(w.b, m.Reason...)
	w.endLine(start, "status line")
}

func (w *writer) header(h sipmsg.Header) {
	start := len(w.b)
	name := h.Name()
	switch h := h.(type) {
	case *sipmsg.ContentLengthHeader:
		return
	case *sipmsg.ViaHeader:
		w.b = append(w.b, "Via: "...)
		w.via(h)
	case *sipmsg.FromHeader:
		w.b = append(w.b, "From: "...)
		w.nameAddr(h.DisplayName, &h.Address, h.Params)
	case *sipmsg.ToHeader:
		w.b = append(w.b, "To: "...)
		w.nameAddr(h.DisplayName, &h.Address, h.Params)
	case *sipmsg.ContactHeader:
		w.b = append(w.b, "Contact: "...)
		if h.Address.Wildcard {
			w.b = append(w.b, '*')
			break
		}
		w.nameAddr(h.DisplayName, &h.Address, h.Params)
	case *sipmsg.RouteHeader:
		w.b = append(w.b, "Route: "...)
		w.nameAddr("", &h.Address, nil)
	case *sipmsg.RecordRouteHeader:
		w.b = append(w.b, "Record-Route: "...)
		w.nameAddr("", &h.Address, nil)
	case *sipmsg.CSeqHeader:
		w.b = append(w.b, "CSeq: "...)
		w.b = strconv.AppendUint(w.b, uint64(h.SeqNo), 10)
		w.b = append(w.b, ' ')
		w.b = append(w.b, h.MethodName...)
	default:
		if !isToken(name) {
			w.fail("header name")
		}
		if strings.EqualFold(name, "Content-Length") || strings.EqualFold(name, "l") {
			return
		}
		w.b = append(w.b, name...)
		w.b = append(w.b, ": "...)
		w.b = append(w.b, h.Value()...)
	}
	w.endLine(start, name)
}

func (w *writer) via(h *sipmsg.ViaHeader) {
	w.b = append(w.b, h.ProtocolName...)
	w.b = append(w.b, '/')
	w.b = append(w.b, h.ProtocolVersion...)
	w.b = append(w.b, '/')
	w.b = append(w.b, h.Transport...)
	w.b = append(w.b, ' ')
	w.hostPort(h.Host, h.Port)
	w.params(h.Params)
}

// nameAddr writes name-addr with the brackets always there, so that parameters
// of the URI and of the header cannot be mistaken. RFC 3261 §20.10.
func (w *writer) nameAddr(display string, u *sipmsg.Uri, params sipmsg.HeaderParams) {
	if display != "" {
		if !isQuotable(display) {
			w.fail("display name")
		}
		w.b = append(w.b, '"')
		w.b = append(w.b, display...)
		w.b = append(w.b, '"', ' ')
	}
	w.b = append(w.b, '<')
	w.uri(u)
	w.b = append(w.b, '>')
	w.params(params)
}

func (w *writer) uri(u *sipmsg.Uri) {
	start := len(w.b)
	scheme := u.Scheme
	if scheme == "" {
		scheme = "sip"
	}
	w.b = append(w.b, scheme...)
	w.b = append(w.b, ':')
	if raw := u.Raw(); raw != "" {
		w.b = append(w.b, raw...)
	} else {
		if u.User != "" {
			w.b = append(w.b, u.User...)
			if u.Password != "" {
				w.b = append(w.b, ':')
				w.b = append(w.b, u.Password...)
			}
			w.b = append(w.b, '@')
		}
		w.hostPort(u.Host, u.Port)
		w.uriParams(';', ';', u.UriParams)
		w.uriParams('?', '&', u.Headers)
	}
	for _, c := range w.b[start:] {
		if c <= ' ' || c == '<' || c == '>' || c == '"' || c == 0x7f {
			w.fail("uri")
			return
		}
	}
}

func (w *writer) hostPort(host string, port int) {
	if strings.IndexByte(host, ':') >= 0 && host[0] != '[' {
		w.b = append(w.b, '[')
		w.b = append(w.b, host...)
		w.b = append(w.b, ']')
	} else {
		w.b = append(w.b, host...)
	}
	if port > 0 {
		w.b = append(w.b, ':')
		w.b = strconv.AppendInt(w.b, int64(port), 10)
	}
}

func (w *writer) uriParams(first, sep byte, params sipmsg.HeaderParams) {
	for _, p := range params {
		w.b = append(w.b, first)
		first = sep
		w.b = append(w.b, p.K...)
		if p.V != "" {
			w.b = append(w.b, '=')
			w.b = append(w.b, p.V...)
		}
	}
}

// params writes header parameters. A value with white space is quoted, one that
// is quoted already stays, and one that would end its parameter is refused.
func (w *writer) params(params sipmsg.HeaderParams) {
	for _, p := range params {
		w.b = append(w.b, ';')
		w.b = append(w.b, p.K...)
		if p.V == "" {
			continue
		}
		w.b = append(w.b, '=')
		switch {
		case p.V[0] == '"':
			if n := len(p.V); n < 2 || p.V[n-1] != '"' || !isQuotable(p.V[1:n-1]) {
				w.fail("parameter " + p.K)
			}
			w.b = append(w.b, p.V...)
		case strings.ContainsAny(p.V, " \t"):
			if !isQuotable(p.V) {
				w.fail("parameter " + p.K)
			}
			w.b = append(w.b, '"')
			w.b = append(w.b, p.V...)
			w.b = append(w.b, '"')
		default:
			if strings.ContainsAny(p.V, `;,"<>`) {
				w.fail("parameter " + p.K)
			}
			w.b = append(w.b, p.V...)
		}
	}
}

// isQuotable reports whether s may stand between quotes as it is: each quote in
// it is escaped and it does not end in half an escape. RFC 3261 §25.1.
func isQuotable(s string) bool {
	if strings.IndexByte(s, '"') < 0 && strings.IndexByte(s, '\\') < 0 {
		return true
	}
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return false
		case '\\':
			i++
			if i == len(s) {
				return false
			}
		}
	}
	return true
}

// isToken reports whether s is a token. RFC 3261 §25.1.
func isToken(s string) bool {
	for i := range len(s) {
		if !isTokenByte(s[i]) {
			return false
		}
	}
	return s != ""
}

func isTokenByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	switch c {
	case '-', '.', '!', '%', '*', '_', '+', '`', '\'', '~':
		return true
	}
	return false
}
