package transport

import (
	"net/netip"
	"strconv"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// Bounds of a message, in bytes and counts. A real INVITE with twenty candidates
// and six Vias stays far below each.
const (
	maxMessage = 65535    // all of it; also what a UDP packet can carry
	maxHeader  = 32 << 10 // start line and headers
	maxFields  = 200      // header lines and values of comma lists
	maxParams  = 64       // parameters of one value
)

// A fault is why a message was refused. It is an error with a constant text, so
// that a stranger can make us neither allocate nor log what it sent.
type fault uint8

const (
	faultNotSIP fault = iota + 1
	faultTooLarge
	faultLineEnd
	faultControl
	faultNoEnd
	faultFields
	faultMethod
	faultURI
	faultScheme
	faultVersion
	faultStatus
	faultName
	faultVia
	faultFrom
	faultTo
	faultCallID
	faultCSeq
	faultCSeqMethod
	faultContact
	faultRoute
	faultMaxForwards
	faultLength
	faultLengthTwice
	faultBodyShort
	faultNoLength
	faultTwice
	faultMissing
	faultEnd // count
)

// Error is the reason phrase of the answer as well. RFC 3261 §21.4.1 asks that
// it say what is wrong.
func (f fault) Error() string {
	switch f {
	case faultNotSIP:
		return "Not SIP"
	case faultTooLarge:
		return "Message Too Large"
	case faultLineEnd:
		return "Line Does Not End In CRLF"
	case faultControl:
		return "Control Character In Header"
	case faultNoEnd:
		return "Header Does Not End"
	case faultFields:
		return "Too Many Headers Or Parameters"
	case faultMethod:
		return "Bad Method"
	case faultURI:
		return "Bad Request-URI"
	case faultScheme:
		return "Unsupported URI Scheme"
	case faultVersion:
		return "Version Not Supported"
	case faultStatus:
		return "Bad Status Line"
	case faultName:
		return "Bad Header Name"
	case faultVia:
		return "Bad Via"
	case faultFrom:
		return "Bad From"
	case faultTo:
		return "Bad To"
	case faultCallID:
		return "Bad Call-ID"
	case faultCSeq:
		return "Bad CSeq"
	case faultCSeqMethod:
		return "CSeq Method Does Not Match"
	case faultContact:
		return "Bad Contact"
	case faultRoute:
		return "Bad Route"
	case faultMaxForwards:
		return "Bad Max-Forwards"
	case faultLength:
		return "Bad Content-Length"
	case faultLengthTwice:
		return "Two Content-Lengths"
	case faultBodyShort:
		return "Body Shorter Than Content-Length"
	case faultNoLength:
		return "Missing Content-Length"
	case faultTwice:
		return "Header Repeated"
	case faultMissing:
		return "Missing Header"
	case faultEnd:
	}
	return "Bad Message"
}

// status is the answer a request with this fault deserves: 416 and 505 where
// RFC 3261 §8.2.2.1 and §21.5.6 say so, 513 for size, else 400.
func (f fault) status() int {
	switch f { //nolint:exhaustive // all others are 400
	case faultTooLarge:
		return sipmsg.StatusMessageTooLarge
	case faultScheme:
		return sipmsg.StatusRequestedRangeNotSatisfiable
	case faultVersion:
		return sipmsg.StatusVersionNotSupported
	}
	return sipmsg.StatusBadRequest
}

// refusal is the stateless answer to a malformed request, nil where none can be
// given: to an ACK (RFC 3261 §17.1.1.3), and where the headers that carry an
// answer back are missing or the top Via cannot be read. tag distinguishes our
// To tag; the same request gets the same tag (RFC 3261 §8.2.7).
func refusal(req *sipmsg.Request, f fault, tag string) *sipmsg.Response {
	if req == nil || req.Method == sipmsg.ACK {
		return nil
	}
	res := sipmsg.NewResponse(f.status(), f.Error())
	var via, seen int
	for _, h := range req.Headers() {
		switch h.Name() {
		case "Via":
			if _, ok := h.(*sipmsg.ViaHeader); via == 0 && !ok {
				return nil
			}
			via++
		case "To":
			seen++
			h = withTag(h, tag)
		case "From", "Call-ID", "CSeq":
			seen++
		default:
			continue
		}
		res.AppendHeader(h)
	}
	if via == 0 || seen != 4 {
		return nil
	}
	return res
}

// withTag gives a To header a tag unless it has one.
func withTag(h sipmsg.Header, tag string) sipmsg.Header {
	to, ok := h.(*sipmsg.ToHeader)
	if !ok { // one we could not read goes back as it came
		if strings.Contains(strings.ToLower(h.Value()), "tag") {
			return h
		}
		return sipmsg.NewHeader("To", h.Value()+";tag="+tag)
	}
	if to.Params.Has("tag") {
		return to
	}
	tagged := *to
	tagged.Params = append(tagged.Params.Clone(), sipmsg.HeaderKV{K: "tag", V: tag})
	return &tagged
}

// receivedVia fills received and rport into the top Via of a request from src.
// received is always given: the sent-by may lie, and it costs little.
// RFC 3261 §18.2.1; RFC 3581 §4.
func receivedVia(via *sipmsg.ViaHeader, src netip.AddrPort) {
	host := src.Addr().String()
	rport := via.Params.Has("rport")
	if rport {
		via.Params.Add("rport", strconv.Itoa(int(src.Port())))
	}
	if rport || !strings.EqualFold(unbracket(via.Host), host) || via.Params.Has("received") {
		via.Params.Add("received", host)
	}
}

// replyFlow is where responses to a request that came over f go: the connection
// it came on, and if that is gone a new one to the sent-by port; for UDP the
// source address, at the source port if the client asked for rport, else at the
// sent-by port. maddr is for multicast and is not followed: it would let a
// stranger aim our answers. RFC 3261 §18.2.2; RFC 3581 §4.
func replyFlow(f Flow, via *sipmsg.ViaHeader) Flow {
	port := f.Kind.Port()
	if 0 < via.Port && via.Port <= 65535 {
		port = uint16(via.Port)
	}
	back := netip.AddrPortFrom(f.Remote.Addr(), port)
	switch {
	case f.Kind != UDP:
		if f.Kind == TCP { // others cannot be reached by opening a connection
			f.Reopen = back
		}
	case !via.Params.Has("rport"):
		f.Remote = back
	}
	return f
}
