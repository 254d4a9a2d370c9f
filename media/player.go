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

// A Tone is what a Player plays: a sine of that frequency in hertz, at -10 dBm0.
type Tone struct {
	Frequency float64
	// On and Off are how long it sounds and is silent in turn, in whole
	// FrameDurations; an Off of zero is a steady tone.
	On, Off time.Duration
}

// A Player makes packets of a tone, for test numbers and ringing. In its pauses
// it sends silence. Core; one goroutine uses it and calls Play every
// FrameDuration.
type Player struct {
	dst     PacketWriter
	enc     codec.Encoder
	step    float64 // radians per sample
	phase   float64
	tone    Tone
	played  time.Duration // of On and Off
	units   uint32        // timestamp units per packet
	pcm     []int16
	payload []byte
	packet  rtp.Packet
}

// NewPlayer returns a Player of a tone, encoded with c, for dst. Random is where
// SSRC and the first sequence number come from (RFC 3550 §5.1).
func NewPlayer(c codec.Codec, tone Tone, dst PacketWriter, random io.Reader) (*Player, error) {
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
			dst: dst, enc: enc, tone: tone, step: 2 * math.Pi * tone.Frequency / float64(rate),
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
	if p.sounds() {
		for i := range p.pcm {
			p.pcm[i] = int16(toneAmplitude * math.Sin(p.phase))
			p.phase += p.step
		}
		p.phase = math.Mod(p.phase, 2*math.Pi)
	} else {
		clear(p.pcm)
	}
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

// sounds reports whether the tone sounds in the next frame, and goes on to it.
func (p *Player) sounds() bool {
	if p.tone.Off == 0 {
		return true
	}
	on := p.played < p.tone.On
	p.played = (p.played + FrameDuration) % (p.tone.On + p.tone.Off)
	return on
}
