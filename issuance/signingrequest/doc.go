// Package signingrequest answers Kubernetes CertificateSigningRequests
// (certificates.k8s.io) whose signer name means an Issuer or a ClusterIssuer:
//
//	issuers.cert-manager.io/<namespace>.<name>
//	clusterissuers.cert-manager.io/<name>
//
// All others are somebody else's and never touched. One controller serves all
// kinds of issuers, through the same issuance.Issuer and request.Fulfil as
// CertificateRequests: what is asked for is put into the terms of one (Ask).
// Kinds that need more of a CertificateRequest than its spec say so by the lack
// of issuance.Kind.SigningRequests.
//
// Nothing is approved here. An approval says what may be signed, not by whom:
// so whoever created a request for an Issuer must be allowed to use it, verb
// reference on signers.cert-manager.io in the Issuer's namespace, with the
// Issuer's name or "*". ClusterIssuers are for everybody.
//
// The API of Kubernetes knows no waiting: a request has its certificate, has a
// condition Failed, for ever, or has nothing. Why one has nothing is told in
// events, once, and looked at again when the issuer or the Secret changes. The
// cache knows which requests are open and little more (see Trim); each look at
// one begins with a live read, so a certificate that is there is never signed
// again, and the answer is bound to the version that was read.
package signingrequest
