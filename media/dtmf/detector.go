package dtmf

import (
	"math"
	"time"
)

// What counts as a digit (ITU-T Q.24 leaves the figures to administrations;
// these lie within what they chose).
const (
	blocksPerSecond = 8000.0 / 102 // a block of 12.75 ms parts 697 from 770 Hz
	onBlocks        = 2            // alike in a row begin a digit: 25 ms
	offBlocks       = 2            // without it end a digit
	minRMS          = 160.0        // of one tone: about -40 dBm0
	maxTwistUp      = 2.5          // column over row, power: 4 dB
	maxTwistDown    = 6.3          // row over column, power: 8 dB
	apart           = 6.3          // strongest over any other of its group: 8 dB
	share           = 0.72         // of the block's power that is in the two tones
)

// A Detector finds digits in the audio of one stream.
type Detector struct {
	rate  int
	size  int        // samples in a block
	coef  [8]float64 // of each Goertzel filter
	state [8][2]float64
	total float64
	n     int // samples of the block so far

	candidate Digit // what the last blocks looked like
	alike     int   // how many in a row
	current   Digit // sounding
	blocks    int   // how long
	quiet     int   // blocks since without it
}

// NewDetector returns a Detector for PCM of rate samples per second.
func NewDetector(rate int) *Detector {
	d := &Detector{rate: rate, size: int(float64(rate) / blocksPerSecond)}
	r, c := rows(), columns()
	for i := range 4 {
		d.coef[i] = 2 * math.Cos(2*math.Pi*r[i]/float64(rate))
		d.coef[4+i] = 2 * math.Cos(2*math.Pi*c[i]/float64(rate))
	}
	return d
}

// Process listens to pcm and returns the digit that ended in it, if one did.
// With mute it also silences, in place, the samples of pcm in which a digit
// sounds or seems to begin, so that what travels as an event is not heard as
// well (RFC 4733 §2.6.3); a digit's first few milliseconds may remain where
// they came in an earlier call.
func (d *Detector) Process(pcm []int16, mute bool) (Press, bool) {
	var ended Press
	var over bool
	begin := 0 // of the current block within pcm
	for i, s := range pcm {
		d.feed(float64(s))
		if d.n < d.size {
			continue
		}
		if p, ok := d.step(d.decide()); ok {
			ended, over = p, true
		}
		if mute && d.Sounding() {
			clear(pcm[begin : i+1])
		}
		begin = i + 1
	}
	if mute && d.Sounding() {
		clear(pcm[begin:])
	}
	return ended, over
}

// Sounding reports whether a digit is on, or the last block looked like one.
func (d *Detector) Sounding() bool { return d.current != 0 || d.candidate != 0 }

func (d *Detector) feed(s float64) {
	for i := range d.coef {
		st := &d.state[i]
		st[0], st[1] = s+d.coef[i]*st[0]-st[1], st[0]
	}
	d.total += s * s
	d.n++
}

// decide ends the block and says which digit it holds, or none.
func (d *Detector) decide() Digit {
	var power [8]float64
	for i, st := range d.state {
		power[i] = 2 * (st[0]*st[0] + st[1]*st[1] - d.coef[i]*st[0]*st[1]) / float64(d.size)
	}
	total := d.total
	d.state, d.total, d.n = [8][2]float64{}, 0, 0

	row, column := strongest(power[:4]), strongest(power[4:])
	if row < 0 || column < 0 {
		return 0
	}
	low, high := power[row], power[4+column]
	floor := minRMS * minRMS * float64(d.size)
	if min(low, high) < floor || high > low*maxTwistUp || low > high*maxTwistDown ||
		low+high < share*total {
		return 0
	}
	return Digit(grid[row*4+column])
}

// strongest is the index that stands out of its group, or -1.
func strongest(group []float64) int {
	best := 0
	for i, p := range group {
		if p > group[best] {
			best = i
		}
	}
	for i, p := range group {
		if i != best && p*apart > group[best] {
			return -1
		}
	}
	return best
}

// step goes on by one block.
func (d *Detector) step(seen Digit) (Press, bool) {
	if seen != 0 && seen == d.candidate {
		d.alike++
	} else {
		d.candidate, d.alike = seen, 1
	}
	if d.current != 0 {
		d.blocks++
		if seen == d.current {
			d.quiet = 0
			return Press{}, false
		}
		if d.quiet++; d.quiet < offBlocks {
			return Press{}, false
		}
		p := Press{d.current, d.length(d.blocks - d.quiet)}
		d.current = 0
		if seen != 0 && d.alike >= onBlocks {
			d.start(seen)
		}
		return p, true
	}
	if seen != 0 && d.alike >= onBlocks {
		d.start(seen)
	}
	return Press{}, false
}

func (d *Detector) start(digit Digit) { d.current, d.blocks, d.quiet = digit, d.alike, 0 }

func (d *Detector) length(blocks int) time.Duration {
	return time.Duration(blocks*d.size) * time.Second / time.Duration(d.rate)
}
