package serving

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"time"
)

const (
	// commonName is the subject of every CA that we make.
	commonName = "cert-manager-webhook-ca"
	// skew is how far the clocks of API servers may be behind ours.
	skew = 5 * time.Minute
	// maxPEM bounds what is parsed.
	maxPEM = 256 << 10
)

// Authority is a CA: its certificate and the key that signs our leaves.
type Authority struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// NewAuthority makes a CA that lasts from now for duration.
func NewAuthority(now time.Time, duration time.Duration) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make CA key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             now.Add(-skew),
		NotAfter:              now.Add(duration),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign,
	}
	crt, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("sign CA: %w", err)
	}
	return &Authority{Certificate: crt, Key: key}, nil
}

// ParseAuthority reads a CA from PEM.
func ParseAuthority(crtPEM, keyPEM []byte) (*Authority, error) {
	if len(crtPEM) > maxPEM || len(keyPEM) > maxPEM {
		return nil, errors.New("the CA is too large")
	}
	pair, err := tls.X509KeyPair(crtPEM, keyPEM)
	if err != nil {
		return nil, fmt.Errorf("certificate and key: %w", err)
	}
	if !pair.Leaf.IsCA || pair.Leaf.KeyUsage&x509.KeyUsageCertSign == 0 {
		return nil, errors.New("the certificate is not that of a CA")
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key, %T, cannot sign", pair.PrivateKey)
	}
	return &Authority{Certificate: pair.Leaf, Key: key}, nil
}

// KeyPEM returns the key as PKCS #8.
func (a *Authority) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(a.Key)
	if err != nil {
		return nil, fmt.Errorf("encode CA key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Leaf makes a serving certificate for the names. It never outlives the CA.
func (a *Authority) Leaf(now time.Time, duration time.Duration, dnsNames []string, ips []net.IP) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make serving key: %w", err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		NotBefore:    now.Add(-skew),
		NotAfter:     earlier(now.Add(duration), a.Certificate.NotAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:     dnsNames,
		IPAddresses:  ips,
	}
	crt, err := sign(template, a.Certificate, key.Public(), a.Key)
	if err != nil {
		return nil, fmt.Errorf("sign serving certificate: %w", err)
	}
	return &tls.Certificate{Certificate: [][]byte{crt.Raw}, PrivateKey: key, Leaf: crt}, nil
}

func sign(template, parent *x509.Certificate, pub crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, pub, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("make serial number: %w", err)
	}
	return serial, nil
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// twoThirds is when two thirds of a certificate's life are over.
func twoThirds(notBefore, notAfter time.Time) time.Time {
	return notBefore.Add(notAfter.Sub(notBefore) / 3 * 2)
}

// Bundle is a set of CA certificates, in the order in which it is written.
type Bundle []*x509.Certificate

// ParseBundle reads CA certificates from PEM. What is no CA is left out.
func ParseBundle(data []byte) Bundle {
	var b Bundle
	if len(data) > maxPEM {
		return nil
	}
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return b
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if crt, err := x509.ParseCertificate(block.Bytes); err == nil && crt.IsCA {
			b = b.With(crt)
		}
	}
}

// PEM returns the bundle as it is written.
func (b Bundle) PEM() []byte {
	var out bytes.Buffer
	for _, crt := range b {
		// Writing to memory does not fail.
		_ = pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: crt.Raw})
	}
	return out.Bytes()
}

// Has reports whether crt is in the bundle.
func (b Bundle) Has(crt *x509.Certificate) bool {
	for _, have := range b {
		if bytes.Equal(have.Raw, crt.Raw) {
			return true
		}
	}
	return false
}

// With returns the bundle with those that it does not have yet at the end.
func (b Bundle) With(crts ...*x509.Certificate) Bundle {
	b = b[:len(b):len(b)]
	for _, crt := range crts {
		if crt != nil && !b.Has(crt) {
			b = append(b, crt)
		}
	}
	return b
}

// Equal reports whether both hold the same certificates, in any order.
func (b Bundle) Equal(other Bundle) bool {
	if len(b) != len(other) {
		return false
	}
	for _, crt := range other {
		if !b.Has(crt) {
			return false
		}
	}
	return true
}

// alive returns those that have not expired.
func (b Bundle) alive(now time.Time) Bundle {
	var out Bundle
	for _, crt := range b {
		if now.Before(crt.NotAfter) {
			out = append(out, crt)
		}
	}
	return out
}
