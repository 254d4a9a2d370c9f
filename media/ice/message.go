package ice

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"github.com/pion/stun/v4"
)

// headerLen is the bytes of a STUN header. RFC 8489 §5.
const headerLen = 20

// maxUnknown is how many attribute types a 420 names.
const maxUnknown = 8

// A check is what a valid Binding request says.
type check struct {
	by         *credentials // whose password vouched for it
	ufrag      []byte       // the sender's; valid until the next read
	priority   uint32
	nominates  bool // USE-CANDIDATE
	controlled bool // the sender thinks we control
	unknown    []stun.AttrType
}

// read parses and authenticates a packet, and counts those it refuses. The order
// is that of RFC 8489 §6.3 and §9.1.3: form, credentials, unknown attributes.
func (a *Agent) read(packet []byte) (check, bool) {
	if len(packet) > MaxPacket || !stun.IsMessage(packet) || packet[0]&0xc0 != 0 {
		a.stats.Malformed++
		return check{}, false
	}
	// The check of the integrity writes to the message: so it is not the caller's.
	a.in.Raw = append(a.in.Raw[:0], packet...)
	if a.in.Decode() != nil || int(a.in.Length)+headerLen != len(packet) {
		a.stats.Malformed++
		return check{}, false
	}
	if a.in.Type != stun.BindingRequest {
		a.stats.Stray++
		return check{}, false
	}
	// RFC 8445 §7.1.3 asks for a fingerprint in every check; it comes last.
	n := len(a.in.Attributes)
	if n == 0 || a.in.Attributes[n-1].Type != stun.AttrFingerprint || stun.Fingerprint.Check(&a.in) != nil {
		a.stats.Malformed++
		return check{}, false
	}
	c, ok := a.authenticate()
	if !ok {
		a.stats.Integrity++
		return check{}, false
	}
	if !a.attributes(&c) {
		a.stats.Malformed++
		return check{}, false
	}
	return c, true
}

// authenticate finds the password that vouches for the request. USERNAME is our
// ufrag, a colon, and the sender's. RFC 8445 §7.2.2.
func (a *Agent) authenticate() (check, bool) {
	name, err := a.in.Get(stun.AttrUsername)
	if err != nil {
		return check{}, false
	}
	ours, theirs, found := bytes.Cut(name, []byte{':'})
	if !found || len(theirs) == 0 || len(theirs) > 256 {
		return check{}, false
	}
	by := &a.now
	if string(ours) != by.ufrag {
		by = &a.before
	}
	if by.ufrag == "" || string(ours) != by.ufrag || !by.vouch(&a.in) {
		return check{}, false
	}
	return check{by: by, ufrag: theirs}, true
}

// attributes reads what matters of the rest. RFC 8445 §7.1.
func (a *Agent) attributes(c *check) bool {
	for _, at := range a.in.Attributes {
		switch at.Type {
		case stun.AttrPriority:
			if len(at.Value) != 4 {
				return false
			}
			c.priority = binary.BigEndian.Uint32(at.Value)
		case stun.AttrUseCandidate:
			c.nominates = true
		case stun.AttrICEControlled:
			c.controlled = true
		default:
			if !understood(at.Type) && len(c.unknown) < maxUnknown {
				c.unknown = append(c.unknown, at.Type)
			}
		}
	}
	return true
}

// understood reports whether a request with such an attribute may be answered:
// it is optional, or one of RFC 8489 §14 that changes nothing here.
func understood(t stun.AttrType) bool {
	if t.Optional() {
		return true
	}
	switch t {
	case stun.AttrUsername, stun.AttrMessageIntegrity, stun.AttrMessageIntegritySHA256,
		stun.AttrMappedAddress, stun.AttrXORMappedAddress, stun.AttrErrorCode,
		stun.AttrUnknownAttributes, stun.AttrRealm, stun.AttrNonce:
		return true
	default:
		return false
	}
}

// accept writes the success response. RFC 8445 §7.3.
func (a *Agent) accept(reply []byte, c check, src netip.AddrPort) []byte {
	a.begin(reply, stun.BindingSuccess)
	var ip [16]byte
	b := ip[:]
	if src.Addr().Is4() {
		v4 := src.Addr().As4()
		b = ip[:copy(ip[:], v4[:])]
	} else {
		ip = src.Addr().As16()
	}
	mapped := stun.XORMappedAddress{IP: b, Port: int(src.Port())}
	_ = mapped.AddTo(&a.out) // fails for other lengths of address only
	return a.sign(c)
}

// refuse writes an error response; what we know of it goes unchanged.
func (a *Agent) refuse(reply []byte, c check, code stun.ErrorCode) []byte {
	a.begin(reply, stun.BindingError)
	_ = code.AddTo(&a.out) // both codes used have their reasons in the library
	if len(c.unknown) > 0 {
		var list [2 * maxUnknown]byte
		b := list[:0]
		for _, t := range c.unknown {
			b = binary.BigEndian.AppendUint16(b, t.Value())
		}
		a.out.Add(stun.AttrUnknownAttributes, b) // RFC 8489 §14.13
	}
	return a.sign(c)
}

// begin starts a response to the request just read, in the storage of reply.
func (a *Agent) begin(reply []byte, t stun.MessageType) {
	var header [headerLen]byte
	a.out.Raw = append(reply[:0], header[:]...)
	a.out.Length = 0
	a.out.Attributes = a.out.Attributes[:0]
	a.out.Type = t
	a.out.TransactionID = a.in.TransactionID
	a.out.WriteHeader()
}

// sign ends a response with the integrity of the password the request was
// checked by, and gives up its storage.
func (a *Agent) sign(c check) []byte {
	c.by.sign(&a.out)
	_ = stun.Fingerprint.AddTo(&a.out) // never fails
	raw := a.out.Raw
	a.out.Raw = nil
	return raw
}
