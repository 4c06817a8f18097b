// Package defaults says what is filled into an object when it is created, as
// JSON-patch operations (RFC 6902) for the webhook, the shim and certctl.
//
// What it promises:
//
//   - An object means after defaulting exactly what it meant before: a field is
//     filled in only where its absence already has that meaning. The exceptions
//     are spec.secretName and spec.issuerRef, without which there is no meaning.
//   - Absent and explicitly default stay equal in every comparison, so that
//     defaulting never leads to a new certificate (package certs).
//   - The patch touches nothing else: it works on the JSON as it was sent, so
//     fields that we do not know stay as they are.
//   - Applying it a second time changes nothing.
//
// Never filled in are duration and usages (an external issuer has defaults of
// its own, which apply only to what is absent) and values that depend on
// others, such as privateKey.size.
package defaults
