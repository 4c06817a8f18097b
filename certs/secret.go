package certs

import (
	"crypto/x509"
	"encoding/csv"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	cmmeta "github.com/certwright/certwright/certs/meta/v1"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

// Keys of a target Secret's data beside tls.crt, tls.key and ca.crt.
const (
	CombinedPEMKey = "tls-combined.pem"
	DERKey         = "key.der"
)

// leafAnnotations are the annotations of a target Secret that follow from the
// certificate in it. Those that are always there come even with an empty value.
var leafAnnotations = []struct {
	key    string
	always bool
	values func(*x509.Certificate) []string
}{
	{certsv1.AltNamesKey, true, func(c *x509.Certificate) []string { return c.DNSNames }},
	{certsv1.IPSANsKey, true, func(c *x509.Certificate) []string { return ipStrings(c.IPAddresses) }},
	{certsv1.URISANsKey, true, func(c *x509.Certificate) []string { return uriStrings(c.URIs) }},
	{certsv1.EmailSANsKey, false, func(c *x509.Certificate) []string { return c.EmailAddresses }},
	{certsv1.OrganizationsKey, false, func(c *x509.Certificate) []string { return c.Subject.Organization }},
	{certsv1.OrganizationalUnitsKey, false, func(c *x509.Certificate) []string { return c.Subject.OrganizationalUnit }},
	{certsv1.CountriesKey, false, func(c *x509.Certificate) []string { return c.Subject.Country }},
	{certsv1.ProvincesKey, false, func(c *x509.Certificate) []string { return c.Subject.Province }},
	{certsv1.LocalitiesKey, false, func(c *x509.Certificate) []string { return c.Subject.Locality }},
	{certsv1.PostalCodesKey, false, func(c *x509.Certificate) []string { return c.Subject.PostalCode }},
	{certsv1.StreetAddressesKey, false, func(c *x509.Certificate) []string { return c.Subject.StreetAddress }},
}

// LeafAnnotations returns the annotations that describe leaf, for its Secret.
// A list is one CSV record.
func LeafAnnotations(leaf *x509.Certificate) (map[string]string, error) {
	out := map[string]string{certsv1.CommonNameKey: leaf.Subject.CommonName}
	for _, a := range leafAnnotations {
		values := a.values(leaf)
		if len(values) == 0 && !a.always {
			continue
		}
		record, err := csvRecord(values)
		if err != nil {
			return nil, fmt.Errorf("annotation %s: %w", a.key, err)
		}
		out[a.key] = record
	}
	if leaf.Subject.SerialNumber != "" {
		out[certsv1.SerialNumberKey] = leaf.Subject.SerialNumber
	}
	return out, nil
}

// IsLeafAnnotation reports whether key is one that LeafAnnotations sets.
func IsLeafAnnotation(key string) bool {
	if key == certsv1.CommonNameKey || key == certsv1.SerialNumberKey {
		return true
	}
	for _, a := range leafAnnotations {
		if a.key == key {
			return true
		}
	}
	return false
}

// SecretAnnotations returns the annotations of the Secret of the Certificate
// of that name: those that describe leaf, the Certificate's name and, unless
// ref is nil, which it is for a temporary certificate, the issuer as the
// request named it.
func SecretAnnotations(certificateName string, ref *cmmeta.IssuerReference, leaf *x509.Certificate) (map[string]string, error) {
	out, err := LeafAnnotations(leaf)
	if err != nil {
		return nil, err
	}
	out[certsv1.CertificateNameKey] = certificateName
	if ref != nil {
		out[certsv1.IssuerNameKey] = ref.Name
		out[certsv1.IssuerKindKey] = ref.Kind
		out[certsv1.IssuerGroupKey] = ref.Group
	}
	return out, nil
}

// csvRecord writes values as one CSV record (RFC 4180) without a line end.
func csvRecord(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	var out strings.Builder
	w := csv.NewWriter(&out)
	if err := w.Write(values); err != nil {
		return "", err
	}
	w.Flush()
	return strings.TrimSuffix(out.String(), "\n"), w.Error()
}

// OutputFormats returns the further data keys that spec asks for: key and
// chain, both PEM, in other forms.
func OutputFormats(spec *certsv1.CertificateSpec, key, chain []byte) (map[string][]byte, error) {
	out := make(map[string][]byte, len(spec.AdditionalOutputFormats))
	for _, f := range spec.AdditionalOutputFormats {
		switch f.Type {
		case certsv1.CertificateOutputFormatCombinedPEM:
			out[CombinedPEMKey] = slices.Concat(key, []byte("\n"), chain)
		case certsv1.CertificateOutputFormatDER:
			block, _ := pem.Decode(key)
			if block == nil {
				return nil, errors.New("private key is not PEM")
			}
			out[DERKey] = block.Bytes
		default:
			return nil, fmt.Errorf("unknown output format %.40q", f.Type)
		}
	}
	return out, nil
}
