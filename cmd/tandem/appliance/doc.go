// Package appliance builds all rooms from one configuration and runs them:
// from the bottom up to start (media pool, SIP transport, user agent, calls,
// records, admin), from the top down to stop.
//
// The program and the call flows under test start the same [Appliance]; they
// differ in the [Deps] they hand in: real sockets, or a network in memory.
//
// Its goroutines are those of the rooms, started by [Appliance.Run], which
// returns when all have ended.
package appliance
