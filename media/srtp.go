package media

import (
	"errors"
	"fmt"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"github.com/tandem-voip/tandem/media/sdp"
)

const (
	// replayWindow is how many packets back a packet may come, in packets. A
	// second of audio and more (RFC 3711 §3.3.2 asks for 64 at least).
	replayWindow = 128
	// overlap is how long the keys before a change are still accepted: packets
	// under way were protected with them.
	overlap = 3 * time.Second
	// maxSources bounds the SSRCs one key may protect.
	maxSources = 64
	// reserve is how many packets before the end of its lifetime a key is
	// called worn, or a quarter of them all if that is less: 5 minutes of audio.
	reserve = 15_000
)

// errSources is an authentic far end that uses up SSRCs.
var errSources = errors.New("too many sources under one key")

// keys are the SRTP contexts of one dialog, of RTP and of RTCP (RFC 3711 §3.2).
// The zero keys protect nothing.
type keys struct {
	in, out  *srtp.Context
	inRTCP   *srtp.Context // equal to in and out unless RTCP has a DTLS association of its own
	outRTCP  *srtp.Context
	before   *srtp.Context // accepted until overlap is over
	until    time.Time
	sources  int    // SSRCs seen with in and before
	sent     uint64 // RTP packets under out
	received uint64 // and under in
	protocol string // "", "sdes" or "dtls"
}

// open authenticates and decrypts a packet into the second buffer of r. n is
// the length of its header, which r.pkt holds. Nothing is changed by a packet
// that is not authentic or was seen before (RFC 3711 §3.3).
func (k *keys) open(now time.Time, r *reader, b []byte, n int) ([]byte, error) {
	if k.in == nil {
		return nil, errNoKey
	}
	plain, err := k.decrypt(k.in, r, b)
	if err != nil && k.before != nil && now.Before(k.until) {
		plain, err = k.decrypt(k.before, r, b)
	}
	if err == nil && len(plain) < n {
		err = errShort
	}
	return plain, err
}

var errShort = errors.New("packet shorter than its header")

func (k *keys) decrypt(c *srtp.Context, r *reader, b []byte) ([]byte, error) {
	_, known := c.ROC(r.pkt.SSRC)
	if !known && k.sources >= maxSources {
		return nil, errSources
	}
	plain, err := c.DecryptRTP(r.scratch(), b, &r.pkt.Header)
	if err == nil && !known {
		k.sources++
	}
	return plain, err
}

// wear counts a packet under an SDES key and tells when its lifetime is nearly
// over, and when it is (RFC 4568 §6.1). RTCP is not counted: there is far less of
// it. The caller holds mu.
func (e *Endpoint) wear(now time.Time, d *dialog, used *uint64, key *sdp.Key, whose string) {
	*used++
	if n := key.Lifetime; n > 0 && (*used == n-min(n/4, reserve) || *used == n) {
		e.tell(Notice{Kind: NoticeKeyWorn, At: now, Dialog: d.name, Reason: whose})
	}
}

// usedUp reports whether a key of ours may protect nothing more (RFC 3711 §9.2).
func (k *keys) usedUp(key *sdp.Key) bool { return key.Lifetime > 0 && k.sent >= key.Lifetime }

// seal protects the RTP packet in b, in place, and returns it. b has room for
// the tag.
func (k *keys) seal(b []byte, h *rtp.Header) ([]byte, error) {
	if k.out == nil {
		return nil, errNoKey
	}
	return k.out.EncryptRTP(b, b, h)
}

// key gives a dialog the keys of an agreement, if they are others than before.
func (e *Endpoint) key(now time.Time, d *dialog, a, before *sdp.Agreed) error {
	if d.keys.protocol != "" && !a.Rekeyed(before) {
		return nil
	}
	switch {
	case a.DTLS.Role != sdp.RoleNone:
		return e.keyDTLS(now, d, a)
	case a.Keys.Send.Suite != sdp.SuiteNone:
		d.dtls.close()
		return d.keys.sdes(now, a.Keys, before.Keys)
	}
	d.dtls.close()
	d.keys = keys{}
	return nil
}

// sdes makes contexts of SDES keys. A context whose key stays is kept, so that
// its roll-over counter goes on (RFC 4568 §6.4).
func (k *keys) sdes(now time.Time, a, before sdp.Keys) error {
	if k.out == nil || a.Send != before.Send {
		c, err := sdesContext(a.Send)
		if err != nil {
			return fmt.Errorf("key to send with: %w", err)
		}
		k.out, k.sent = c, 0
	}
	if k.in == nil || a.Receive != before.Receive {
		c, err := sdesContext(a.Receive)
		if err != nil {
			return fmt.Errorf("key to receive with: %w", err)
		}
		k.before, k.until = k.in, now.Add(overlap)
		k.in, k.received = c, 0
	}
	k.inRTCP, k.outRTCP = k.in, k.out
	k.protocol = "sdes"
	return nil
}

// sdesContext makes an SRTP context of one SDES key, with the replay window on.
func sdesContext(k sdp.Key) (*srtp.Context, error) {
	profile, ok := profileOf(k.Suite)
	if !ok {
		return nil, fmt.Errorf("suite %q is none we speak", k.Suite)
	}
	opts := windows()
	if k.MKILen > 0 {
		opts = append(opts, srtp.MasterKeyIndicator(mki(k)))
	}
	return srtp.CreateContext(k.Master(), k.Salt(), profile, opts...)
}

// windows switch on what pion leaves off.
func windows() []srtp.ContextOption {
	return []srtp.ContextOption{srtp.SRTPReplayProtection(replayWindow), srtp.SRTCPReplayProtection(replayWindow)}
}

// mki is the identifier as it stands in packets, the highest octet first.
func mki(k sdp.Key) []byte {
	b := make([]byte, k.MKILen)
	v := k.MKI
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = byte(v)
		v >>= 8
	}
	return b
}

func profileOf(s sdp.Suite) (srtp.ProtectionProfile, bool) {
	switch s {
	case sdp.SuiteAES128SHA80:
		return srtp.ProtectionProfileAes128CmHmacSha1_80, true
	case sdp.SuiteAES128SHA32:
		return srtp.ProtectionProfileAes128CmHmacSha1_32, true
	case sdp.SuiteAES256SHA80:
		return srtp.ProtectionProfileAes256CmHmacSha1_80, true
	case sdp.SuiteAES256SHA32:
		return srtp.ProtectionProfileAes256CmHmacSha1_32, true
	case sdp.SuiteGCM128:
		return srtp.ProtectionProfileAeadAes128Gcm, true
	case sdp.SuiteGCM256:
		return srtp.ProtectionProfileAeadAes256Gcm, true
	case sdp.SuiteNone:
	}
	return 0, false
}
