package media

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/tandem-voip/tandem/codec"
	"github.com/tandem-voip/tandem/media/sdp"
)

// ErrNoPorts is returned by Open when every port of the range is in use, rests
// or belongs to another program. The call gets 503 (RFC 3261 §21.5.4).
var ErrNoPorts = errors.New("open media endpoint: no port is free; widen media.port_min to media.port_max")

// ErrNoAddress is returned by Open when the pool has no address of the family
// asked for.
var ErrNoAddress = errors.New("open media endpoint: no IPv6 address is configured; set media.address6")

// ErrClosed is returned for what is asked of a pool that has stopped or an
// endpoint that was closed.
var ErrClosed = errors.New("media endpoint: closed")

// Deps are the collaborators of a pool.
type Deps struct {
	// ListenPacket opens a UDP socket at exactly that address.
	ListenPacket func(netip.AddrPort) (PacketConn, error)
	// Codecs are what tones and silence are encoded with, and what tones are
	// detected in.
	Codecs codec.Set
	// Certificate is ours in DTLS-SRTP; NewCertificate makes one. The zero
	// value means that no DTLS can be agreed.
	Certificate tls.Certificate
	// Random is where SSRCs, sequence numbers and names come from. nil means
	// the system's source.
	Random io.Reader
	// Log is for what an operator should know. nil discards.
	Log *slog.Logger
}

// A Pool owns the RTP ports of the machine and the slow housekeeping of all
// endpoints: RTCP intervals, silence, latch windows, digits being sent. It is
// safe for concurrent use.
type Pool struct {
	// set once
	cfg         Config
	deps        Deps
	fingerprint sdp.Fingerprint

	mu sync.Mutex
}

// NewPool makes a pool. It opens no socket and starts nothing.
func NewPool(cfg Config, deps Deps) (*Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Pool{cfg: cfg, deps: deps}, nil
}

// Fingerprint is that of our certificate, for offers and answers; zero when
// there is none.
func (p *Pool) Fingerprint() sdp.Fingerprint { return p.fingerprint }

// Open takes a pair of ports and starts to read them. Errors are ErrNoPorts,
// ErrNoAddress, ErrClosed, and those of Deps.ListenPacket.
func (p *Pool) Open(now time.Time, o Options) (*Endpoint, error) { return nil, ErrNoPorts }

// Stats returns the figures of the pool.
func (p *Pool) Stats() PoolStats { return PoolStats{} }
