package media

// A recodeClock converts between the timestamps of two codecs and the samples
// between them. The reference pair moves on by whole seconds, so that the
// conversion stays exact and never overflows, however often timestamps wrap.
type recodeClock struct {
	from, to, rate int64 // timestamp units of both, samples; per second

	inRef, outRef uint32 // a source timestamp, and what it is on the other side
}

// out is the outgoing timestamp of a source timestamp.
func (c *recodeClock) out(stamp uint32) uint32 {
	d := int64(int32(stamp - c.inRef))
	if s := d / c.from; s > 0 {
		c.inRef += uint32(s * c.from)
		c.outRef += uint32(s * c.to)
		d -= s * c.from
	}
	return c.outRef + uint32(d*c.to/c.from)
}

// rebase says that a source timestamp is from now on that one on the other side.
func (c *recodeClock) rebase(in, out uint32) { c.inRef, c.outRef = in, out }

// samples is how many samples a difference of source timestamps is.
func (c *recodeClock) samples(diff int32) int { return int(int64(diff) * c.rate / c.from) }

// source is how many source timestamp units n samples are.
func (c *recodeClock) source(n int) uint32 {
	return uint32(int64(n) * c.from / c.rate)
}

// units is how many outgoing timestamp units n samples are.
func (c *recodeClock) units(n int) uint32 {
	return uint32(int64(n) * c.to / c.rate)
}
