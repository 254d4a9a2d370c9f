package sip

import (
	"time"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A server is a server transaction: a request and our responses to it. It sends
// nothing itself. RFC 3261 §17.2, RFC 6026.
type server struct {
	// set once
	method string
	key    string // see requestKey
	seq    uint32
	reply  transport.Flow
	// head is what every response begins with after its status line: Via,
	// From, Call-ID and CSeq; routes is Record-Route, to is To up to its tag.
	head, routes []byte
	to           string

	status   int       // of the last response; 0: none yet
	raw      []byte    // the last response, to send again
	at       time.Time // when it was sent
	interval time.Duration
	resend   time.Time // Timer G, or the interval of a 2xx
	expire   time.Time // Timer H, or 64*T1 of a 2xx
}

// newServer reads what responses to r are made of.
func newServer(r *sipmsg.Request, reply transport.Flow) *server {
	w := wire{b: make([]byte, 0, 384)}
	s := &server{method: string(r.Method), key: requestKey(r), seq: r.CSeq().SeqNo, reply: reply}
	var routes wire
	for _, h := range r.Headers() {
		switch h.(type) {
		case *sipmsg.ViaHeader, *sipmsg.FromHeader, *sipmsg.CallIDHeader, *sipmsg.CSeqHeader:
			w.copied(h)
		case *sipmsg.RecordRouteHeader:
			if r.Method == sipmsg.INVITE {
				routes.copied(h)
			}
		}
	}
	s.head, s.routes = w.b, routes.b
	s.to = nameAddr(r.To().DisplayName, &r.To().Address)
	return s
}

// final reports whether a final response was sent.
func (s *server) final() bool { return s.status >= 200 }

// begin writes the start of a response, tag being ours.
func (s *server) begin(status int, reason, tag string, body int) wire {
	w := newWire(body)
	if reason == "" || !validValue(reason) {
		reason = phrase(status)
	}
	w.str("SIP/2.0 ")
	w.num(uint64(status))
	w.str(" ", reason, "\r\n")
	w.b = append(w.b, s.head...)
	w.str("To: ", s.to)
	if tag != "" {
		w.str(";tag=", tag)
	}
	w.str("\r\n")
	return w
}

// sent notes the response just sent and begins the timers that go with it.
func (s *server) sent(now time.Time, cfg *Config, status int, raw []byte) {
	s.status, s.raw, s.at = status, raw, now
	s.resend, s.expire = time.Time{}, time.Time{}
	if s.method != "INVITE" || status < 200 {
		return
	}
	s.expire = now.Add(64 * cfg.T1) // Timer H; §13.3.1.4
	// A 2xx is repeated end to end, whatever the transport. RFC 3261 §13.3.1.4.
	if status < 300 || !s.reply.Kind.Reliable() {
		s.interval = cfg.T1
		s.resend = now.Add(cfg.T1)
	}
}

// acked ends the repetition of a final response.
func (s *server) acked() { s.resend, s.expire = time.Time{}, time.Time{} }

// due returns when advance has something to do; zero: nothing.
func (s *server) due() time.Time { return earlier(s.resend, s.expire) }

// advance does what time brings: again or timedOut (no ACK came).
func (s *server) advance(now time.Time, cfg *Config) step {
	if !s.expire.IsZero() && !now.Before(s.expire) {
		s.acked()
		return timedOut
	}
	if s.resend.IsZero() || now.Before(s.resend) {
		return nothing
	}
	s.interval = min(2*s.interval, cfg.T2)
	s.resend = now.Add(s.interval)
	return again
}

// requestKey names a request so that it is known when it comes again, and so
// that a CANCEL names its INVITE. RFC 3261 §17.2.3, §9.2.
func requestKey(r *sipmsg.Request) string {
	v := r.Via()
	branch, _ := v.Params.Get("branch")
	if len(branch) > len(magicCookie) && branch[:len(magicCookie)] == magicCookie {
		return branch
	}
	// RFC 2543: no branch that is unique by itself.
	return branch + "|" + v.Host + "|" + itoa(v.Port) + "|" + itoa(int(r.CSeq().SeqNo))
}
