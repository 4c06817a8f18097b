// Package acme is a real ACME server for tests and the demo: Pebble, Let's
// Encrypt's own test server, in this process. It exists because what goes wrong
// with ACME goes wrong in the exchange: nonces, states, rate limits, lost
// answers. No double of ours would get those right.
//
// It promises:
//
//   - Real validation. Names are resolved by the server in Options.DNS (over
//     TCP), HTTP-01 connects to Options.HTTPPort and TLS-ALPN-01 to
//     Options.TLSPort of the address found. Nothing is valid without proof.
//   - Determinism where Pebble rolls dice: no random sleep before a validation,
//     no reuse of authorizations, no rejected nonces and one profile, unless
//     Options ask for them.
//   - Faults at run time (SetFault): what Pebble cannot do, answering 429 or 503,
//     hanging, cutting the connection, losing the answer after the deed.
//   - A log of all requests, to assert that nothing was ordered twice.
//
// # Limits
//
// Pebble does not check CAA records. It panics on an order for a parent of a
// blocked domain (the client sees a cut connection). It has no way to stop: after
// Close its validator goroutine and its store stay until the process ends. The
// issuing CA is new at every start, unlike a real one.
//
// Pebble reads settings from the process environment while it is built (PEBBLE_VA_*,
// PEBBLE_WFE_*, PEBBLE_AUTHZREUSE). Start sets them under a lock of this package and
// restores them before it returns, so several servers with different settings may
// run side by side; code elsewhere that reads the environment at that moment may
// see them.
package acme
