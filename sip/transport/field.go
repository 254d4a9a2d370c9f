package transport

import "strings"

// A field is a header we read ourselves; all others are fieldOther.
type field uint8

const (
	fieldOther field = iota
	fieldVia
	fieldContact
	fieldRoute
	fieldRecordRoute
	fieldFrom
	fieldTo
	fieldCallID
	fieldCSeq
	fieldMaxForwards
	fieldContentLength
	fieldContentType
)

// fieldOf recognises a header name, long or compact, in any case.
func fieldOf(name string) field {
	if len(name) == 1 {
		switch name[0] | 0x20 {
		case 'v':
			return fieldVia
		case 'm':
			return fieldContact
		case 'f':
			return fieldFrom
		case 't':
			return fieldTo
		case 'i':
			return fieldCallID
		case 'l':
			return fieldContentLength
		case 'c':
			return fieldContentType
		}
		return fieldOther
	}
	for f := fieldVia; f <= fieldContentType; f++ {
		if n := f.name(); len(n) == len(name) && strings.EqualFold(n, name) {
			return f
		}
	}
	return fieldOther
}

func (f field) name() string {
	switch f {
	case fieldVia:
		return "Via"
	case fieldContact:
		return "Contact"
	case fieldRoute:
		return "Route"
	case fieldRecordRoute:
		return "Record-Route"
	case fieldFrom:
		return "From"
	case fieldTo:
		return "To"
	case fieldCallID:
		return "Call-ID"
	case fieldCSeq:
		return "CSeq"
	case fieldMaxForwards:
		return "Max-Forwards"
	case fieldContentLength:
		return "Content-Length"
	case fieldContentType:
		return "Content-Type"
	case fieldOther:
	}
	return ""
}

// single reports whether the header may stand once only. RFC 3261 §20, table 2.
func (f field) single() bool { return f >= fieldFrom }

func (f field) fault() fault {
	switch f {
	case fieldVia:
		return faultVia
	case fieldContact:
		return faultContact
	case fieldRoute, fieldRecordRoute:
		return faultRoute
	case fieldFrom:
		return faultFrom
	case fieldTo:
		return faultTo
	case fieldCallID:
		return faultCallID
	case fieldCSeq:
		return faultCSeq
	case fieldMaxForwards:
		return faultMaxForwards
	case fieldContentLength:
		return faultLength
	case fieldContentType, fieldOther:
	}
	return faultName
}

// longName writes a compact name out, so that nobody behind the parser has to
// know both. RFC 3261 §7.3.3 and the IANA registry of header fields.
func longName(name string) string {
	if len(name) != 1 {
		return name
	}
	switch name[0] | 0x20 {
	case 'a':
		return "Accept-Contact"
	case 'b':
		return "Referred-By"
	case 'd':
		return "Request-Disposition"
	case 'e':
		return "Content-Encoding"
	case 'j':
		return "Reject-Contact"
	case 'k':
		return "Supported"
	case 'n':
		return "Identity-Info"
	case 'o':
		return "Event"
	case 'r':
		return "Refer-To"
	case 's':
		return "Subject"
	case 'u':
		return "Allow-Events"
	case 'x':
		return "Session-Expires"
	case 'y':
		return "Identity"
	}
	return name
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// hasControl reports whether s holds a control character other than TAB.
func hasControl(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return true
		}
	}
	return false
}

func blankControls(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c == 0x7f {
			b[i] = ' '
		}
	}
	return string(b)
}
