// Package v1 holds the API types of the group acme.cert-manager.io, Order and
// Challenge, and the ACME part of an issuer's spec.
//
// +kubebuilder:object:generate=true
// +groupName=acme.cert-manager.io
package v1
