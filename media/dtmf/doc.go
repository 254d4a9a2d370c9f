// Package dtmf reads and writes digits in the three ways telephony carries
// them: as telephone events in RTP (RFC 4733), as bodies of SIP INFO, and as
// tones in the audio (ITU-T Q.23, Q.24).
//
// A [Press] is one digit and how long it was held. [Receiver] makes presses of
// event packets, each exactly once; [Sender] makes event packets of presses;
// [ParseInfo] and [AppendInfo] read and write INFO bodies; [Detector] finds
// presses in PCM and can silence them there; [Generator] sounds them.
//
// All are cores for one goroutine: they are given the time and own no clock,
// and allocate nothing per packet. Digits are what people type their PINs
// with: nothing here logs, and [Digit] prints as a star.
package dtmf
