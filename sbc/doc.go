// Package sbc joins calls: it decides what is admitted, where it goes and how
// the two sides of a call fit together, in signalling and in media.
//
// A [B2BUA] is the whole of it. What comes in on a trunk becomes a [Call]: a
// leg towards the caller (the A side), one or more legs towards those called
// (the B side), and the media between them. A call is a core, one step for
// each input, driven by a goroutine of its own; nobody else touches it. Others
// see it through a [CallView], a copy of what the call shows after each step, and
// steer it by posting to its inbox.
//
// What remains of a call is a [CDR], handed to a [CDRWriter] off the call's
// path, and, for a while, its timeline: what passed on either side, as one
// ladder.
//
// Goroutines: one for each call, one for each tone that is played, one for the
// record queue, one for the trunk monitor. All are in run*.go.
//
// RFC 7092 (what kind of B2BUA this is), RFC 3261, RFC 3264, RFC 3960.
//
// It leaves transactions and dialogs to sip, sockets and packets to media,
// the storing of records to sbc/record and the showing of them to sbc/admin.
package sbc
