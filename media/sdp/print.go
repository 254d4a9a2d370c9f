package sdp

import (
	"net/netip"
	"strconv"
	"time"
)

// Bytes writes the description as it goes on the wire, lines in the order of RFC
// 8866 §9. What it returns belongs to the caller, and is a secret when keys are
// in it.
func (d *Description) Bytes() []byte {
	w := writer{b: make([]byte, 0, 512+512*len(d.Media))}
	w.origin(&d.Origin)
	w.text("s=-\r\n")
	conn := d.connection()
	w.connection(conn)
	w.text("t=0 0\r\n")
	if d.Bundle != "" {
		w.attribute("group:BUNDLE ", d.Bundle)
	}
	w.flag(d.Lite, "ice-lite")
	if d.Options != "" {
		w.attribute("ice-options:", d.Options)
	}
	for i := range d.Media {
		w.media(&d.Media[i], conn)
	}
	return w.b
}

// connection is what c= says at session level: where the first live line is, or
// else where the description comes from, for c= may not be missing.
func (d *Description) connection() netip.Addr {
	for i := range d.Media {
		if m := &d.Media[i]; m.Live() && m.Addr.IsValid() {
			return m.Addr
		}
	}
	if a := address(d.Origin.Addr); a.IsValid() {
		return a
	}
	if d.Origin.IP6 {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// A writer appends lines.
type writer struct{ b []byte }

func (w *writer) text(s string)  { w.b = append(w.b, s...) }
func (w *writer) end()           { w.b = append(w.b, '\r', '\n') }
func (w *writer) number(n int64) { w.b = strconv.AppendInt(w.b, n, 10) }

// attribute writes a=key followed by value.
func (w *writer) attribute(key, value string) {
	w.text("a=")
	w.text(key)
	w.text(value)
	w.end()
}

func (w *writer) flag(set bool, name string) {
	if set {
		w.attribute(name, "")
	}
}

func (w *writer) origin(o *Origin) {
	w.text("v=0\r\no=")
	w.text(o.User)
	w.text(" ")
	w.b = strconv.AppendUint(w.b, o.ID, 10)
	w.text(" ")
	w.b = strconv.AppendUint(w.b, o.Version, 10)
	if o.IP6 {
		w.text(" IN IP6 ")
	} else {
		w.text(" IN IP4 ")
	}
	w.text(o.Addr)
	w.end()
}

func (w *writer) connection(a netip.Addr) {
	w.text("c=")
	w.address(a)
	w.end()
}

// address writes "IN IP4 192.0.2.1". An address that was a name stays a name,
// one that leads nowhere (RFC 6761 §6.4).
func (w *writer) address(a netip.Addr) {
	switch {
	case !a.IsValid():
		w.text("IN IP4 unknown.invalid")
	case a.Is4():
		w.text("IN IP4 ")
		w.b = a.AppendTo(w.b)
	default:
		w.text("IN IP6 ")
		w.b = a.AppendTo(w.b)
	}
}

func (w *writer) media(m *Media, conn netip.Addr) {
	w.text("m=")
	w.text(m.Kind)
	w.text(" ")
	w.number(int64(m.Port))
	w.text(" ")
	w.text(m.Proto)
	w.text(" ")
	w.text(m.Tokens)
	w.end()
	if m.Live() {
		if m.Addr != conn {
			w.connection(m.Addr)
		}
		w.stream(m)
	}
	if m.Mid != "" {
		w.attribute("mid:", m.Mid)
	}
}

// stream writes the attributes of a live line.
func (w *writer) stream(m *Media) {
	for i := range m.Formats {
		w.format(&m.Formats[i])
	}
	w.time("ptime:", m.Ptime)
	w.time("maxptime:", m.MaxPtime)
	w.attribute(m.Direction.String(), "")
	if port := m.RTCP.Port(); port != 0 {
		w.text("a=rtcp:")
		w.number(int64(port))
		if m.RTCP.Addr().IsValid() {
			w.text(" ")
			w.address(m.RTCP.Addr())
		}
		w.end()
	}
	w.flag(m.Mux, "rtcp-mux")
	w.flag(m.MuxOnly, "rtcp-mux-only")
	w.keys(m)
	w.ice(m)
}

func (w *writer) format(f *Format) {
	if f.Codec.Name != "" {
		w.text("a=rtpmap:")
		w.number(int64(f.Type))
		w.text(" ")
		w.text(f.Codec.Name)
		w.text("/")
		w.number(int64(f.Codec.ClockRate))
		if f.Codec.Channels > 1 {
			w.text("/")
			w.number(int64(f.Codec.Channels))
		}
		w.end()
	}
	if f.Codec.Format != "" {
		w.text("a=fmtp:")
		w.number(int64(f.Type))
		w.text(" ")
		w.text(f.Codec.Format)
		w.end()
	}
}

func (w *writer) time(key string, d time.Duration) {
	if ms := d.Milliseconds(); ms > 0 {
		w.text("a=")
		w.text(key)
		w.number(ms)
		w.end()
	}
}

func (w *writer) keys(m *Media) {
	for i := range m.Crypto {
		w.text("a=crypto:")
		w.b = m.Crypto[i].appendCrypto(w.b)
		w.end()
	}
	for _, f := range m.Fingerprints {
		w.text("a=fingerprint:")
		w.text(f.Hash)
		w.text(" ")
		w.text(f.Value)
		w.end()
	}
	if m.Setup != SetupNone {
		w.attribute("setup:", m.Setup.String())
	}
	if m.TLSID != "" {
		w.attribute("tls-id:", m.TLSID)
	}
}

func (w *writer) ice(m *Media) {
	if m.Ufrag != "" {
		w.attribute("ice-ufrag:", m.Ufrag)
	}
	if m.Pwd != "" {
		w.attribute("ice-pwd:", m.Pwd)
	}
	for _, c := range m.Candidates {
		w.text("a=candidate:1 ")
		w.number(int64(c.Component))
		w.text(" UDP ")
		w.number(int64(c.Priority))
		w.text(" ")
		w.addrPort(c.Addr)
		w.text(" typ host\r\n")
	}
	if m.Chosen.IsValid() {
		w.text("a=remote-candidates:1 ")
		w.addrPort(m.Chosen)
		w.end()
	}
	w.flag(m.Mismatch, "ice-mismatch")
	w.flag(m.End, "end-of-candidates")
}

func (w *writer) addrPort(a netip.AddrPort) {
	w.b = a.Addr().AppendTo(w.b)
	w.text(" ")
	w.number(int64(a.Port()))
}
