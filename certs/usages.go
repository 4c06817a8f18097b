package certs

import (
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"math/bits"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

var keyUsages = map[certsv1.KeyUsage]x509.KeyUsage{
	certsv1.UsageSigning:           x509.KeyUsageDigitalSignature,
	certsv1.UsageDigitalSignature:  x509.KeyUsageDigitalSignature,
	certsv1.UsageContentCommitment: x509.KeyUsageContentCommitment,
	certsv1.UsageKeyEncipherment:   x509.KeyUsageKeyEncipherment,
	certsv1.UsageDataEncipherment:  x509.KeyUsageDataEncipherment,
	certsv1.UsageKeyAgreement:      x509.KeyUsageKeyAgreement,
	certsv1.UsageCertSign:          x509.KeyUsageCertSign,
	certsv1.UsageCRLSign:           x509.KeyUsageCRLSign,
	certsv1.UsageEncipherOnly:      x509.KeyUsageEncipherOnly,
	certsv1.UsageDecipherOnly:      x509.KeyUsageDecipherOnly,
}

var extKeyUsages = map[certsv1.KeyUsage]asn1.ObjectIdentifier{
	certsv1.UsageAny:             {2, 5, 29, 37, 0},
	certsv1.UsageServerAuth:      {1, 3, 6, 1, 5, 5, 7, 3, 1},
	certsv1.UsageClientAuth:      {1, 3, 6, 1, 5, 5, 7, 3, 2},
	certsv1.UsageCodeSigning:     {1, 3, 6, 1, 5, 5, 7, 3, 3},
	certsv1.UsageEmailProtection: {1, 3, 6, 1, 5, 5, 7, 3, 4},
	certsv1.UsageSMIME:           {1, 3, 6, 1, 5, 5, 7, 3, 4},
	certsv1.UsageIPsecEndSystem:  {1, 3, 6, 1, 5, 5, 7, 3, 5},
	certsv1.UsageIPsecTunnel:     {1, 3, 6, 1, 5, 5, 7, 3, 6},
	certsv1.UsageIPsecUser:       {1, 3, 6, 1, 5, 5, 7, 3, 7},
	certsv1.UsageTimestamping:    {1, 3, 6, 1, 5, 5, 7, 3, 8},
	certsv1.UsageOCSPSigning:     {1, 3, 6, 1, 5, 5, 7, 3, 9},
	certsv1.UsageMicrosoftSGC:    {1, 3, 6, 1, 4, 1, 311, 10, 3, 3},
	certsv1.UsageNetscapeSGC:     {2, 16, 840, 1, 113730, 4, 1},
}

// DefaultUsages are meant where no usages are given.
func DefaultUsages() []certsv1.KeyUsage {
	return []certsv1.KeyUsage{certsv1.UsageDigitalSignature, certsv1.UsageKeyEncipherment}
}

// ValidUsage reports whether u is a usage that we know.
func ValidUsage(u certsv1.KeyUsage) bool {
	_, ku := keyUsages[u]
	_, eku := extKeyUsages[u]
	return ku || eku
}

// Usages translates usages to the bits of the key usage extension and, in the
// given order, the identifiers of the extended key usage extension (RFC 5280
// sections 4.2.1.3 and 4.2.1.12). An empty list means DefaultUsages; isCA adds
// the bit keyCertSign.
func Usages(usages []certsv1.KeyUsage, isCA bool) (x509.KeyUsage, []asn1.ObjectIdentifier, error) {
	if len(usages) == 0 {
		usages = DefaultUsages()
	}
	var ku x509.KeyUsage
	var eku []asn1.ObjectIdentifier
	for i, u := range usages {
		if bit, ok := keyUsages[u]; ok {
			ku |= bit
		} else if oid, ok := extKeyUsages[u]; ok {
			eku = append(eku, oid)
		} else {
			return 0, nil, &EncodeError{Path: fmt.Sprintf("spec.usages[%d]", i), Err: fmt.Errorf("unknown usage %.100q", u)}
		}
	}
	if isCA {
		ku |= x509.KeyUsageCertSign
	}
	return ku, eku, nil
}

// encodeKeyUsage returns the value of the key usage extension: a bit string
// without trailing zero bits, bit 0 first.
func encodeKeyUsage(ku x509.KeyUsage) ([]byte, error) {
	raw := []byte{bits.Reverse8(byte(ku)), bits.Reverse8(byte(ku >> 8))}
	if raw[1] == 0 {
		raw = raw[:1]
	}
	return asn1.Marshal(asn1.BitString{Bytes: raw, BitLength: bits.Len(uint(ku))})
}

// decodeKeyUsage is the inverse of encodeKeyUsage.
func decodeKeyUsage(value []byte) (x509.KeyUsage, error) {
	var s asn1.BitString
	if rest, err := asn1.Unmarshal(value, &s); err != nil || len(rest) > 0 {
		return 0, fmt.Errorf("malformed key usage extension")
	}
	var ku x509.KeyUsage
	for i := range 9 {
		if s.At(i) != 0 {
			ku |= 1 << i
		}
	}
	return ku, nil
}
