package sip

import (
	"net/netip"
	"slices"

	sipmsg "github.com/emiago/sipgo/sip"
	"github.com/tandem-voip/tandem/sip/transport"
)

// A dialog is one of a leg: the only one of a UAS, one for each fork of a UAC.
// RFC 3261 §12.
type dialog struct {
	tag    string   // the peer's; "" before there is a dialog
	target string   // the remote target: what its Contact said
	routes []string // the route set as URIs, in the order they are written
	flow   transport.Flow
	name   string // the next hop where it is a name that is being looked up

	localSeq  uint32 // CSeq of our last request
	remoteSeq uint32 // CSeq of the peer's last request
	heard     bool   // remoteSeq is set

	confirmed bool
	update    bool   // the peer takes UPDATE
	agreed    bool   // an answer has passed in this dialog
	rseq      uint32 // RSeq of the last reliable response in order; 0: none
	held      []*reliable
	ack       []byte // the ACK of our last INVITE, to send again
	ackFlow   transport.Flow
	ackSeq    uint32 // CSeq of that INVITE
}

// maxRoutes bounds a route set.
const maxRoutes = 20

// routesOf reads the route set out of Record-Route: in order for a UAS, in
// reverse for a UAC. RFC 3261 §12.1.1, §12.1.2.
func routesOf(m withHeaders, reverse bool) []string {
	var rs []string
	for _, h := range m.Headers() {
		rr, ok := h.(*sipmsg.RecordRouteHeader)
		if !ok || len(rs) == maxRoutes {
			continue
		}
		if uri := uriString(&rr.Address); validURI(uri) {
			rs = append(rs, uri)
		}
	}
	if reverse {
		slices.Reverse(rs)
	}
	return rs
}

// retarget takes the remote target from a Contact that can be one.
// RFC 3261 §12.2.1.2.
func (d *dialog) retarget(c *sipmsg.ContactHeader) {
	if c == nil || c.Address.Wildcard {
		return
	}
	if uri := uriString(&c.Address); validURI(uri) && len(uri) <= maxURI {
		d.target = uri
	}
}

// aim decides where the requests of d go, the peer's last message having come
// by f. The literal address of the first route or of the target is used; a
// connection is kept while it leads there. It returns the name to look up where
// there is one: until then requests go where the peer's came from.
// RFC 3261 §12.2.1.1; RFC 3263 §4; RFC 7118 §5 (a WebSocket client can be
// reached by its connection only).
func (d *dialog) aim(f transport.Flow, symmetric bool) (lookup transport.Destination, ask bool) {
	d.flow, d.name = f, ""
	if symmetric || f.Kind == transport.WS || f.Kind == transport.WSS {
		return lookup, false
	}
	next := d.target
	if len(d.routes) > 0 {
		next = d.routes[0]
	}
	u, err := ParseURI(next)
	if err != nil || u.Host == "" {
		return lookup, false
	}
	dest := u.Destination()
	kind := dest.Kind
	switch {
	case kind == transport.WS || kind == transport.WSS:
		return lookup, false
	case dest.Secure && (kind == 0 || kind == transport.TCP):
		kind = transport.TLS // RFC 3261 §26.2.2
	case kind == transport.TCP && f.Kind == transport.TLS && d.here(dest.Host):
		kind = transport.TLS // transport=tcp on a TLS connection means that connection
	case kind == 0:
		kind = f.Kind
	}
	addr, err := netip.ParseAddr(dest.Host)
	if err != nil {
		if f.Kind.Reliable() && kind == f.Kind {
			return lookup, false // the connection stays
		}
		d.name = dest.Host
		dest.Kind, dest.Listener, dest.Profile = kind, f.Listener, f.Profile
		if kind != f.Kind {
			dest.Listener = ""
		}
		return dest, true
	}
	port := dest.Port
	if port == 0 {
		port = kind.Port()
	}
	d.reach(netip.AddrPortFrom(addr.Unmap(), port), kind)
	return lookup, false
}

// here reports whether a literal host is the address the flow leads to.
func (d *dialog) here(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap() == d.flow.Remote.Addr()
}

// reach makes the flow one to addr.
func (d *dialog) reach(addr netip.AddrPort, kind transport.Kind) {
	f := d.flow
	switch {
	case kind == f.Kind && kind.Reliable() && addr.Addr() == f.Remote.Addr():
		f.Reopen = addr // when the connection is gone, a new one goes there
	case kind == f.Kind && !kind.Reliable():
		f.Remote = addr
	default:
		f = transport.Flow{Kind: kind, Remote: addr, Host: f.Host, Profile: f.Profile}
		if kind == d.flow.Kind {
			f.Listener = d.flow.Listener
		}
	}
	d.flow = f
}

// uri returns the Request-URI of requests in d and the routes to write. A first
// route without lr is a strict router. RFC 3261 §12.2.1.1.
func (d *dialog) uri() (uri string, routes []string) {
	if len(d.routes) == 0 {
		return d.target, nil
	}
	if u, err := ParseURI(d.routes[0]); err == nil {
		if _, loose := u.Param("lr"); !loose {
			return d.routes[0], append(slices.Clone(d.routes[1:]), d.target)
		}
	}
	return d.target, d.routes
}

// next returns the CSeq of the next request of ours.
func (d *dialog) next() uint32 {
	d.localSeq++
	return d.localSeq
}

// inOrder takes the CSeq of a request of the peer's, and reports false for one
// that is older than the last. RFC 3261 §12.2.2.
func (d *dialog) inOrder(seq uint32) bool {
	if d.heard && seq <= d.remoteSeq {
		return false
	}
	d.remoteSeq, d.heard = seq, true
	return true
}

// viaOf is a Via line up to and without its branch. rport is asked for
// everywhere: it costs nothing and shows how the peer sees us. RFC 3581 §3.
func viaOf(kind transport.Kind, host string, port uint16) string {
	b := append(make([]byte, 0, usualURI), "Via: SIP/2.0/"...)
	b = append(append(b, kind.String()...), ' ')
	b = appendHostPort(b, host, int(port))
	return string(append(b, ";rport;branch="...))
}

// contactOf is a Contact line. RFC 3261 §8.1.1.8, §12.1.1.
func contactOf(kind transport.Kind, user, host string, port uint16) string {
	b := append(make([]byte, 0, usualURI), "Contact: <sip:"...)
	if user != "" {
		b = append(append(b, user...), '@')
	}
	b = appendHostPort(b, host, int(port))
	switch kind {
	case transport.TCP:
		b = append(b, ";transport=tcp"...)
	case transport.TLS:
		b = append(b, ";transport=tls"...)
	case transport.WS, transport.WSS:
		b = append(b, ";transport=ws"...)
	case transport.UDP:
	}
	return string(append(b, ">\r\n"...))
}
