// Package conceal fills the place of speech that never came.
//
// A [Concealer] listens to the good samples of one stream and, when some are
// missing, goes on with the last pitch period, ever softer, until after
// 60 ms it is silent; the first good samples afterwards are faded in over it.
// The idea is that of ITU-T G.711 Appendix I, for codecs that bring no
// concealment of their own.
//
// It is a core for one goroutine: no allocation after [New], no clock.
package conceal
