package order

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/certwright/certwright/certs"
)

// verify checks that chain, as PEM, is what csr asked for, and returns it with
// nothing but certificates in it.
func verify(chain []byte, csr *x509.CertificateRequest, now time.Time) ([]byte, error) {
	parsed, err := certs.DecodeChain(chain)
	if err != nil {
		return nil, fmt.Errorf("the server's answer is not a certificate chain: %w", err)
	}
	if len(parsed) == 0 {
		return nil, errors.New("the server's answer holds no certificate")
	}
	leaf := parsed[0]
	if !certs.SamePublicKey(leaf.PublicKey, csr.PublicKey) {
		return nil, errors.New("the certificate is for another key than the request")
	}
	for _, name := range csr.DNSNames {
		if !slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }) {
			return nil, fmt.Errorf("the certificate lacks the name %q", name)
		}
	}
	for _, ip := range csr.IPAddresses {
		if !slices.ContainsFunc(leaf.IPAddresses, func(a net.IP) bool { return a.Equal(ip) }) {
			return nil, fmt.Errorf("the certificate lacks the address %s", ip)
		}
	}
	if !leaf.NotAfter.After(now) {
		return nil, fmt.Errorf("the certificate has expired at %s", leaf.NotAfter.UTC().Format(time.RFC3339))
	}
	return certs.EncodeChain(parsed...), nil
}
