package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"time"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Temporary makes a certificate that has all that the request asks for but
// trust: it is signed by a CA that is thrown away. A server can start with it
// while the real certificate takes time.
func Temporary(spec *certsv1.CertificateRequestSpec, csr *x509.CertificateRequest, now time.Time) (*x509.Certificate, error) {
	template, err := Template(spec, csr, now)
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a temporary CA: %w", err)
	}
	ca := &x509.Certificate{Subject: pkix.Name{CommonName: "cert-manager.local"}}
	return Sign(template, ca, csr.PublicKey, key)
}
