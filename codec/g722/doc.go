// Package g722 codes PCM as G.722 at 64 kbit/s (ITU-T G.722; RFC 3551 §4.5.2).
//
// [New] returns the codec. It samples at 16000 a second, though its RTP clock
// is 8000 by an old mistake that RFC 3551 keeps; an 8000 port is served
// through the sub-band switch of the coder itself. Lost payloads are concealed
// from the pitch of what was heard last.
//
// It is a core: it starts no goroutine, and coding allocates nothing.
package g722
