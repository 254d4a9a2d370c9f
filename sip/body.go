package sip

import (
	"bytes"
	"mime"
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// A bodied is a request or a response.
type bodied interface {
	withHeaders
	ContentType() *sipmsg.ContentTypeHeader
	Body() []byte
}

// bodyOf returns the body and its type; of a multipart body the SDP part, if
// there is one. RFC 5621 §3.1. Without a body both are zero.
func bodyOf(m bodied) (contentType string, body []byte) {
	if len(m.Body()) == 0 {
		return "", nil
	}
	if h := m.ContentType(); h != nil {
		contentType = strings.TrimSpace(string(*h))
	}
	if contentType == "" {
		contentType = typeSDP
	}
	if len(contentType) > 10 && strings.EqualFold(contentType[:10], "multipart/") {
		if part, ok := sdpPart(contentType, m.Body()); ok {
			return typeSDP, part
		}
	}
	return contentType, m.Body()
}

// maxParts bounds the parts looked at; parts within parts are not.
const maxParts = 16

// sdpPart finds the first part of type application/sdp.
func sdpPart(contentType string, body []byte) ([]byte, bool) {
	_, params, err := mime.ParseMediaType(contentType)
	boundary := params["boundary"]
	if err != nil || boundary == "" {
		return nil, false
	}
	mark := []byte("--" + boundary)
	for range maxParts {
		i := bytes.Index(body, mark)
		if i < 0 {
			return nil, false
		}
		body = body[i+len(mark):]
		head, rest, ok := bytes.Cut(body, []byte("\r\n\r\n"))
		if !ok || bytes.HasPrefix(body, []byte("--")) {
			return nil, false
		}
		end := bytes.Index(rest, append([]byte("\r\n"), mark...))
		if end < 0 {
			return nil, false
		}
		for line := range strings.SplitSeq(string(head), "\r\n") {
			name, v, _ := strings.Cut(line, ":")
			if longName(strings.TrimSpace(name)) == "content-type" && isSDP(strings.TrimSpace(v)) {
				return rest[:end], true
			}
		}
		body = rest[end+2:]
	}
	return nil, false
}

// isSDP reports whether a media type is application/sdp.
func isSDP(t string) bool { return mediaType(t) == typeSDP }

// mediaType is a media type without parameters, in lower case.
func mediaType(t string) string {
	t, _ = cutParams(t)
	return strings.ToLower(strings.TrimSpace(t))
}
