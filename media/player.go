package media

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/pion/rtp"

	"github.com/tandem-voip/tandem/codec"
)

// toneAmplitude is a sine of -10 dBm0 as linear samples: 3.14 dBm0 is the sine
// that just does not clip, with a peak of 32124 (ITU-T G.711 table 5).
const toneAmplitude = 7076.0

// A Player makes packets of a steady tone of -10 dBm0, for test numbers. Core;
// one goroutine uses it and calls Play every FrameDuration.
type Player struct {
	dst     PacketWriter
	enc     codec.Encoder
	step    float64 // radians per sample
	phase   float64
	units   uint32 // timestamp units per packet
	pcm     []int16
	payload []byte
	packet  rtp.Packet
}

// NewPlayer returns a Player of a tone of that frequency in hertz, encoded with
// c, for dst. Random is where SSRC and the first sequence number come from (RFC
// 3550 §5.1).
func NewPlayer(c codec.Codec, frequency float64, dst PacketWriter, random io.Reader) (*Player, error) {
	var b [8]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, fmt.Errorf("make player: %w", err)
	}
	var err error
	for _, rate := range [...]int{8000, 16000, 48000} {
		var enc codec.Encoder
		if enc, err = c.NewEncoder(rate); err != nil {
			continue
		}
		p := &Player{
			dst: dst, enc: enc, step: 2 * math.Pi * frequency / float64(rate),
			pcm:     make([]int16, samples(FrameDuration, rate)),
			payload: make([]byte, 0, maxPayload),
			units:   uint32(samples(FrameDuration, c.Params().ClockRate)),
		}
		p.packet.Version = 2
		p.packet.PayloadType = PayloadAudio
		p.packet.Marker = true
		p.packet.SSRC = binary.BigEndian.Uint32(b[:])
		p.packet.SequenceNumber = binary.BigEndian.Uint16(b[4:])
		return p, nil
	}
	return nil, fmt.Errorf("make player for %s: %w", c.Params().Name, err)
}

// Play writes the packet of the next FrameDuration.
func (p *Player) Play(now time.Time) error {
	for i := range p.pcm {
		p.pcm[i] = int16(toneAmplitude * math.Sin(p.phase))
		p.phase += p.step
	}
	p.phase = math.Mod(p.phase, 2*math.Pi)
	payload, err := p.enc.Encode(p.payload[:0], p.pcm)
	if err != nil {
		return fmt.Errorf("play tone: %w", err)
	}
	p.packet.Payload = payload
	err = p.dst.WriteRTP(now, &p.packet)
	p.packet.Marker = false
	p.packet.SequenceNumber++
	p.packet.Timestamp += p.units
	return err
}
