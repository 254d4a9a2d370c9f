// Package codec states what an audio codec is.
//
// A [Codec] makes an [Encoder] or a [Decoder], each of which holds the state
// of one stream and is used by one goroutine. The codecs themselves are in the
// packages below this one; the program chooses among them and hands the rooms
// a [Set]. There is no registry.
//
// It starts no goroutine. Names and parameters are those of SDP (RFC 8866 §6.6).
package codec
