package dtmf

import (
	"math"
	"time"
)

// row and column frequencies in hertz (ITU-T Q.23), and the keys they cross in.
const grid = "123A456B789C*0#D"

func rows() [4]float64    { return [4]float64{697, 770, 852, 941} }
func columns() [4]float64 { return [4]float64{1209, 1336, 1477, 1633} }

// frequencies returns the pair that sounds d.
func frequencies(d Digit) (row, column float64) {
	for i := range len(grid) {
		if grid[i] == byte(d) {
			return rows()[i/4], columns()[i%4]
		}
	}
	return 0, 0
}

// amplitude of each of the two tones: about -7 dBm0 (Q.23: -6 to -9 is usual).
const amplitude = 10000

// A Generator sounds presses in PCM, one after another with a pause between.
type Generator struct {
	rate  int
	line  [waiting]Press
	head  int
	count int

	row, column float64 // radians per sample
	at          int     // samples since the digit began
	sound, all  int     // samples of it that sound, and with its pause
}

// NewGenerator returns a Generator for PCM of rate samples per second.
func NewGenerator(rate int) *Generator { return &Generator{rate: rate} }

// Press puts a digit in line; false when the line of 32 is full or the digit is
// none. Durations are brought between [Shortest] and [Longest].
func (g *Generator) Press(p Press) bool {
	if _, ok := p.Digit.Code(); !ok || g.count == waiting {
		return false
	}
	p.Duration = min(max(p.Duration, Shortest), Longest)
	g.line[(g.head+g.count)%waiting] = p
	g.count++
	return true
}

// Sound overwrites pcm with the digits in line and the pauses between them. It
// reports false, and leaves pcm alone, when there are none.
func (g *Generator) Sound(pcm []int16) bool {
	if g.at == g.all && g.count == 0 {
		return false
	}
	for i := range pcm {
		if g.at == g.all && !g.begin() {
			clear(pcm[i:])
			break
		}
		pcm[i] = g.sample()
		g.at++
	}
	return true
}

func (g *Generator) begin() bool {
	if g.count == 0 {
		return false
	}
	p := g.line[g.head]
	g.head, g.count = (g.head+1)%waiting, g.count-1
	row, column := frequencies(p.Digit)
	g.row, g.column = 2*math.Pi*row/float64(g.rate), 2*math.Pi*column/float64(g.rate)
	g.at, g.sound = 0, g.samples(p.Duration)
	g.all = g.sound + g.samples(Pause)
	return true
}

func (g *Generator) samples(d time.Duration) int { return int(d * time.Duration(g.rate) / time.Second) }

func (g *Generator) sample() int16 {
	if g.at >= g.sound {
		return 0
	}
	t := float64(g.at)
	return int16(amplitude * (math.Sin(g.row*t) + math.Sin(g.column*t)))
}
