package transport

import (
	"bytes"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Parse reads one whole message: a datagram, a frame of a WebSocket, or what the
// framer cut from a stream. It keeps nothing of data.
//
// Beyond the grammar it holds a message to what everybody behind it relies on:
// Via, From, To, Call-ID and CSeq are there, nothing that may stand once stands
// twice, the CSeq names the method, the body is as long as Content-Length says.
// Octets after the body are dropped (RFC 3261 §18.3). Names of header parameters
// and URI parameters are put in lower case and compact header names written out;
// all else stays as it was written.
//
// The error is nil or a reason without any of the message's text. With an error
// a *sipmsg.Request may come as well, holding the headers that could be read: it
// is good for an answer and for nothing else.
func Parse(data []byte) (sipmsg.Message, error) {
	msg, f := parse(data)
	if f != 0 {
		return msg, f
	}
	return msg, nil
}

// A parser is the state of reading one message.
type parser struct {
	req     *sipmsg.Request
	res     *sipmsg.Response
	msg     sipmsg.Message
	usual   *usual
	seen    uint16                // set of fields that may stand once
	contact *sipmsg.ContactHeader // the first
	fields  int
	length  int   // Content-Length, -1 when there is none
	fault   fault // the first one
}

// usual is the headers that nearly every message has once, in one piece of memory.
type usual struct {
	via           sipmsg.ViaHeader // the first
	from          sipmsg.FromHeader
	to            sipmsg.ToHeader
	contact       sipmsg.ContactHeader // the first
	callID        sipmsg.CallIDHeader
	cseq          sipmsg.CSeqHeader
	maxForwards   sipmsg.MaxForwardsHeader
	contentLength sipmsg.ContentLengthHeader
	contentType   sipmsg.ContentTypeHeader
	// Room for parameters: branch, rport, received and one more; a tag.
	viaParams      [4]sipmsg.HeaderKV
	fromTag, toTag [1]sipmsg.HeaderKV
}

func parse(data []byte) (sipmsg.Message, fault) {
	for len(data) >= 2 && data[0] == '\r' && data[1] == '\n' { // RFC 3261 §7.5
		data = data[2:]
	}
	if len(data) > maxMessage {
		return nil, faultTooLarge
	}
	n := bytes.Index(data, []byte("\r\n\r\n"))
	if n < 0 {
		return nil, headless(data)
	}
	if n > maxHeader {
		return nil, faultTooLarge
	}
	p := parser{length: -1}
	lines := string(data[:n+2])
	start, lines, _ := strings.Cut(lines, "\r\n")
	if !p.startLine(start) {
		return nil, p.fault
	}
	p.usual = &usual{}
	p.headers(lines)
	p.firstContact()
	p.check()
	body := data[n+4:]
	switch {
	case p.length > len(body):
		p.fail(faultBodyShort)
	case p.length >= 0:
		body = body[:p.length]
	}
	if p.fault != 0 {
		if p.req == nil {
			return nil, p.fault
		}
		return p.req, p.fault
	}
	if len(body) > 0 {
		p.msg.SetBody(bytes.Clone(body))
	}
	return p.msg, 0
}

// headless says what is wrong with data that has no end of header.
func headless(data []byte) fault {
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Contains(line, []byte("SIP/")) {
		return faultNotSIP
	}
	return faultNoEnd
}

func (p *parser) fail(f fault) {
	if p.fault == 0 {
		p.fault = f
	}
}

// startLine reports whether this is a message at all.
func (p *parser) startLine(line string) bool {
	if hasControl(line) {
		p.fail(faultControl)
		return false
	}
	if len(line) >= 4 && strings.EqualFold(line[:4], "SIP/") {
		return p.statusLine(line)
	}
	return p.requestLine(line)
}

// requestLine reads Method SP Request-URI SP SIP-Version. RFC 3261 §7.1.
func (p *parser) requestLine(line string) bool {
	line = strings.TrimRight(line, " ") // harmless, RFC 4475 §3.1.2.12
	i, j := strings.IndexByte(line, ' '), strings.LastIndexByte(line, ' ')
	if i <= 0 || j <= i {
		p.fail(faultNotSIP)
		return false
	}
	method, uri, version := line[:i], line[i+1:j], line[j+1:]
	if len(version) < 4 || !strings.EqualFold(version[:4], "SIP/") {
		p.fail(faultNotSIP)
		return false
	}
	if !isToken(method) {
		p.fail(faultMethod)
		return false
	}
	if !strings.EqualFold(version, "SIP/2.0") {
		p.fail(faultVersion)
	}
	// Methods are compared with case (RFC 3261 §7.1); sipgo's parser folds it.
	p.req = sipmsg.NewRequest(sipmsg.RequestMethod(method), sipmsg.Uri{})
	p.msg = p.req
	if f := parseURI(uri, &p.req.Recipient); f != 0 {
		p.fail(f)
	}
	return true
}

// statusLine reads SIP-Version SP Status-Code SP Reason-Phrase. RFC 3261 §7.2.
func (p *parser) statusLine(line string) bool {
	version, rest, _ := strings.Cut(line, " ")
	code, reason, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(code, 10, 16)
	switch {
	case !strings.EqualFold(version, "SIP/2.0"):
		p.fail(faultVersion)
		return false
	case err != nil || len(code) != 3 || n < 100 || n > 699:
		p.fail(faultStatus)
		return false
	}
	p.res = sipmsg.NewResponse(int(n), reason)
	p.msg = p.res
	return true
}

// headers reads the lines up to the end, each ended by CRLF. A line that begins
// with white space continues the one before. RFC 3261 §7.3.1.
func (p *parser) headers(lines string) {
	for lines != "" {
		line, rest, _ := strings.Cut(lines, "\r\n")
		if rest != "" && isSpace(rest[0]) {
			line, rest = unfold(line, rest)
		}
		lines = rest
		if p.fields++; p.fields > maxFields {
			p.fail(faultFields)
			return
		}
		p.line(line)
	}
}

// unfold joins line and its continuations in rest with one space each.
func unfold(line, rest string) (string, string) {
	var b strings.Builder
	b.WriteString(strings.TrimRight(line, " \t"))
	for rest != "" && isSpace(rest[0]) {
		var more string
		more, rest, _ = strings.Cut(rest, "\r\n")
		b.WriteByte(' ')
		b.WriteString(strings.Trim(more, " \t"))
	}
	return b.String(), rest
}

// line reads one header. White space before the colon is allowed (RFC 3261
// §7.3.1), inside the name it is not.
func (p *parser) line(line string) {
	name, value, ok := strings.Cut(line, ":")
	name, value = strings.TrimRight(name, " \t"), strings.Trim(value, " \t")
	if !ok || !isToken(name) {
		p.fail(faultName)
		return
	}
	f := fieldOf(name)
	if hasControl(value) {
		if strings.ContainsAny(value, "\r\n") {
			p.fail(faultLineEnd)
			return
		}
		// A quoted pair may hide a control character (RFC 4475 §3.1.1.2). We do not
		// pass such on: in From and To it is blanked, elsewhere it is a fault.
		if f != fieldFrom && f != fieldTo {
			p.fail(faultControl)
			return
		}
		value = blankControls(value)
	}
	p.field(f, name, value)
}

// field takes one header by what it is.
func (p *parser) field(f field, name, value string) {
	if f.single() {
		bit := uint16(1) << f
		if p.seen&bit != 0 {
			p.repeated(f, value)
			return
		}
		p.seen |= bit
	}
	var ok bool
	switch f {
	case fieldVia:
		ok = p.vias(value)
	case fieldContact:
		ok = p.contacts(value)
	case fieldRoute, fieldRecordRoute:
		ok = p.routes(f, value)
	case fieldFrom:
		h := &p.usual.from
		h.Params = p.usual.fromTag[:0]
		if ok = parseAddress(value, &h.DisplayName, &h.Address, &h.Params); ok {
			p.msg.AppendHeader(h)
		}
	case fieldTo:
		h := &p.usual.to
		h.Params = p.usual.toTag[:0]
		if ok = parseAddress(value, &h.DisplayName, &h.Address, &h.Params); ok {
			p.msg.AppendHeader(h)
		}
	case fieldCallID:
		if ok = value != "" && !strings.ContainsAny(value, " \t,"); ok {
			p.usual.callID = sipmsg.CallIDHeader(value)
			p.msg.AppendHeader(&p.usual.callID)
		}
	case fieldCSeq:
		ok = p.cseq(value)
	case fieldMaxForwards:
		ok = p.maxForwards(value)
	case fieldContentLength:
		ok = p.contentLength(value)
	case fieldContentType:
		p.usual.contentType = sipmsg.ContentTypeHeader(value)
		p.msg.AppendHeader(&p.usual.contentType)
		ok = true
	case fieldOther:
		p.msg.AppendHeader(sipmsg.NewHeader(longName(name), value))
		ok = true
	}
	if !ok {
		p.fail(f.fault())
		if f != fieldContentLength {
			p.msg.AppendHeader(sipmsg.NewHeader(f.name(), value))
		}
	}
}

// repeated refuses a second header of a kind that may stand once. A second
// Content-Length that says the same is a harmless habit of some; one that differs
// is how a message is smuggled past somebody.
func (p *parser) repeated(f field, value string) {
	if f != fieldContentLength {
		p.fail(faultTwice)
		return
	}
	if n, err := strconv.ParseUint(value, 10, 31); err != nil || int(n) != p.length {
		p.fail(faultLengthTwice)
	}
}

func (p *parser) cseq(value string) bool {
	num, method, _ := strings.Cut(value, " ")
	if i := strings.IndexByte(num, '\t'); i >= 0 {
		num, method = value[:i], value[i:]
	}
	method = strings.Trim(method, " \t")
	n, err := strconv.ParseUint(num, 10, 31) // below 2**31, RFC 3261 §8.1.1.5
	if err != nil || !isToken(method) {
		return false
	}
	p.usual.cseq = sipmsg.CSeqHeader{SeqNo: uint32(n), MethodName: sipmsg.RequestMethod(method)}
	p.msg.AppendHeader(&p.usual.cseq)
	return true
}

func (p *parser) maxForwards(value string) bool {
	n, err := strconv.ParseUint(value, 10, 8) // 0 to 255, RFC 3261 §20.22
	if err != nil {
		return false
	}
	p.usual.maxForwards = sipmsg.MaxForwardsHeader(n)
	p.msg.AppendHeader(&p.usual.maxForwards)
	return true
}

func (p *parser) contentLength(value string) bool {
	n, ok := parseLength(value)
	if !ok {
		return false
	}
	p.length = n
	p.usual.contentLength = sipmsg.ContentLengthHeader(n)
	p.msg.AppendHeader(&p.usual.contentLength)
	return true
}

// parseLength reads a Content-Length: digits only, hence never negative.
func parseLength(value string) (int, bool) {
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return 0, false
		}
	}
	n, err := strconv.ParseUint(value, 10, 31)
	return int(n), err == nil
}

// check holds the message to RFC 3261 §8.1.1 and §8.2.6.2. Max-Forwards, a
// branch and a From tag may be missing: RFC 2543 had none (RFC 4475 §3.4.1).
func (p *parser) check() {
	const must = 1<<fieldFrom | 1<<fieldTo | 1<<fieldCallID | 1<<fieldCSeq
	if p.seen&must != must || p.msg.Via() == nil {
		p.fail(faultMissing)
		return
	}
	if p.req != nil && p.fault == 0 && p.req.CSeq().MethodName != p.req.Method {
		p.fail(faultCSeqMethod) // RFC 3261 §8.1.1.5
	}
}
