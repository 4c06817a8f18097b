package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	certsv1 "github.com/certwright/certwright/certs/v1"
)

// The sizes of keys in bits where none is asked for, and the bounds of RSA.
const (
	DefaultRSASize   = 2048
	DefaultECDSASize = 256
	MinRSASize       = 2048
	MaxRSASize       = 8192
)

// PEM block types of private keys.
const (
	pemRSA   = "RSA PRIVATE KEY" // PKCS #1, RFC 8017
	pemEC    = "EC PRIVATE KEY"  // SEC 1, RFC 5915
	pemPKCS8 = "PRIVATE KEY"     // PKCS #8, RFC 5958
)

// KeyParameters returns the algorithm and the size in bits that p asks for,
// with defaults filled in. The size of Ed25519 is 0.
func KeyParameters(p *certsv1.CertificatePrivateKey) (certsv1.PrivateKeyAlgorithm, int) {
	algorithm, size := certsv1.RSAKeyAlgorithm, 0
	if p != nil {
		size = p.Size
		if p.Algorithm != "" {
			algorithm = p.Algorithm
		}
	}
	switch {
	case algorithm == certsv1.Ed25519KeyAlgorithm:
		return algorithm, 0
	case size > 0:
		return algorithm, size
	case algorithm == certsv1.ECDSAKeyAlgorithm:
		return algorithm, DefaultECDSASize
	default:
		return algorithm, DefaultRSASize
	}
}

// GenerateKey makes a private key of the algorithm and size that p asks for. A
// nil p asks for RSA with 2048 bits.
func GenerateKey(p *certsv1.CertificatePrivateKey) (crypto.Signer, error) {
	algorithm, size := KeyParameters(p)
	switch algorithm {
	case certsv1.RSAKeyAlgorithm:
		if size < MinRSASize || size > MaxRSASize {
			return nil, fmt.Errorf("an RSA key of %d bits is not between %d and %d", size, MinRSASize, MaxRSASize)
		}
		return rsa.GenerateKey(rand.Reader, size)
	case certsv1.ECDSAKeyAlgorithm:
		curve, err := curveOf(size)
		if err != nil {
			return nil, err
		}
		return ecdsa.GenerateKey(curve, rand.Reader)
	case certsv1.Ed25519KeyAlgorithm:
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return nil, fmt.Errorf("unknown private key algorithm %q", algorithm)
	}
}

func curveOf(size int) (elliptic.Curve, error) {
	switch size {
	case 256:
		return elliptic.P256(), nil
	case 384:
		return elliptic.P384(), nil
	case 521:
		return elliptic.P521(), nil
	default:
		return nil, fmt.Errorf("an ECDSA key of %d bits is none of 256, 384 and 521", size)
	}
}

// EncodeKey writes key as PEM: in PKCS #1 or SEC 1 form for PKCS1, which is
// the default, in PKCS #8 form for PKCS8 and for Ed25519 keys.
func EncodeKey(key crypto.Signer, encoding certsv1.PrivateKeyEncoding) ([]byte, error) {
	if encoding != certsv1.PKCS8 {
		switch k := key.(type) {
		case *rsa.PrivateKey:
			return pem.EncodeToMemory(&pem.Block{Type: pemRSA, Bytes: x509.MarshalPKCS1PrivateKey(k)}), nil
		case *ecdsa.PrivateKey:
			der, err := x509.MarshalECPrivateKey(k)
			if err != nil {
				return nil, fmt.Errorf("encode ECDSA key: %w", err)
			}
			return pem.EncodeToMemory(&pem.Block{Type: pemEC, Bytes: der}), nil
		}
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemPKCS8, Bytes: der}), nil
}

// DecodeKey reads a private key from the first PEM block of data. Its errors
// never quote the data.
func DecodeKey(data []byte) (crypto.Signer, error) {
	key, _, err := decodeKey(data)
	return key, err
}

// decodeKey is DecodeKey, and says in which form the key is.
func decodeKey(data []byte) (crypto.Signer, certsv1.PrivateKeyEncoding, error) {
	if err := checkSize("private key", data, MaxPrivateKeySize); err != nil {
		return nil, "", err
	}
	block, _ := pem.Decode(data)
	if block == nil {
		return nil, "", errors.New("private key is not PEM")
	}
	var key any
	var err error
	encoding := certsv1.PKCS1
	switch block.Type {
	case pemRSA:
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case pemEC:
		key, err = x509.ParseECPrivateKey(block.Bytes)
	case pemPKCS8:
		encoding = certsv1.PKCS8
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, "", fmt.Errorf("PEM block %.40q is not a private key", block.Type)
	}
	if err != nil {
		return nil, "", errors.New("private key does not parse")
	}
	switch k := key.(type) {
	case *rsa.PrivateKey:
		if err := k.Validate(); err != nil {
			return nil, "", errors.New("RSA private key is inconsistent")
		}
		return k, encoding, nil
	case *ecdsa.PrivateKey:
		return k, encoding, nil
	case ed25519.PrivateKey:
		return k, encoding, nil
	default:
		return nil, "", fmt.Errorf("private keys of type %T are not supported", key)
	}
}

// DescribeKey returns the algorithm and the size in bits of pub; 0 for
// Ed25519, and "" for keys of a kind that is not supported.
func DescribeKey(pub crypto.PublicKey) (certsv1.PrivateKeyAlgorithm, int) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		return certsv1.RSAKeyAlgorithm, k.N.BitLen()
	case *ecdsa.PublicKey:
		return certsv1.ECDSAKeyAlgorithm, k.Curve.Params().BitSize
	case ed25519.PublicKey:
		return certsv1.Ed25519KeyAlgorithm, 0
	default:
		return "", 0
	}
}

// KeyFits reports whether pub has the algorithm and size that p asks for.
func KeyFits(pub crypto.PublicKey, p *certsv1.CertificatePrivateKey) bool {
	gotAlgorithm, gotSize := DescribeKey(pub)
	algorithm, size := KeyParameters(p)
	return gotAlgorithm == algorithm && gotSize == size
}

// SamePublicKey reports whether a and b are the same public key.
func SamePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
