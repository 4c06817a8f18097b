package v1

import corev1 "k8s.io/api/core/v1"

// Keys of a Secret's data that the API groups agree on.
const (
	// TLSCertKey holds the certificate chain as PEM, leaf first.
	TLSCertKey = corev1.TLSCertKey
	// TLSPrivateKeyKey holds the private key as PEM.
	TLSPrivateKeyKey = corev1.TLSPrivateKeyKey
	// TLSCAKey holds the CA certificate of the issuer as PEM, where it is known.
	TLSCAKey = "ca.crt"
)
