// Package v1 holds the types that both API groups share: references to
// issuers, Secrets and keys inside Secrets, and the status of a condition.
//
// +kubebuilder:object:generate=true
package v1
