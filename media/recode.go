package media

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
)

const (
	// repairable is the most packets in a row whose loss a Recoder fills. A
	// longer gap is left in its output, for the far end's jitter buffer to treat
	// as the outage it is.
	repairable = 3
	// restartJump is the distance in sequence numbers from which a stream has
	// begun anew rather than lost packets (RFC 3550 §A.1, MAX_DROPOUT).
	restartJump = 3000
	// longestPacket is the audio one packet may bring (RFC 6716 §2.1.4).
	longestPacket = 120 * time.Millisecond
	// maxPayload is room for the payload of any packet we encode, in octets.
	maxPayload = 1500
)

// ErrRecode is returned by Recoder.WriteRTP for a packet it could not use; what
// was wrong is in the counters.
var ErrRecode = errors.New("recode packet: late, empty or not decodable")

// RecoderStats counts the packets of a Recoder.
type RecoderStats struct {
	Recoded   uint64 // audio, written
	Passed    uint64 // telephone events and comfort noise, written
	Recovered uint64 // lost, and rebuilt from the packet after
	Concealed uint64 // lost, and made up
	Late      uint64 // came after their place was filled, or twice
	Bad       uint64 // not decodable
}

// A Recoder is a PacketWriter in front of another: it decodes the audio it is
// given, encodes it as the far side wants it and writes it on at once. It has no
// clock and no jitter buffer. Packets lost before it are rebuilt or concealed
// while the gap is short; a packet time that differs goes through a queue of
// less than one packet; telephone events and comfort noise pass in order with
// the audio.
//
// Where the writer it writes to knows what share of its packets is lost (an
// [Endpoint] does, from RTCP), the encoder is told and may add redundancy.
//
// One goroutine calls WriteRTP; Stats is safe for all.
type Recoder struct {
	// Set once.
	dst     PacketWriter
	dec     codec.Decoder
	enc     codec.Encoder
	recover codec.Recoverer // nil: the decoder cannot
	adapter codec.Adapter   // nil: the encoder cannot
	reports lossReporter    // nil: dst is none
	clock   recodeClock
	frame   int // samples in an outgoing packet

	// Owned by the goroutine of WriteRTP.
	started bool
	ssrc    uint32
	expect  uint16  // sequence number of the next packet
	at      uint32  // source timestamp of pcm[0]
	length  int     // samples in the packet before
	pcm     []int16 // decoded and not yet sent, under one frame between calls
	payload []byte
	out     rtp.Packet
	seq     uint16
	marker  bool // the next audio begins a talk spurt
	told    int  // percent of loss the encoder was told

	// Atomic.
	recoded, passed, recovered, concealed, late, bad atomic.Uint64
}

// NewRecoder returns a Recoder from one codec to another that writes packets of
// ptime to dst; 0, and a time the codec has no frame for, is 20 ms. It is an
// error when the codecs have no sampling rate in common.
func NewRecoder(from, to codec.Codec, ptime time.Duration, dst PacketWriter) (*Recoder, error) {
	r := &Recoder{dst: dst, marker: true}
	rate, err := r.coders(from, to)
	if err != nil {
		return nil, err
	}
	if ptime <= 0 {
		ptime = FrameDuration
	}
	r.frame = samples(ptime, rate)
	if _, err := r.enc.Encode(nil, make([]int16, r.frame)); err != nil {
		r.frame = samples(FrameDuration, rate)
	}
	r.clock = recodeClock{from: int64(from.Params().ClockRate), to: int64(to.Params().ClockRate), rate: int64(rate)}
	r.pcm = make([]int16, 0, samples(longestPacket, rate)+r.frame)
	r.payload = make([]byte, 0, maxPayload)
	r.recover, _ = r.dec.(codec.Recoverer)
	if r.adapter, _ = r.enc.(codec.Adapter); r.adapter != nil {
		r.reports, _ = dst.(lossReporter)
	}
	return r, nil
}

// coders makes both coders at 16000 samples a second where both codecs carry as
// much, else at 8000: encoding costs by the sample, and telephone speech has
// nothing above.
func (r *Recoder) coders(from, to codec.Codec) (int, error) {
	var errs []error
	for _, rate := range [...]int{16000, 8000, 48000} {
		dec, err := from.NewDecoder(rate)
		errs = append(errs, err)
		enc, err2 := to.NewEncoder(rate)
		errs = append(errs, err2)
		if err == nil && err2 == nil {
			r.dec, r.enc = dec, enc
			return rate, nil
		}
	}
	return 0, fmt.Errorf("recode %s to %s: no sampling rate in common: %w",
		from.Params().Name, to.Params().Name, errors.Join(errs...))
}

func samples(d time.Duration, rate int) int { return int(d * time.Duration(rate) / time.Second) }

// A lossReporter knows what share of the packets written to it the far end
// reports as lost, in percent.
type lossReporter interface{ RemoteLoss() int }

// Stats returns a copy of the counters.
func (r *Recoder) Stats() RecoderStats {
	return RecoderStats{
		Recoded: r.recoded.Load(), Passed: r.passed.Load(), Recovered: r.recovered.Load(),
		Concealed: r.concealed.Load(), Late: r.late.Load(), Bad: r.bad.Load(),
	}
}

// WriteRTP implements PacketWriter.
func (r *Recoder) WriteRTP(now time.Time, p *rtp.Packet) error {
	lost := int(int16(p.SequenceNumber - r.expect))
	if !r.started || p.SSRC != r.ssrc || lost > restartJump || lost < -restartJump {
		r.restart(p)
		lost = 0
	}
	if lost < 0 {
		r.late.Add(1)
		return ErrRecode
	}
	r.expect = p.SequenceNumber + 1
	if p.PayloadType != PayloadAudio {
		return r.pass(now, p, lost)
	}
	if len(p.Payload) == 0 {
		r.bad.Add(1)
		return ErrRecode
	}
	r.marker = r.marker || p.Marker
	if err := r.place(now, p, lost); err != nil {
		return err
	}
	before := len(r.pcm)
	pcm, err := r.dec.Decode(r.pcm, p.Payload)
	if err != nil {
		// Its place is taken, so that what follows stays in time.
		r.bad.Add(1)
		pcm = r.dec.Conceal(r.pcm, max(r.length, 1))
	}
	r.pcm, r.length = pcm, len(pcm)-before
	return r.flush(now)
}

// restart begins with a stream that is not the one before.
func (r *Recoder) restart(p *rtp.Packet) {
	r.started, r.ssrc, r.marker = true, p.SSRC, true
	r.pcm, r.length = r.pcm[:0], 0
	r.at, r.seq = p.Timestamp, p.SequenceNumber
	r.clock.inRef, r.clock.outRef = p.Timestamp, p.Timestamp
}

// pass writes an event or comfort noise, whose payload needs no recoding.
func (r *Recoder) pass(now time.Time, p *rtp.Packet, lost int) error {
	r.seq += uint16(lost)
	r.out.Header = rtp.Header{
		Version: 2, PayloadType: p.PayloadType, Marker: p.Marker, SSRC: r.ssrc,
		Timestamp: r.clock.out(p.Timestamp),
	}
	r.out.Payload = p.Payload
	r.passed.Add(1)
	return r.write(now)
}

// place brings what is decoded up to the timestamp of p, after lost packets.
func (r *Recoder) place(now time.Time, p *rtp.Packet, lost int) error {
	hole := r.clock.samples(int32(p.Timestamp - r.at))
	hole -= len(r.pcm)
	switch {
	case r.length == 0 || hole == 0:
		if r.length == 0 {
			r.at = p.Timestamp
		}
		return nil
	case hole > 0 && lost > 0 && hole <= repairable*r.length:
		return r.repair(now, p, lost, hole)
	case hole < 0:
		// The source's clock went back: go on where we are.
		r.clock.rebase(p.Timestamp, r.clock.out(r.at)+r.clock.units(len(r.pcm)))
		r.at = p.Timestamp - r.clock.source(len(r.pcm))
		return nil
	}
	return r.leap(now, p, lost)
}

// repair fills hole samples: the last packet's worth from the redundancy of p
// where it has any, the rest by concealment.
func (r *Recoder) repair(now time.Time, p *rtp.Packet, lost, hole int) error {
	last := 0
	if r.recover != nil {
		last = min(r.length, hole)
	}
	if made := hole - last; made > 0 {
		r.pcm = r.dec.Conceal(r.pcm, made)
	}
	r.concealed.Add(uint64(lost))
	if last > 0 {
		var ok bool
		if r.pcm, ok = r.recover.Recover(r.pcm, p.Payload, last); ok {
			r.recovered.Add(1)
			r.concealed.Add(^uint64(0))
		}
	}
	return r.flush(now)
}

// leap goes on at the timestamp of p, leaving a gap: silence that was not
// sent, or a loss too long to fill. Audio short of a packet is filled up first.
func (r *Recoder) leap(now time.Time, p *rtp.Packet, lost int) error {
	var err error
	if n := len(r.pcm); n > 0 {
		r.pcm = r.dec.Conceal(r.pcm, r.frame-n)
		err = r.flush(now)
	}
	r.seq += uint16(lost)
	r.at, r.marker = p.Timestamp, true
	return err
}

// flush encodes and writes whole packets.
func (r *Recoder) flush(now time.Time) error {
	if r.reports != nil {
		if loss := r.reports.RemoteLoss(); loss != r.told {
			r.adapter.Expect(loss)
			r.told = loss
		}
	}
	var failed error
	sent := 0
	for ; len(r.pcm)-sent >= r.frame; sent += r.frame {
		payload, err := r.enc.Encode(r.payload[:0], r.pcm[sent:sent+r.frame])
		stamp := r.clock.out(r.at)
		r.at += r.clock.source(r.frame)
		if err != nil {
			r.bad.Add(1)
			failed = err
			continue
		}
		r.out.Header = rtp.Header{Version: 2, PayloadType: PayloadAudio, Marker: r.marker, SSRC: r.ssrc, Timestamp: stamp}
		r.out.Payload, r.marker = payload, false
		r.recoded.Add(1)
		if err := r.write(now); err != nil {
			failed = err
		}
	}
	r.pcm = r.pcm[:copy(r.pcm, r.pcm[sent:])]
	return failed
}

func (r *Recoder) write(now time.Time) error {
	r.out.SequenceNumber = r.seq
	r.seq++
	return r.dst.WriteRTP(now, &r.out)
}
