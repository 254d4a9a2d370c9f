// Package interop meets the built binary with programs that are not ours: sipp,
// baresip, a browser, and full ICE agents behind an edge that forks. Its tests stand behind the build tag interop and are run
// by `make interop`, which names the binary in the variable TANDEM.
//
// Each test starts a gateway of its own on loopback addresses of its own
// (127.P.N.x, P by its process), so that trunks, which are recognised by their source address,
// can be told apart. Where a program cannot be asked to measure what must be
// measured, a small phone in phone_test.go speaks SIP as text and RTP as bytes,
// with nothing of ours in between.
package interop
