package transport

import (
	"net/netip"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A cursor walks over a header value.
type cursor struct {
	s string
	i int
}

func (c *cursor) end() bool { return c.i >= len(c.s) }

// space skips white space; after it the cursor is at a byte or at the end.
func (c *cursor) space() {
	for c.i < len(c.s) && isSpace(c.s[c.i]) {
		c.i++
	}
}

// take skips white space around one byte b, if it comes next.
func (c *cursor) take(b byte) bool {
	c.space()
	if c.end() || c.s[c.i] != b {
		return false
	}
	c.i++
	c.space()
	return true
}

func (c *cursor) token() string {
	start := c.i
	for c.i < len(c.s) && isTokenByte(c.s[c.i]) {
		c.i++
	}
	return c.s[start:c.i]
}

// quoted reads a quoted string with its quotes, "" if it does not end.
func (c *cursor) quoted() string {
	start := c.i
	for c.i++; c.i < len(c.s); c.i++ {
		switch c.s[c.i] {
		case '\\':
			c.i++
		case '"':
			c.i++
			return c.s[start:c.i]
		}
	}
	return ""
}

// params reads *(SEMI name [EQUAL value]) up to a comma or the end. Names come in
// lower case, since they are compared without it; values as written, quotes
// included, except that one with white space has them taken off: sipgo's headers,
// and Append, put them on again. RFC 3261 §7.3.1 and §25.1, generic-param.
func (c *cursor) params(dst *sipmsg.HeaderParams) bool {
	for n := 0; c.take(';'); n++ {
		name := strings.ToLower(c.token())
		if name == "" || n == maxParams {
			return false
		}
		var value string
		if c.take('=') {
			if value = c.value(); value == "" {
				return false
			}
		}
		*dst = append(*dst, sipmsg.HeaderKV{K: name, V: value})
	}
	c.space()
	return true
}

// value reads the value of a parameter: a token, a host, or a quoted string.
func (c *cursor) value() string {
	if c.i < len(c.s) && c.s[c.i] == '"' {
		q := c.quoted()
		if strings.ContainsAny(q, " \t") {
			q = q[1 : len(q)-1]
		}
		return q
	}
	start := c.i
	for c.i < len(c.s) && strings.IndexByte(" \t;,\"<>", c.s[c.i]) < 0 {
		c.i++
	}
	return c.s[start:c.i]
}

// address reads name-addr or addr-spec. In an addr-spec a semicolon begins the
// header's parameters, and a question mark or comma may not stand.
// RFC 3261 §20.10.
func (c *cursor) address(display *string, u *sipmsg.Uri) bool {
	c.space()
	if !c.end() && c.s[c.i] == '"' {
		q := c.quoted()
		c.space()
		if q == "" || c.end() || c.s[c.i] != '<' {
			return false
		}
		*display = q[1 : len(q)-1]
		return c.bracketed(u)
	}
	start := c.i
	for c.i < len(c.s) && strings.IndexByte("<\",;?", c.s[c.i]) < 0 {
		c.i++
	}
	if !c.end() && c.s[c.i] == '<' {
		// Display names without quotes are tokens by the book; carriers put numbers
		// with parentheses and names with accents there.
		name := strings.TrimRight(c.s[start:c.i], " \t")
		if strings.IndexByte(name, '\\') >= 0 {
			return false
		}
		*display = name
		return c.bracketed(u)
	}
	if !c.end() && c.s[c.i] != ';' && c.s[c.i] != ',' {
		return false
	}
	return parseAnyURI(strings.TrimRight(c.s[start:c.i], " \t"), u) == 0
}

func (c *cursor) bracketed(u *sipmsg.Uri) bool {
	end := strings.IndexByte(c.s[c.i:], '>')
	if end < 0 {
		return false
	}
	uri := c.s[c.i+1 : c.i+end]
	c.i += end + 1
	return parseAnyURI(uri, u) == 0
}

// parseAddress reads From and To.
func parseAddress(value string, display *string, u *sipmsg.Uri, params *sipmsg.HeaderParams) bool {
	c := cursor{s: value}
	return c.address(display, u) && c.params(params) && c.end()
}

func (p *parser) contacts(value string) bool {
	if value == "*" { // RFC 3261 §10.2.2
		p.msg.AppendHeader(&sipmsg.ContactHeader{Address: sipmsg.Uri{Host: "*", Wildcard: true}})
		return true
	}
	c := cursor{s: value}
	for {
		h := &p.usual.contact
		if p.contact == nil {
			*h = sipmsg.ContactHeader{} // a bad one may have been read before
		} else {
			h = &sipmsg.ContactHeader{}
		}
		if !c.address(&h.DisplayName, &h.Address) || !c.params(&h.Params) || !p.another(&c) {
			return false
		}
		p.msg.AppendHeader(h)
		if p.contact == nil {
			p.contact = h
		}
		if c.end() {
			return c.s[len(c.s)-1] != ','
		}
	}
}

// firstContact makes sipgo's Contact() the first of several, which is the remote
// target of a dialog; by itself it would be the last.
func (p *parser) firstContact() {
	switch {
	case p.contact == nil:
	case p.req != nil:
		p.req.ReplaceHeader(p.contact)
	default:
		p.res.ReplaceHeader(p.contact)
	}
}

func (p *parser) routes(f field, value string) bool {
	c := cursor{s: value}
	for {
		var display string
		var u sipmsg.Uri
		var params sipmsg.HeaderParams
		if !c.address(&display, &u) || !c.params(&params) || !p.another(&c) {
			return false
		}
		if f == fieldRoute {
			p.msg.AppendHeader(&sipmsg.RouteHeader{Address: u})
		} else {
			p.msg.AppendHeader(&sipmsg.RecordRouteHeader{Address: u})
		}
		if c.end() {
			return c.s[len(c.s)-1] != ','
		}
	}
}

// another steps over a comma of a list and counts what follows it.
func (p *parser) another(c *cursor) bool {
	if c.end() {
		return true
	}
	p.fields++
	return c.take(',') && p.fields <= maxFields
}

func (p *parser) vias(value string) bool {
	c := cursor{s: value}
	for {
		h := &p.usual.via
		if p.msg.Via() == nil {
			*h = sipmsg.ViaHeader{Params: p.usual.viaParams[:0]}
		} else {
			h = &sipmsg.ViaHeader{Params: make(sipmsg.HeaderParams, 0, 4)}
		}
		if !c.via(h) || !p.another(&c) {
			return false
		}
		p.msg.AppendHeader(h)
		if c.end() {
			return c.s[len(c.s)-1] != ','
		}
	}
}

// via reads one via-parm. White space may stand around each slash and colon.
// RFC 3261 §20.42 and §25.1.
func (c *cursor) via(h *sipmsg.ViaHeader) bool {
	c.space()
	h.ProtocolName = c.token()
	if h.ProtocolName == "" || !c.take('/') {
		return false
	}
	h.ProtocolVersion = c.token()
	if h.ProtocolVersion == "" || !c.take('/') {
		return false
	}
	h.Transport = c.token()
	if h.Transport == "" || c.end() || !isSpace(c.s[c.i]) {
		return false
	}
	c.space()
	if !c.viaHost(h) {
		return false
	}
	if c.take(':') {
		start := c.i
		for c.i < len(c.s) && '0' <= c.s[c.i] && c.s[c.i] <= '9' {
			c.i++
		}
		port, err := parsePort(c.s[start:c.i])
		if err != nil {
			return false
		}
		h.Port = int(port)
	}
	return c.params(&h.Params)
}

// viaHost reads the host of sent-by; sipgo wants it without brackets.
func (c *cursor) viaHost(h *sipmsg.ViaHeader) bool {
	start := c.i
	if !c.end() && c.s[c.i] == '[' {
		end := strings.IndexByte(c.s[c.i:], ']')
		if end < 0 {
			return false
		}
		c.i += end + 1
		h.Host = c.s[start+1 : c.i-1]
		return isIPv6(h.Host)
	}
	for c.i < len(c.s) && strings.IndexByte(" \t:;,", c.s[c.i]) < 0 {
		c.i++
	}
	h.Host = c.s[start:c.i]
	return isHost(h.Host)
}

// isIPv6 reports whether s is an IPv6 address without brackets. Three colons in a
// row are what the grammar of RFC 3261 wrongly allows (RFC 5118 §4.10): read,
// never written.
func isIPv6(s string) bool {
	a, err := netip.ParseAddr(strings.Replace(s, ":::", "::", 1))
	return err == nil && a.Is6() && a.Zone() == ""
}
