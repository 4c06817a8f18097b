// Package order drives each Order from nothing to a certificate. It observes a
// State, asks Decide for one Step, takes it, and goes on until there is nothing
// to do but wait.
//
// It promises:
//
//   - One Order is ordered once. What newOrder answered is written down before
//     anything else happens, and newOrder is not sent before a live read has
//     shown that nothing was written down yet. (Between the server's answer and
//     our write lies a moment in which a crash loses an order; the server lets
//     it expire.)
//   - The request is finalized only right after the order was read and found
//     ready.
//   - A server that limits rates or is down fails no Order: it is held, says
//     until when, and comes back then. A server that works on an order is asked
//     again, as often as it wants, until the order expires.
//   - Challenges are for the solvers that the issuer has now. An Order whose
//     names no solver can prove says so and waits for the issuer to change.
//   - What is stored as the certificate is for the requested key and names.
//
// # Writes
//
// An Order that runs through costs two status writes: where it is at the
// server, and the certificate. What happens in between is written only when it
// takes longer than Config.Quiet, or when there is something to tell.
package order
