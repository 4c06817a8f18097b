// Package ca signs with a CA key pair from a Secret.
//
// The parsed key pairs are kept in one bounded cache, the only place in the
// program that holds keys for longer than one request. An entry counts only as
// long as the watch of Secrets still names the UID and the resource version
// that it was read at, so a rotated CA is noticed with the next signature.
//
// A CA that has expired does not sign, since nobody could verify what it signs:
// its issuer is not ready, and requests wait for the CA that follows.
package ca
