package keystore

import (
	"crypto/x509"
	"errors"
	"fmt"
	"slices"

	"software.sslmate.com/src/go-pkcs12"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// encoderOf returns the encoder of a profile.
func encoderOf(profile certsv1.PKCS12Profile) (*pkcs12.Encoder, error) {
	switch profile {
	case certsv1.LegacyRC2PKCS12Profile:
		return pkcs12.LegacyRC2, nil
	case certsv1.LegacyDESPKCS12Profile:
		return pkcs12.LegacyDES, nil
	case certsv1.Modern2023PKCS12Profile:
		return pkcs12.Modern2023, nil
	case certsv1.Modern2026PKCS12Profile:
		return pkcs12.Modern2026, nil
	default:
		return nil, fmt.Errorf("unknown PKCS#12 profile %.40q", profile)
	}
}

func checkPKCS12(profile certsv1.PKCS12Profile, password []byte) error {
	for _, r := range string(password) {
		if r > 0xffff { // RFC 7292 appendix B.1: a BMPString
			return errors.New("the password has characters outside Unicode's basic plane, which a PKCS#12 keystore cannot be opened with")
		}
	}
	_, err := encoderOf(profile)
	return err
}

// buildPKCS12 makes a keystore with the private key, its certificate and, as
// CAs, all the others, and a trust store with the CAs.
func buildPKCS12(w Wish, c content, password []byte) (store, trust []byte, err error) {
	encoder, err := encoderOf(w.Profile)
	if err != nil {
		return nil, nil, err
	}
	store, err = encoder.Encode(c.key, c.chain[0], slices.Concat(c.chain[1:], c.ca), string(password))
	if err != nil || len(c.ca) == 0 {
		return store, nil, err
	}
	trust, err = encoder.EncodeTrustStoreEntries(trusted(c.ca), string(password))
	return store, trust, err
}

// trusted gives each CA a name of its own: Java takes entries of the same name
// for one.
func trusted(cas []*x509.Certificate) []pkcs12.TrustStoreEntry {
	var out []pkcs12.TrustStoreEntry
	for i, alias := range caAliases(len(cas), "") {
		out = append(out, pkcs12.TrustStoreEntry{Cert: cas[i], FriendlyName: alias})
	}
	return out
}
