// Package request answers CertificateRequests: it approves those that it may,
// asks the issuer that they name, and writes down the answer. One controller
// serves all kinds of issuers.
//
// Decide is the policy, a list of gates; Fulfil asks the issuer and checks what
// comes back; Answer turns an outcome into a status. Package certificate, which
// issues in one pass where an issuer answers at once, uses the same Fulfil and
// Answer, and keeps this controller away from its requests through InFlight.
//
// Caches hold requests without what is bulky and not needed for a decision (see
// Trim); the whole object is read live before an issuer is asked.
package request
