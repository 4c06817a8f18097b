package certs

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"time"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// DefaultDuration is the lifetime that is meant where none is given.
const DefaultDuration = 90 * 24 * time.Hour

// Template returns the certificate that a CA makes for csr: names and key from
// the signing request, everything else from spec. Of the signing request's
// extensions only subjectAltName and nameConstraints are taken over; it must
// not ask for other usages than spec (see CheckAgreement). The certificate is
// valid from now, in whole seconds, and has no serial number yet.
func Template(spec *certsv1.CertificateRequestSpec, csr *x509.CertificateRequest, now time.Time) (*x509.Certificate, error) {
	if err := CheckAgreement(spec, csr); err != nil {
		return nil, err
	}
	ku, eku, err := Usages(spec.Usages, spec.IsCA)
	if err != nil {
		return nil, err
	}
	duration := DefaultDuration
	if spec.Duration != nil {
		duration = spec.Duration.Duration
	}
	notBefore := now.UTC().Truncate(time.Second)
	template := &x509.Certificate{
		RawSubject:            csr.RawSubject,
		PublicKey:             csr.PublicKey,
		PublicKeyAlgorithm:    csr.PublicKeyAlgorithm,
		NotBefore:             notBefore,
		NotAfter:              notBefore.Add(duration),
		BasicConstraintsValid: true,
		IsCA:                  spec.IsCA,
		KeyUsage:              ku,
	}
	if len(eku) > 0 {
		value, err := asn1.Marshal(eku)
		if err != nil {
			return nil, fmt.Errorf("encode usages: %w", err)
		}
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: oidExtKeyUsage, Value: value})
	}
	if san := extension(csr.Extensions, oidSubjectAltName); san != nil {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{
			Id: oidSubjectAltName, Value: san.Value,
			Critical: len(csr.RawSubject) == 0 || bytes.Equal(csr.RawSubject, emptySubject),
		})
	}
	if constraints := extension(csr.Extensions, oidNameConstraints); constraints != nil {
		template.ExtraExtensions = append(template.ExtraExtensions, *constraints)
	}
	return template, nil
}

// Sign makes the certificate of template for the key pub, signed by parent with
// its key signer. A self-signed certificate is its own parent.
func Sign(template, parent *x509.Certificate, pub crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	algorithm, err := signatureAlgorithm(signer.Public())
	if err != nil {
		return nil, err
	}
	t := *template
	t.SignatureAlgorithm = algorithm
	der, err := x509.CreateCertificate(rand.Reader, &t, parent, pub, signer)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	return x509.ParseCertificate(der)
}
