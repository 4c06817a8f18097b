// Package acme is the issuer that obtains certificates from an ACME server (RFC
// 8555). It registers the account (Checker) and turns each CertificateRequest
// into one Order (Issuer); package order drives the Order, package challenge
// proves control over its names, package exchange speaks to the server.
//
// It promises:
//
//   - One CertificateRequest leads to one Order, whatever crashes: the Order's
//     name follows from the request, and what exists under it is judged by its
//     owner.
//   - A healthy account causes no traffic: not at a restart, not when the
//     issuer's solvers change.
//   - An account key is generated only where none is named yet, and is never
//     deleted, not even with the issuer.
//   - Which solver proves a name is decided here (Solve), from the issuer. What
//     an Order or a Challenge says about it is never believed.
package acme
