package certs

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

type basicConstraints struct {
	IsCA       bool `asn1:"optional"`
	MaxPathLen int  `asn1:"optional,default:-1"`
}

// CheckAgreement refuses a signing request whose own extensions ask for
// something else than the CertificateRequest around it: basic constraints
// other than isCA, or key usages other than usages. What the signing request
// leaves open is taken from spec.
func CheckAgreement(spec *certsv1.CertificateRequestSpec, csr *x509.CertificateRequest) error {
	if e := extension(csr.Extensions, oidBasicConstraints); e != nil {
		var bc basicConstraints
		if rest, err := asn1.Unmarshal(e.Value, &bc); err != nil || len(rest) > 0 {
			return errors.New("malformed basic constraints extension")
		}
		if bc.IsCA != spec.IsCA {
			return fmt.Errorf("the signing request says CA:%t, but isCA is %t", bc.IsCA, spec.IsCA)
		}
	}
	wantKU, wantEKU, err := Usages(spec.Usages, spec.IsCA)
	if err != nil {
		return err
	}
	kuExt, ekuExt := extension(csr.Extensions, oidKeyUsage), extension(csr.Extensions, oidExtKeyUsage)
	if kuExt == nil && ekuExt == nil {
		return nil
	}
	var gotKU x509.KeyUsage
	if kuExt != nil {
		if gotKU, err = decodeKeyUsage(kuExt.Value); err != nil {
			return err
		}
	}
	gotEKU, err := knownExtKeyUsages(ekuExt)
	if err != nil {
		return err
	}
	if gotKU != wantKU || !slices.EqualFunc(gotEKU, wantEKU, asn1.ObjectIdentifier.Equal) {
		return fmt.Errorf("the key usages in the signing request (%s) differ from usages (%s); encode the same ones, in the same order, or none",
			usageNames(gotKU, gotEKU), usageNames(wantKU, wantEKU))
	}
	return nil
}

// knownExtKeyUsages returns the extended key usages of e that usages can
// express. Others never reach a certificate: it is made from usages.
func knownExtKeyUsages(e *pkix.Extension) ([]asn1.ObjectIdentifier, error) {
	if e == nil {
		return nil, nil
	}
	var all, known []asn1.ObjectIdentifier
	if rest, err := asn1.Unmarshal(e.Value, &all); err != nil || len(rest) > 0 {
		return nil, errors.New("malformed extended key usage extension")
	}
	for _, oid := range all {
		if extKeyUsageName(oid) != "" {
			known = append(known, oid)
		}
	}
	return known, nil
}

// extKeyUsageName returns the name of oid, the first in the alphabet where
// there are two, or "".
func extKeyUsageName(oid asn1.ObjectIdentifier) certsv1.KeyUsage {
	var name certsv1.KeyUsage
	for u, o := range extKeyUsages {
		if o.Equal(oid) && (name == "" || u < name) {
			name = u
		}
	}
	return name
}

// usageNames lists usages by name, for messages.
func usageNames(ku x509.KeyUsage, eku []asn1.ObjectIdentifier) string {
	var names []string
	for u, bit := range keyUsages {
		if ku&bit != 0 && u != certsv1.UsageSigning {
			names = append(names, string(u))
		}
	}
	slices.Sort(names)
	for _, oid := range eku {
		names = append(names, string(extKeyUsageName(oid)))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
