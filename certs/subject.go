package certs

import (
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// attributeTypes are the short names of RFC 4514 section 3, and SERIALNUMBER.
// Others are written as dotted identifiers.
var attributeTypes = map[string]asn1.ObjectIdentifier{
	"C":            {2, 5, 4, 6},
	"O":            {2, 5, 4, 10},
	"OU":           {2, 5, 4, 11},
	"CN":           oidCommonName,
	"SERIALNUMBER": {2, 5, 4, 5},
	"L":            {2, 5, 4, 7},
	"ST":           {2, 5, 4, 8},
	"STREET":       {2, 5, 4, 9},
	"DC":           {0, 9, 2342, 19200300, 100, 1, 25},
	"UID":          {0, 9, 2342, 19200300, 100, 1, 1},
}

var oidCommonName = asn1.ObjectIdentifier{2, 5, 4, 3}

// maxLiteralSubject bounds the text of a literal subject, in bytes.
const maxLiteralSubject = 16 << 10

// ParseLiteralSubject reads a distinguished name in the form of RFC 4514. The
// last part of the text comes first in the result, as the RFC demands.
func ParseLiteralSubject(dn string) (pkix.RDNSequence, error) {
	if len(dn) > maxLiteralSubject {
		return nil, fmt.Errorf("is %d bytes long, the limit is %d", len(dn), maxLiteralSubject)
	}
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return nil, fmt.Errorf("is not a distinguished name in the form of RFC 4514, such as CN=svc,O=Example: %w", err)
	}
	var rdns pkix.RDNSequence
	for _, rdn := range slices.Backward(parsed.RDNs) {
		var set pkix.RelativeDistinguishedNameSET
		for _, attribute := range rdn.Attributes {
			oid, known := attributeTypes[attribute.Type]
			if !known {
				oid, err = ParseOID(attribute.Type)
				if err != nil {
					return nil, fmt.Errorf("attribute type %.100q is none of C, O, OU, CN, SERIALNUMBER, L, ST, STREET, DC and UID (in capitals), and not an object identifier", attribute.Type)
				}
			}
			set = append(set, pkix.AttributeTypeAndValue{Type: oid, Value: attribute.Value})
		}
		rdns = append(rdns, set)
	}
	return rdns, nil
}

// LiteralCommonName returns the CN in a literal subject, or "".
func LiteralCommonName(dn string) (string, error) {
	rdns, err := ParseLiteralSubject(dn)
	if err != nil {
		return "", err
	}
	for _, rdn := range rdns {
		for _, attribute := range rdn {
			if attribute.Type.Equal(oidCommonName) {
				cn, ok := attribute.Value.(string)
				if !ok {
					return "", errors.New("its CN is not text")
				}
				return cn, nil
			}
		}
	}
	return "", nil
}

// rawSubject returns the DER of the subject that spec asks for.
func rawSubject(spec *certsv1.CertificateSpec) ([]byte, error) {
	if spec.LiteralSubject != "" {
		rdns, err := ParseLiteralSubject(spec.LiteralSubject)
		if err != nil {
			return nil, &EncodeError{"spec.literalSubject", err}
		}
		der, err := asn1.Marshal(rdns)
		if err != nil {
			return nil, &EncodeError{"spec.literalSubject", fmt.Errorf("cannot be encoded: %w", err)}
		}
		return der, nil
	}
	name := pkix.Name{CommonName: spec.CommonName}
	if s := spec.Subject; s != nil {
		name.Country = s.Countries
		name.Organization = s.Organizations
		name.OrganizationalUnit = s.OrganizationalUnits
		name.Locality = s.Localities
		name.Province = s.Provinces
		name.StreetAddress = s.StreetAddresses
		name.PostalCode = s.PostalCodes
		name.SerialNumber = s.SerialNumber
	}
	der, err := asn1.Marshal(name.ToRDNSequence())
	if err != nil {
		return nil, &EncodeError{subjectPath(spec), fmt.Errorf("cannot be encoded: %w", err)}
	}
	return der, nil
}

func subjectPath(spec *certsv1.CertificateSpec) string {
	if strings.ToValidUTF8(spec.CommonName, "") != spec.CommonName {
		return "spec.commonName"
	}
	return "spec.subject"
}

// emptySubject is the DER of a name without any part.
var emptySubject = []byte{0x30, 0x00}
