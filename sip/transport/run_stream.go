package transport

import (
	"net"
	"time"
)

// A streamWire is TCP or TLS.
type streamWire struct {
	conn net.Conn
	cfg  StreamConfig
	out  net.Buffers
}

func (w *streamWire) close() { _ = w.conn.Close() }

// read cuts what arrives into messages. A peer has HeaderTimeout from the first
// octet of a message to the end of its header and as long again for its body,
// however it spreads them; between messages it may be silent for IdleTimeout,
// but a stranger that connected has to say something whole first.
func (w *streamWire) read(t *Transport, c *conn) error {
	var f framer
	var since time.Time // when the present phase began
	patience := w.cfg.IdleTimeout
	if !c.ours && !t.known(c.flow.Remote.Addr()) {
		patience = w.cfg.HeaderTimeout
	}
	waiting := phaseIdle
	for since = time.Now(); ; {
		if err := w.conn.SetReadDeadline(since.Add(patience)); err != nil {
			return err
		}
		n, err := w.conn.Read(f.space())
		if n > 0 {
			f.filled(n)
			now := time.Now()
			cut, bad := t.frames(now, c, &f)
			if bad != 0 {
				return bad
			}
			if p := f.phase(); cut || p != waiting {
				since, waiting, patience = now, p, w.cfg.HeaderTimeout
				if p == phaseIdle {
					patience = w.cfg.IdleTimeout
				}
			}
		}
		if err != nil {
			return err
		}
	}
}

// write sends a batch in one system call where the socket can.
func (w *streamWire) write(batch []Outbound) error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(w.cfg.WriteTimeout)); err != nil {
		return err
	}
	w.out = w.out[:0]
	for _, o := range batch {
		w.out = append(w.out, o.Raw)
	}
	out := w.out // WriteTo eats its receiver
	_, err := out.WriteTo(w.conn)
	clear(w.out)
	return err
}

// ping keeps the way open. The answer, a single CRLF, is not demanded: it is
// promised only by peers that speak RFC 5626 (§4.4.1).
func (w *streamWire) ping() error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(w.cfg.WriteTimeout)); err != nil {
		return err
	}
	_, err := w.conn.Write([]byte("\r\n\r\n"))
	return err
}
