// Package takeover leaves behind what cert-manager would: Certificates in every
// state, with their Secrets, requests, keys and managed fields, as its users see
// them. Only tests import it.
//
// Nothing here goes through the code that is tested with it. Signing requests,
// annotations and statuses are put together by hand, so that a mistake there is
// not made here as well.
package takeover
