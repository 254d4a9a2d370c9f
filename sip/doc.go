// Package sip is our user agent: call legs, transactions, registrations and
// pings, over the message model of sipgo and the sockets of sip/transport.
//
// [UA] is the shell. The transport's readers call [UA.Receive], which finds the
// leg a message belongs to by Call-ID and tags, and posts it to the goroutine
// that owns the leg; a new INVITE goes to the [Handler]. The user agent keeps a
// bounded table of legs and a bounded table of answers for messages that are
// repeated after their leg is gone.
//
// [Leg] is a core: one call as seen from one side, with its dialogs (several
// early ones while an INVITE forks) and its transactions. Methods say what the
// call wants, Receive and Advance return [Event] values, Deadline says when
// Advance is due. [Registration] and [Ping] are cores of the same kind for
// REGISTER and OPTIONS outside calls.
//
// Nothing of one leg reaches another: Call-ID, tags, Via, Contact and route set
// are made here, at random, for each.
//
// Bodies are bytes; that SDP exists is not known here.
//
// RFC 3261; RFC 6026; RFC 3262 (PRACK); RFC 3311 (UPDATE); RFC 3326 (Reason);
// RFC 3515, RFC 3892, RFC 3891 (REFER, Referred-By, Replaces); RFC 4028 (session
// timers); RFC 6086 (INFO); RFC 6228 (199); RFC 7616, RFC 8760 (digest).
package sip
