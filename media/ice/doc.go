// Package ice is the ICE agent of a SIP leg: lite, with one address of its own,
// and as many far ends as one offer finds.
//
// A SIP INVITE can fork, so the checks of several far ends meet at one socket,
// all under our one ufrag, told apart by theirs, often before their answers are
// here. An [Agent] answers every check that our password vouches for, keeps for
// each far end (a fork; a dialog, once its answer came) the paths on which checks
// were received, and says where to send: the path nominated last, else the one of
// the highest priority. It never sends a check.
//
// An Agent is a core: it is given packets and the time, and returns the reply to
// send and an [Event]. It has no socket, goroutine, lock or clock and no
// randomness; ufrags and passwords come from the caller.
//
// Standards: RFC 8445 (ICE; §2.5 and §7.3 for lite agents), RFC 8489 (STUN), RFC
// 8839 (ICE in SDP, with forks in its §5 and §6), RFC 7675 (consent). One rule is
// wider than RFC 8445 §12.1.1 allows a lite agent: we send on a path that was
// checked and not yet nominated, because early media depends on it.
//
// Left to others: telling STUN from RTP and DTLS on a socket (RFC 7983), which
// dialog is heard, and SDP.
package ice
