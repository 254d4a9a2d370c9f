package flow

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A call is one Call-ID at a peer.
type call struct {
	p      *peer
	n      string // in the flow
	id     string
	inbox  []arrival
	hashes map[string]bool // messages that came
	silent bool            // answers no INFO by itself

	uac       bool // the peer sent the first INVITE
	by        string
	gateway   string // sip:host:port it was sent to
	localURI  string
	remoteURI string
	localTag  string // of a caller; each leg of a called side has its own
	cseq      int
	theirs    arrival             // their last request that expects an answer
	requests  map[string]arrival  // their last request by method
	sent      map[string]*message // our last message by kind
	legs      map[string]*leg     // by fork
}

// A leg is one dialog of a call: each fork has one.
type leg struct {
	fork   string
	local  string // tag
	remote string // tag
	target string // their Contact
	media  *media
	rseq   string // of their last reliable provisional response
	invite string // CSeq number of the INVITE it belongs to
}

// seen remembers a message; true when it had come before. The caller holds
// the peer's mutex.
func (c *call) seen(raw []byte) bool {
	k := string(raw)
	before := c.hashes[k]
	c.hashes[k] = true
	return before
}

// leg finds the dialog of a fork, making it if need be.
func (c *call) leg(fork string) *leg {
	l := c.legs[fork]
	if l == nil {
		l = &leg{fork: fork}
		c.legs[fork] = l
	}
	return l
}

// legOf finds the dialog a message from the gateway belongs to. The caller
// holds the peer's mutex.
func (c *call) legOf(m *message) *leg {
	ours, theirs := param(m.get("From"), "tag"), param(m.get("To"), "tag")
	if m.request() {
		ours, theirs = theirs, ours
	}
	for _, l := range c.legs {
		if l.remote == theirs && (ours == "" || l.tag(c) == ours) {
			return l
		}
	}
	return nil
}

// tag is our tag in the dialog.
func (l *leg) tag(c *call) string {
	if c.uac {
		return c.localTag
	}
	if l.local == "" {
		l.local = c.p.f.token("t")
	}
	return l.local
}

// begin makes the call one of our own.
func (c *call) begin(p phrase) {
	f := c.p.f
	c.uac, c.id, c.localTag, c.cseq = true, f.token("call")+"@"+c.p.name, f.token("t"), 100
	c.by = c.p.by
	if p.by != "" {
		c.by = p.by
	}
	gw := f.gateway(c.p.at.Addr())
	c.gateway = "sip:" + gw.String()
	from := p.from
	if from == "" {
		from = "+15550001"
	}
	c.localURI = fmt.Sprintf("sip:%s@%s", from, c.p.at)
	c.remoteURI = "sip:" + gw.String()
	switch {
	case strings.Contains(p.to, ":"):
		c.remoteURI = p.to
	case p.to != "":
		c.remoteURI = fmt.Sprintf("sip:%s@%s", p.to, gw)
	}
	c.p.mu.Lock()
	c.p.byID[c.id] = c
	c.p.mu.Unlock()
}

// request composes a request. ACK and CANCEL take the INVITE's number.
func (c *call) request(p phrase, l *leg) (*message, netip.AddrPort, error) {
	if c.id == "" {
		c.begin(p)
	}
	method, uri, invite := p.kind, l.target, c.sent["INVITE"]
	if uri == "" || method == "CANCEL" {
		uri = c.remoteURI
		if invite != nil && c.uac {
			uri = invite.uri()
		}
	}
	number, branch := "", "z9hG4bK"+c.p.f.token("b")
	switch method {
	case "ACK", "CANCEL":
		if invite == nil {
			return nil, netip.AddrPort{}, fmt.Errorf("%s before an INVITE", method)
		}
		number, _, _ = strings.Cut(invite.get("CSeq"), " ")
		if (method == "CANCEL" || c.refused()) && !p.branch {
			branch = param(invite.get("Via"), "branch")
			uri = invite.uri()
		}
	default:
		c.cseq++
		number = strconv.Itoa(c.cseq)
	}
	m := &message{start: fmt.Sprintf("%s %s SIP/2.0", method, uri)}
	m.add("Via", fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", strings.ToUpper(c.by), c.p.at, branch))
	m.add("Max-Forwards", "70")
	m.add("From", tagged(c.localURI, l.tag(c)))
	remote := l.remote
	if method == "CANCEL" || (method == "INVITE" && invite != nil && invite.get("To") == "<"+c.remoteURI+">" && !c.answered()) {
		remote = ""
	}
	if method == "ACK" && c.refused() {
		m.add("To", c.sent["refusal"].get("To"))
	} else {
		m.add("To", tagged(c.remoteURI, remote))
	}
	m.add("Call-ID", c.id)
	m.add("CSeq", number+" "+method)
	if method == "INVITE" || method == "UPDATE" || method == "REFER" || method == "SUBSCRIBE" || method == "REGISTER" {
		m.add("Contact", c.contact())
	}
	if method == "PRACK" {
		m.add("RAck", fmt.Sprintf("%s %s INVITE", l.rseq, l.invite))
	}
	return m, c.destination(uri), nil
}

// contact is where we want requests.
func (c *call) contact() string {
	s := fmt.Sprintf("sip:%s@%s", c.p.name, c.p.at)
	if c.by != "udp" {
		s += ";transport=" + c.by
	}
	return "<" + s + ">"
}

// refused reports whether our last INVITE had a final response above 299.
func (c *call) refused() bool { return c.sent["refusal"] != nil }

// answered reports whether our INVITE was answered once.
func (c *call) answered() bool { return c.sent["answered"] != nil }

func tagged(uri, tag string) string {
	if tag == "" {
		return "<" + uri + ">"
	}
	return "<" + uri + ">;tag=" + tag
}

// destination is where a request for a URI goes: its address if it is one,
// else the gateway.
func (c *call) destination(uri string) netip.AddrPort {
	host, port := hostport(uri)
	a, err := netip.ParseAddr(host)
	if err != nil {
		return c.p.f.gateway(c.p.at.Addr())
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		n = 5060
	}
	return netip.AddrPortFrom(a, uint16(n))
}

// reasons are the phrases of statuses flows use.
func reason(status int) string {
	switch status {
	case 100:
		return "Trying"
	case 180:
		return "Ringing"
	case 183:
		return "Session Progress"
	case 200:
		return "OK"
	case 404:
		return "Not Found"
	case 486:
		return "Busy Here"
	case 487:
		return "Request Terminated"
	case 488:
		return "Not Acceptable Here"
	case 503:
		return "Service Unavailable"
	}
	return "Status " + strconv.Itoa(status)
}

// answerTo composes a response with what every response copies
// (RFC 3261 §8.2.6.2). A tag is added when the request has none.
func answerTo(req *message, status int, tag string) *message {
	m := &message{start: fmt.Sprintf("SIP/2.0 %d %s", status, reason(status))}
	for _, v := range req.all("Via") {
		m.add("Via", v)
	}
	m.add("From", req.get("From"))
	to := req.get("To")
	if status > 100 && param(to, "tag") == "" {
		to += ";tag=" + tag
	}
	m.add("To", to)
	m.add("Call-ID", req.get("Call-ID"))
	m.add("CSeq", req.get("CSeq"))
	if status > 100 {
		for _, v := range req.all("Record-Route") {
			m.add("Record-Route", v)
		}
	}
	return m
}
