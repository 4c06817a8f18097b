package certs

import "fmt"

// The largest inputs that are parsed, in bytes. Parsing PEM takes time that
// grows faster than its length, and whoever may write a Secret may feed us.
const (
	// MaxCertificateSize bounds one certificate or signing request.
	MaxCertificateSize = 36_500
	// MaxPrivateKeySize bounds a private key.
	MaxPrivateKeySize = 13_000
	// MaxChainSize bounds a certificate and its intermediates.
	MaxChainSize = 95_000
	// MaxBundleSize bounds a bundle of CAs, and a chain of unknown origin.
	MaxBundleSize = 330_000
	// MaxChainLength bounds the number of certificates in a chain.
	MaxChainLength = 1_000
)

// checkSize refuses data that is longer than limit bytes.
func checkSize(what string, data []byte, limit int) error {
	if len(data) > limit {
		return fmt.Errorf("%s is %d bytes long, the limit is %d", what, len(data), limit)
	}
	return nil
}
