// Package selftest calls through a running gateway and back: two small phones
// on loopback addresses, one that speaks PCMU and one that speaks Opus. They
// measure how long the call takes to set up, the level and the delay of a
// 1004 Hz tone each way, and whether every digit comes through once.
//
// The phones are made of the rooms the gateway is made of, over real sockets.
// [Run] starts their goroutines and returns when they have ended.
package selftest
