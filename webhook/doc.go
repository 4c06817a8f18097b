// Package webhook judges writes to our objects before they are stored: what is
// missing is filled in, what can never be issued is refused with the field and
// the remedy, nobody passes for somebody else, and only those approve who may.
//
// The rules themselves are pure functions in certs/validate and
// certs/defaults. This package carries reviews to them and answers back, looks
// up the little that an object alone does not show (the default issuer, the
// state of the issuer, the right to approve), and says in [Configurations]
// when the API server has to ask.
//
// There are two paths and one code path. /mutate fills in and validates
// Certificates, so that users see our words before those of the schema, and
// writes into CertificateRequests who created them. /validate applies the same
// rules to the final object, which another mutator may have changed since, and
// adds identity, immutability and approval.
//
// A third path, /advise, warns about annotated Ingresses. It refuses nothing, and
// nobody waits for it longer than a second.
//
// What it promises:
//
//   - An update is refused only for what it makes worse. Status is never
//     judged on spec.
//   - The API server asks as little as possible: for creates, for changes of
//     what we judge, for a CertificateRequest's status only if its approval
//     changes, and for an Order's only if what the ACME server said is
//     rewritten. All else works while the webhook is down.
//   - The namespace label cert-manager.io/disable-validation switches off field
//     rules and defaults; identity and approval it does not.
//   - Whatever is sent is bounded in size and time; a panic is one HTTP 500.
package webhook
