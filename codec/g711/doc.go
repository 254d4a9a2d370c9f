// Package g711 codes PCM as PCMU and PCMA (ITU-T G.711; RFC 3551 §4.5.14).
//
// [PCMU] and [PCMA] are its codecs. One octet is one sample at 8000 a second,
// so only that rate is coded; a port at another rate puts a resampler before
// it. Lost payloads are concealed from the pitch of what was heard last.
//
// It is a core: it starts no goroutine, and coding allocates nothing.
package g711
