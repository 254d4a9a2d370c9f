package transport

import (
	"bytes"
	"net/netip"
	"time"
)

// An errorQueue is a UDP socket that keeps what ICMP said about its datagrams.
type errorQueue interface {
	// refusal copies the beginning of a datagram that met an error to buf, and says
	// where it went. Refused is false for errors that pass; ok when none is left.
	refusal(buf []byte) (n int, dst netip.AddrPort, refused, ok bool)
	// interrupt makes the reader of the socket return.
	interrupt()
	// resume lets it read on.
	resume()
}

const (
	// maxQuoted is what we read of a datagram that was refused: an ICMP message
	// over IPv4 seldom has more of it (RFC 1812 §4.3.2.3).
	maxQuoted = 1500
	// refusalsAtOnce is how many refusals are read before the socket is read again.
	refusalsAtOnce = 32
)

// refusals takes what ICMP said about datagrams that went out from s, and
// reports whether there was anything.
//
// Anybody can forge ICMP. What it quotes has to name branch and Call-ID of a
// request, which only those on the path have seen; the owner of the request
// believes it for the address it asked, and until anybody has answered.
func (t *Transport) refusals(now time.Time, s *socket, buf []byte) bool {
	q, ok := s.packets.(errorQueue)
	if !ok {
		return false
	}
	q.resume()
	for i := range refusalsAtOnce {
		n, dst, refused, ok := q.refusal(buf)
		if !ok {
			return i > 0
		}
		t.refused(now, s, dst, refused, buf[:n])
	}
	return true
}

// refused takes one ICMP error about the datagram to dst that began with quoted.
// RFC 3261 §18.4.
func (t *Transport) refused(now time.Time, s *socket, dst netip.AddrPort, refused bool, quoted []byte) {
	callID, branch, ok := quotedRequest(quoted)
	if !refused || !ok {
		t.count.inc(countICMPIgnored)
		return
	}
	t.count.inc(countDatagramRefused)
	t.receiver.Failed(now, Failure{
		CallID: callID, Branch: branch, Err: ErrRefused,
		Flow: Flow{Kind: UDP, Listener: s.Name, Local: s.Addr, Remote: unmap(dst)},
	})
}

// quotedRequest reads Call-ID and branch from the beginning of a request as
// Append writes it; false if they are not in it whole, or it is a response.
func quotedRequest(b []byte) (callID, branch string, ok bool) {
	first, b, ok := bytes.Cut(b, []byte("\r\n"))
	if !ok || !bytes.HasSuffix(first, []byte(" SIP/2.0")) {
		return "", "", false
	}
	for {
		line, rest, whole := bytes.Cut(b, []byte("\r\n"))
		if !whole || len(line) == 0 {
			return "", "", false
		}
		if v, is := bytes.CutPrefix(line, []byte("Via: ")); is && branch == "" {
			_, v, _ = bytes.Cut(v, []byte(";branch="))
			if i := bytes.IndexAny(v, ";, "); i >= 0 {
				v = v[:i]
			}
			if len(v) == 0 {
				return "", "", false
			}
			branch = string(v)
		}
		if v, is := bytes.CutPrefix(line, []byte("Call-ID: ")); is {
			return string(v), branch, branch != "" && len(v) > 0
		}
		b = rest
	}
}

// Origins of an error in a socket's error queue, see ip(7).
const (
	originICMP  = 2
	originICMP6 = 3
)

// isRefusal reports whether the kernel's sock_extended_err e is the news that a
// datagram cannot arrive. Others pass, or are none of the far side's. RFC 3261 §18.4.
func isRefusal(e []byte) bool {
	if len(e) < 16 {
		return false
	}
	kind, code := e[5], e[6]
	switch e[4] {
	case originICMP: // RFC 792
		const unreachable, parameter, fragment = 3, 12, 4
		return kind == unreachable && code != fragment || kind == parameter
	case originICMP6: // RFC 4443
		const unreachable, parameter = 1, 4
		return kind == unreachable || kind == parameter
	}
	return false
}
