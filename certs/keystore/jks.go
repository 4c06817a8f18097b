package keystore

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	jks "github.com/pavlo-v-chernykh/keystore-go/v4"
)

const x509Type = "X.509"

func checkJKS(alias string, password []byte) error {
	if len(alias) > maxAlias {
		return fmt.Errorf("the alias is longer than %d bytes", maxAlias)
	}
	_, err := latin1(password)
	return err
}

// latin1 writes a password with one byte for each character, as the library
// wants it: Java hashes two bytes for each, of which the library adds the high
// one, which is 0. What is not UTF-8 is taken for Latin-1 already.
func latin1(password []byte) ([]byte, error) {
	if !utf8.Valid(password) {
		return password, nil
	}
	out := make([]byte, 0, len(password))
	for _, r := range string(password) {
		if r > 0xff {
			return nil, errors.New("the password has characters outside Latin-1, which a JKS keystore cannot be opened with")
		}
		out = append(out, byte(r))
	}
	return out, nil
}

// buildJKS makes a keystore with the private key, its chain and the CAs, and a
// trust store with the CAs. Both have the same password, and so has the key.
func buildJKS(w Wish, c content, password []byte) (store, trust []byte, err error) {
	if password, err = latin1(password); err != nil {
		return nil, nil, err
	}
	key, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		return nil, nil, err
	}
	// Java tells when an entry was made. The age of the certificate says as
	// much as ours, and needs no clock.
	created := c.chain[0].NotBefore
	full, cas := jks.New(jks.WithOrderedAliases()), jks.New(jks.WithOrderedAliases())
	entry := jks.PrivateKeyEntry{CreationTime: created, PrivateKey: key}
	for _, certificate := range c.chain {
		entry.CertificateChain = append(entry.CertificateChain, jks.Certificate{Type: x509Type, Content: certificate.Raw})
	}
	if err := full.SetPrivateKeyEntry(w.Alias, entry, password); err != nil {
		return nil, nil, err
	}
	// Java writes names in lower case, and so does the library.
	for i, alias := range caAliases(len(c.ca), strings.ToLower(w.Alias)) {
		entry := jks.TrustedCertificateEntry{CreationTime: created, Certificate: jks.Certificate{Type: x509Type, Content: c.ca[i].Raw}}
		if err := errors.Join(full.SetTrustedCertificateEntry(alias, entry), cas.SetTrustedCertificateEntry(alias, entry)); err != nil {
			return nil, nil, err
		}
	}
	var out bytes.Buffer
	if err := full.Store(&out, password); err != nil {
		return nil, nil, err
	}
	if len(c.ca) == 0 {
		return out.Bytes(), nil, nil
	}
	var outCAs bytes.Buffer
	if err := cas.Store(&outCAs, password); err != nil {
		return nil, nil, err
	}
	return out.Bytes(), outCAs.Bytes(), nil
}
