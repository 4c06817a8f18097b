// Package v1 holds the API types of the group cert-manager.io: Certificate,
// CertificateRequest, Issuer and ClusterIssuer. The field comments are what
// kubectl explain prints; the markers are what the CRDs in deploy/crds are
// generated from.
//
// Nothing here has a default in the CRD: an absent field keeps meaning what it
// means (see package defaults) and is never filled in for existing objects.
//
// +kubebuilder:object:generate=true
// +groupName=cert-manager.io
package v1
