package request

import (
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Trim is a transform for the cache of CertificateRequests. It drops the signed
// chain, the CA, the managed fields and the identity of the requester, which no
// decision needs. The signing request is kept, as it is compared with its
// Certificate. What is cached so must not be written back: statuses are
// reported with patches of what changed.
func Trim(obj any) (any, error) {
	if r, ok := obj.(*certsv1.CertificateRequest); ok {
		r.ManagedFields = nil
		r.Spec.Username, r.Spec.UID, r.Spec.Groups, r.Spec.Extra = "", "", nil, nil
		r.Status.Certificate, r.Status.CA = nil, nil
	}
	return obj, nil
}
