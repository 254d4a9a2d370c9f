package flow

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A message is a SIP message as a peer of a flow sees it. It is read and
// written by code of the test's own, so that a mistake in the program's parser
// does not hide itself.
type message struct {
	start   string // request or status line
	headers []header
	body    []byte
}

type header struct{ name, value string }

// parse reads a datagram.
func parse(raw []byte) (*message, error) {
	m, err := read(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, fmt.Errorf("message %.60q: %w", raw, err)
	}
	return m, nil
}

// read reads one message from a stream, framed by Content-Length. Keep-alives
// between messages are skipped.
func read(r *bufio.Reader) (*message, error) {
	m := &message{}
	for m.start == "" {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, err
		}
		m.start = strings.TrimRight(line, "\r\n")
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("header: %w", err)
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("line %q is no header", line)
		}
		m.headers = append(m.headers, header{strings.TrimSpace(name), strings.TrimSpace(value)})
	}
	n, err := strconv.Atoi(m.get("Content-Length"))
	if err != nil {
		n = 0
	}
	m.body = make([]byte, n)
	if _, err := io.ReadFull(r, m.body); err != nil {
		return nil, fmt.Errorf("body: %w", err)
	}
	return m, nil
}

// get returns the first value of a header, "" when there is none.
func (m *message) get(name string) string {
	for _, h := range m.headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

// all returns every value of a header, in order.
func (m *message) all(name string) []string {
	var vs []string
	for _, h := range m.headers {
		if strings.EqualFold(h.name, name) {
			vs = append(vs, h.value)
		}
	}
	return vs
}

// set replaces a header, or adds it; an empty value removes it.
func (m *message) set(name, value string) {
	out, done := m.headers[:0], value == ""
	for _, h := range m.headers {
		switch {
		case !strings.EqualFold(h.name, name):
			out = append(out, h)
		case !done:
			out = append(out, header{h.name, value})
			done = true
		}
	}
	if !done {
		out = append(out, header{name, value})
	}
	m.headers = out
}

func (m *message) add(name, value string) { m.headers = append(m.headers, header{name, value}) }

// request reports whether the message is a request.
func (m *message) request() bool { return !strings.HasPrefix(m.start, "SIP/2.0 ") }

// kind is the method of a request, the status of a response.
func (m *message) kind() string {
	f := strings.Fields(m.start)
	switch {
	case len(f) == 0:
		return ""
	case m.request():
		return f[0]
	case len(f) > 1:
		return f[1]
	}
	return ""
}

// uri is the Request-URI.
func (m *message) uri() string {
	if f := strings.Fields(m.start); len(f) > 1 && m.request() {
		return f[1]
	}
	return ""
}

// method is the method of a request, or the one a response is for.
func (m *message) method() string {
	if m.request() {
		return m.kind()
	}
	_, method, _ := strings.Cut(m.get("CSeq"), " ")
	return strings.TrimSpace(method)
}

// bytes writes the message, with a Content-Length that is right unless one was
// set on purpose.
func (m *message) bytes() []byte {
	var b bytes.Buffer
	b.WriteString(m.start + "\r\n")
	for _, h := range m.headers {
		b.WriteString(h.name + ": " + h.value + "\r\n")
	}
	if m.get("Content-Length") == "" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(m.body))
	}
	b.WriteString("\r\n")
	b.Write(m.body)
	return b.Bytes()
}

// summary is the message in a ladder.
func (m *message) summary() string {
	s := strings.TrimPrefix(m.start, "SIP/2.0 ")
	s = strings.TrimSuffix(s, " SIP/2.0")
	if !m.request() && m.method() != "INVITE" {
		s += " (" + m.method() + ")"
	}
	if d := describe(m.body); d != "" {
		s += "   " + d
	}
	return s
}

// param returns a parameter of a header value, "" when it has none.
func param(value, name string) string {
	if i := strings.LastIndex(value, ">"); i >= 0 {
		value = value[i:]
	}
	for p := range strings.SplitSeq(value, ";") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// address returns the URI of a name-addr or addr-spec header value.
func address(value string) string {
	if i := strings.Index(value, "<"); i >= 0 {
		value = value[i+1:]
		if j := strings.Index(value, ">"); j >= 0 {
			return value[:j]
		}
		return value
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}

// user returns the user part of a SIP URI.
func user(uri string) string {
	_, rest, _ := strings.Cut(uri, ":")
	if u, _, ok := strings.Cut(rest, "@"); ok {
		u, _, _ = strings.Cut(u, ";")
		return u
	}
	return ""
}

// hostport returns the host and port of a SIP URI; the port is "" when it is
// not given.
func hostport(uri string) (host, port string) {
	_, rest, _ := strings.Cut(uri, ":")
	if _, after, ok := strings.Cut(rest, "@"); ok {
		rest = after
	}
	rest, _, _ = strings.Cut(rest, ";")
	rest, _, _ = strings.Cut(rest, "?")
	if strings.HasPrefix(rest, "[") {
		host, port, _ = strings.Cut(rest[1:], "]")
		return host, strings.TrimPrefix(port, ":")
	}
	host, port, _ = strings.Cut(rest, ":")
	return host, port
}
