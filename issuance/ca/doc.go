// Package ca signs with a CA key pair from a Secret.
//
// The parsed key pairs are kept in one bounded cache, the only place in the
// program that holds keys for longer than one request. An entry counts only as
// long as the watch of Secrets still names the UID and the resource version
// that it was read at, so a rotated CA is noticed with the next signature.
package ca
