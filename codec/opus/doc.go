// Package opus codes PCM as Opus (RFC 6716, RFC 7587), by libopus through cgo.
//
// [New] returns the codec. libopus codes natively at 8000, 12000, 16000, 24000
// and 48000 samples a second, so a call between G.711 and Opus needs no
// resampler: the RTP clock is 48000 whatever the rate (RFC 7587 §4.1).
// Coding is mono; a stereo stream is decoded to mono by libopus itself.
//
// It is the only door to libopus and the only package that needs cgo. It
// starts no goroutine; coding allocates nothing.
package opus
