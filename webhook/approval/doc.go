// Package approval answers one question: may this user approve or deny
// requests for this issuer?
//
// The right to do so is the verb "approve" on the virtual, cluster-wide
// resource "signers" of the group cert-manager.io, for one of the names
//
//	<plural>.<group>/*                      every issuer of that kind
//	<plural>.<group>/<namespace>.<name>     an issuer that lives in a namespace
//	<plural>.<group>/<name>                 an issuer of the whole cluster
//
// where plural is what the API server calls the kind in issuerRef. Whoever is
// asked, the answer is the API server's (a SubjectAccessReview). Whatever goes
// wrong on the way is not an approval.
package approval
