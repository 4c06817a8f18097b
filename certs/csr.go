package certs

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

var signatureAlgorithms = map[certsv1.SignatureAlgorithm]x509.SignatureAlgorithm{
	certsv1.SHA256WithRSA:   x509.SHA256WithRSA,
	certsv1.SHA384WithRSA:   x509.SHA384WithRSA,
	certsv1.SHA512WithRSA:   x509.SHA512WithRSA,
	certsv1.ECDSAWithSHA256: x509.ECDSAWithSHA256,
	certsv1.ECDSAWithSHA384: x509.ECDSAWithSHA384,
	certsv1.ECDSAWithSHA512: x509.ECDSAWithSHA512,
	certsv1.PureEd25519:     x509.PureEd25519,
}

// RequestTemplate returns the signing request that spec asks for, without key
// and signature. It fails with an *EncodeError that names the field if
// something in spec does not fit into a certificate.
func RequestTemplate(spec *certsv1.CertificateSpec) (*x509.CertificateRequest, error) {
	subject, err := rawSubject(spec)
	if err != nil {
		return nil, err
	}
	template := &x509.CertificateRequest{RawSubject: subject}
	add := func(id asn1.ObjectIdentifier, critical bool, value []byte) {
		template.ExtraExtensions = append(template.ExtraExtensions, pkix.Extension{Id: id, Critical: critical, Value: value})
	}
	san, err := subjectAltName(spec)
	if err != nil {
		return nil, err
	}
	if san != nil {
		// Critical if there is no other name (RFC 5280 section 4.2.1.6).
		add(oidSubjectAltName, bytes.Equal(subject, emptySubject), san)
	}
	ku, eku, err := Usages(spec.Usages, spec.IsCA)
	if err != nil {
		return nil, err
	}
	if spec.EncodeUsagesInRequest == nil || *spec.EncodeUsagesInRequest {
		if ku != 0 {
			value, err := encodeKeyUsage(ku)
			if err != nil {
				return nil, &EncodeError{"spec.usages", err}
			}
			add(oidKeyUsage, true, value)
		}
		if len(eku) > 0 {
			value, err := asn1.Marshal(eku)
			if err != nil {
				return nil, &EncodeError{"spec.usages", err}
			}
			add(oidExtKeyUsage, false, value)
		}
	}
	constraints, err := encodeNameConstraints(spec.NameConstraints)
	if err != nil {
		return nil, err
	}
	if constraints != nil {
		add(oidNameConstraints, spec.NameConstraints.Critical, constraints)
	}
	return template, nil
}

// CreateCSR makes the signing request that spec asks for, signed with key, as
// PEM.
func CreateCSR(spec *certsv1.CertificateSpec, key crypto.Signer) ([]byte, error) {
	template, err := RequestTemplate(spec)
	if err != nil {
		return nil, err
	}
	if spec.SignatureAlgorithm != "" {
		algorithm, ok := signatureAlgorithms[spec.SignatureAlgorithm]
		if !ok {
			return nil, &EncodeError{"spec.signatureAlgorithm", fmt.Errorf("unknown signature algorithm %.100q", spec.SignatureAlgorithm)}
		}
		template.SignatureAlgorithm = algorithm
	} else {
		template.SignatureAlgorithm, err = signatureAlgorithm(key.Public())
		if err != nil {
			return nil, err
		}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		return nil, fmt.Errorf("create signing request: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), nil
}

// signatureAlgorithm returns the algorithm whose strength fits that of the key.
func signatureAlgorithm(pub crypto.PublicKey) (x509.SignatureAlgorithm, error) {
	algorithm, size := DescribeKey(pub)
	switch algorithm {
	case certsv1.RSAKeyAlgorithm:
		switch {
		case size < MinRSASize:
			return 0, fmt.Errorf("an RSA key of %d bits is too short to sign, the least is %d", size, MinRSASize)
		case size < 3072:
			return x509.SHA256WithRSA, nil
		case size < 4096:
			return x509.SHA384WithRSA, nil
		default:
			return x509.SHA512WithRSA, nil
		}
	case certsv1.ECDSAKeyAlgorithm:
		switch size {
		case 256:
			return x509.ECDSAWithSHA256, nil
		case 384:
			return x509.ECDSAWithSHA384, nil
		case 521:
			return x509.ECDSAWithSHA512, nil
		}
		return 0, fmt.Errorf("ECDSA keys of %d bits are not supported", size)
	case certsv1.Ed25519KeyAlgorithm:
		return x509.PureEd25519, nil
	default:
		return 0, fmt.Errorf("keys of type %T are not supported", pub)
	}
}

// DecodeCSR reads a signing request, the first PEM block of data whatever its
// label or, without PEM, DER, and checks its signature.
func DecodeCSR(data []byte) (*x509.CertificateRequest, error) {
	if err := checkSize("signing request", data, MaxCertificateSize); err != nil {
		return nil, err
	}
	der := data
	if block, _ := pem.Decode(data); block != nil {
		der = block.Bytes
	}
	csr, err := x509.ParseCertificateRequest(der)
	if err != nil {
		return nil, fmt.Errorf("parse signing request: %w", err)
	}
	if err := csr.CheckSignature(); err != nil {
		return nil, fmt.Errorf("check signature of signing request: %w", err)
	}
	return csr, nil
}
