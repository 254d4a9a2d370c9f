// Package admin serves the HTTP API by which people and scripts see and steer
// the appliance; the command line is one of its clients. The OpenAPI document
// of what it serves is at /openapi.json.
//
// [Server] is the one type. It listens on a Unix socket, which the permissions
// of the file guard, and if so configured on a TCP address: a loopback one, or
// any with a token. No browser is let in: a request that carries an Origin, or
// that came by a name other than an address or localhost, is refused, so that
// neither a page nor a rebound name can reach the API (CSRF, DNS rebinding).
//
// It shows what the rooms publish and interprets none of it; what it does not
// know by type comes in by name, as a function that returns any.
//
// Its goroutines are those of net/http, started by [Server.Run], which returns
// when they have ended.
package admin
