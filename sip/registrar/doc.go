// Package registrar knows which contacts an address-of-record is bound to, and
// until when (RFC 3261 §10).
//
// A [Table] takes what a REGISTER asks, says what is bound afterwards, and is
// asked where an address-of-record can be reached. What a contact is reached
// through, a connection or an address, is the caller's type: the table only
// keeps it.
//
// It is a core for one goroutine at a time: it is given the time, has no lock
// and starts nothing. Both the addresses-of-record and the contacts of each are
// bounded.
package registrar
