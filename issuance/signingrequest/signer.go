package signingrequest

import (
	"strings"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Domains of the signer names that mean our issuers.
const (
	issuers        = "issuers." + certsv1.GroupName + "/"
	clusterIssuers = "clusterissuers." + certsv1.GroupName + "/"
)

// A Signer is the issuer that a signer name means.
type Signer struct {
	// Kind is Issuer or ClusterIssuer.
	Kind string
	// Namespace of an Issuer. It is empty if the signer name has no dot, in
	// which case there is no such Issuer.
	Namespace string
	Name      string
}

// ParseSigner reads spec.signerName. It is false for signers that are not ours.
func ParseSigner(name string) (Signer, bool) {
	if issuer, ok := strings.CutPrefix(name, clusterIssuers); ok {
		return Signer{Kind: certsv1.ClusterIssuerKind, Name: issuer}, true
	}
	path, ok := strings.CutPrefix(name, issuers)
	if !ok {
		return Signer{}, false
	}
	// The name of a namespace has no dot, that of an issuer may.
	namespace, issuer, ok := strings.Cut(path, ".")
	if !ok {
		namespace, issuer = "", path
	}
	return Signer{Kind: certsv1.IssuerKind, Namespace: namespace, Name: issuer}, true
}

// String is the signer name that means s.
func (s Signer) String() string {
	if s.Kind == certsv1.ClusterIssuerKind {
		return clusterIssuers + s.Name
	}
	return issuers + s.Namespace + "." + s.Name
}
