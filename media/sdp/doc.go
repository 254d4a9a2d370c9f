// Package sdp is offer and answer as functions: what a session description
// says, what we say to it, and what one audio stream came to.
//
// [Parse] reads a description and [Description.Bytes] writes one. [Offer] makes
// the description we offer from a [Local]; [Answer] makes our answer to another's
// offer, [Accept] reads another's answer to ours. The last two tell what was
// [Agreed], a value that media applies. Accept may be called as often as there
// are answers to one offer: every early dialog has its own.
//
// Everything here is a pure function of its arguments: no goroutine, no clock,
// no randomness, no state. Keys, ufrags and session numbers come from the caller.
// Nothing of a description is ever copied into one for somebody else: what we
// write is built from Local, and attributes we do not know are not even kept.
//
// Standards: RFC 8866 and RFC 4566 (syntax), RFC 3264 (offer and answer), RFC
// 3605 (a=rtcp), RFC 5761 and RFC 8035 (RTP and RTCP on one port), RFC 8858
// (only on one port), RFC 4568, RFC 6188 and RFC 7714 (SDES and its suites),
// RFC 5763, RFC 8122 and RFC 8842 (DTLS-SRTP), RFC 8643 (optional SRTP), RFC
// 8839 (ICE), RFC 9143 (one m-line in a bundle), RFC 7587 (Opus), RFC 4733
// (telephone-event), RFC 3389 (comfort noise).
//
// Left to others: what a leg wants (sbc), keys at work (media), checks (media/ice).
package sdp
