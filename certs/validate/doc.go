// Package validate holds the rules that decide whether an object is accepted.
// They are pure functions, shared by the webhook, the shim and "certctl lint",
// so that all three give the same answer.
//
// What it promises:
//
//   - All that is wrong is reported together, each with its exact field and
//     with what to do about it.
//   - Certificate refuses what cert-manager refuses, and where both judge a
//     value differently, only what is wrong. What cert-manager accepts although
//     it can never be issued, is no name at all or gets in our way, is refused
//     only where it is new (CertificateNew, CertificateUpdate).
//   - An update is refused only for what it makes worse: errors that the old
//     object has too are left out, wherever in a list they moved to.
//   - Values are quoted in errors up to 100 characters; passwords, and
//     anything that could be a private key, never are.
//
// Where the schema of a CRD has an enumeration, the rule here repeats it for
// Certificates: they are judged in mutating admission, before the schema is,
// and a denial must name every field.
package validate
