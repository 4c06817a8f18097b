package certs_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

func TestKeysSurviveEncoding(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		ask      *certsv1.CertificatePrivateKey
		encoding certsv1.PrivateKeyEncoding
		block    string
		size     int
	}{
		"nothing asked for is RSA 2048 in PKCS #1": {nil, "", "RSA PRIVATE KEY", 2048},
		"RSA in PKCS #8":                             {&certsv1.CertificatePrivateKey{Algorithm: "RSA", Size: 2048}, "PKCS8", "PRIVATE KEY", 2048},
		"ECDSA without a size is P-256 in SEC 1":     {&certsv1.CertificatePrivateKey{Algorithm: "ECDSA"}, "PKCS1", "EC PRIVATE KEY", 256},
		"ECDSA P-384 in PKCS #8":                     {&certsv1.CertificatePrivateKey{Algorithm: "ECDSA", Size: 384}, "PKCS8", "PRIVATE KEY", 384},
		"ECDSA P-521 in SEC 1":                       {&certsv1.CertificatePrivateKey{Algorithm: "ECDSA", Size: 521}, "", "EC PRIVATE KEY", 521},
		"Ed25519 is PKCS #8 whatever the encoding":   {&certsv1.CertificatePrivateKey{Algorithm: "Ed25519", Size: 99}, "PKCS1", "PRIVATE KEY", 0},
		"a size that is not positive is the default": {&certsv1.CertificatePrivateKey{Algorithm: "ECDSA", Size: -1}, "", "EC PRIVATE KEY", 256},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := certs.GenerateKey(tt.ask)
			if err != nil {
				t.Fatal(err)
			}
			if !certs.KeyFits(key.Public(), tt.ask) {
				t.Error("the key does not fit what was asked for")
			}
			if _, size := certs.DescribeKey(key.Public()); size != tt.size {
				t.Errorf("size = %d, want %d", size, tt.size)
			}
			data, err := certs.EncodeKey(key, tt.encoding)
			if err != nil {
				t.Fatal(err)
			}
			if block, _ := pem.Decode(data); block.Type != tt.block {
				t.Errorf("PEM block %q, want %q", block.Type, tt.block)
			}
			back, err := certs.DecodeKey(data)
			if err != nil {
				t.Fatal(err)
			}
			if !certs.SamePublicKey(back.Public(), key.Public()) {
				t.Error("another key came back")
			}
		})
	}
}

func TestGenerateKeyRefusesSizes(t *testing.T) {
	t.Parallel()
	for _, p := range []certsv1.CertificatePrivateKey{
		{Algorithm: "RSA", Size: 1024}, {Algorithm: "RSA", Size: 8193}, {Algorithm: "ECDSA", Size: 512}, {Algorithm: "DSA"},
	} {
		if _, err := certs.GenerateKey(&p); err == nil {
			t.Errorf("GenerateKey(%v) made a key", p)
		}
	}
}

func TestDecodeKeyRefuses(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	good := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	tests := map[string][]byte{
		"nothing":                  nil,
		"text":                     []byte("secret"),
		"a certificate":            pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte{1}}),
		"a damaged key":            bytes.Replace(good, []byte("M"), []byte("N"), 3),
		"a key behind a long text": append(bytes.Repeat([]byte("x"), certs.MaxPrivateKeySize), good...),
	}
	for name, data := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := certs.DecodeKey(data)
			if err == nil {
				t.Fatal("was accepted")
			}
			if len(data) > 40 && strings.Contains(err.Error(), string(data[30:60])) {
				t.Errorf("the error quotes the data: %v", err)
			}
		})
	}
}

func FuzzDecodeKey(f *testing.F) {
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: "ECDSA"})
	if err != nil {
		f.Fatal(err)
	}
	data, err := certs.EncodeKey(key, "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := certs.DecodeKey(data)
		if (key == nil) == (err == nil) {
			t.Fatalf("key %v, error %v", key != nil, err)
		}
	})
}

// newKey returns an ECDSA key, or ends the test.
func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := certs.GenerateKey(&certsv1.CertificatePrivateKey{Algorithm: certsv1.ECDSAKeyAlgorithm})
	if err != nil {
		t.Fatal(err)
	}
	return key
}
