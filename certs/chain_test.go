package certs_test

import (
	"crypto"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/certwright/certwright/certs"
	certsv1 "github.com/certwright/certwright/certs/v1"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// an authority is a CA with its key.
type authority struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

// newAuthority makes a CA, signed by parent, or by itself if parent is nil.
func newAuthority(t testing.TB, name string, parent *authority) *authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: noon, NotAfter: noon.AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	by := &authority{template, key}
	if parent != nil {
		by = parent
	}
	certificate, err := certs.Sign(template, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{certificate, key}
}

// issue signs a certificate for spec.
func (a *authority) issue(t testing.TB, spec *certsv1.CertificateSpec, key crypto.Signer) *x509.Certificate {
	t.Helper()
	data, err := certs.CreateCSR(spec, key)
	if err != nil {
		t.Fatal(err)
	}
	csr, err := certs.DecodeCSR(data)
	if err != nil {
		t.Fatal(err)
	}
	template, err := certs.Template(&certsv1.CertificateRequestSpec{Usages: spec.Usages, IsCA: spec.IsCA, Duration: spec.Duration}, csr, noon)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := certs.Sign(template, a.certificate, csr.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

func TestBuildChain(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "root", nil)
	middle := newAuthority(t, "middle", root)
	leaf := middle.issue(t, &certsv1.CertificateSpec{DNSNames: []string{"a.example"}}, newKey(t))
	stranger := newAuthority(t, "stranger", nil)
	alike := newAuthority(t, "root", nil) // the name of root, another key

	type list = []*x509.Certificate
	tests := map[string]struct {
		in    list
		chain list
		ca    *x509.Certificate
		err   error
	}{
		"a whole chain":                        {list{leaf, middle.certificate, root.certificate}, list{leaf, middle.certificate}, root.certificate, nil},
		"without its root the top is the CA":   {list{leaf, middle.certificate}, list{leaf, middle.certificate}, middle.certificate, nil},
		"a leaf alone has no CA":               {list{leaf}, list{leaf}, nil, nil},
		"a self-signed one alone is both":      {list{root.certificate}, list{root.certificate}, root.certificate, nil},
		"everything twice":                     {list{leaf, leaf, root.certificate, middle.certificate, root.certificate}, list{leaf, middle.certificate}, root.certificate, nil},
		"a stranger among them":                {list{leaf, middle.certificate, stranger.certificate}, nil, nil, certs.ErrBrokenChain},
		"a gap":                                {list{leaf, root.certificate}, nil, nil, certs.ErrBrokenChain},
		"a CA of the right name and wrong key": {list{leaf, middle.certificate, alike.certificate}, nil, nil, certs.ErrBrokenChain},
		"nothing":                              {nil, nil, nil, certs.ErrBrokenChain},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for range 10 {
				in := append(list{}, tt.in...)
				rand.Shuffle(len(in), func(i, j int) { in[i], in[j] = in[j], in[i] })
				chain, ca, err := certs.BuildChain(in)
				if !errors.Is(err, tt.err) {
					t.Fatalf("error = %v, want %v", err, tt.err)
				}
				if string(certs.EncodeChain(chain...)) != string(certs.EncodeChain(tt.chain...)) || ca != tt.ca {
					t.Errorf("chain of %d, CA %v", len(chain), ca)
				}
			}
		})
	}
}

func TestDecodeChainRefusesOtherBlocks(t *testing.T) {
	t.Parallel()
	key, err := certs.EncodeKey(newKey(t), "")
	if err != nil {
		t.Fatal(err)
	}
	leaf := newAuthority(t, "x", nil).certificate
	if _, err := certs.DecodeChain(append(certs.EncodeChain(leaf), key...)); err == nil {
		t.Error("a chain with a private key in it was accepted")
	}
	if _, err := certs.DecodeChain([]byte(strings.Repeat("x", certs.MaxBundleSize+1))); err == nil {
		t.Error("too much was accepted")
	}
	chain, err := certs.DecodeChain(certs.EncodeChain(leaf, leaf))
	if err != nil || len(chain) != 2 {
		t.Errorf("%d certificates, %v", len(chain), err)
	}
}

func TestSignedCertificates(t *testing.T) {
	t.Parallel()
	root := newAuthority(t, "root", nil)
	key := newKey(t)
	leaf := root.issue(t, &certsv1.CertificateSpec{
		DNSNames: []string{"a.example"}, Usages: []certsv1.KeyUsage{"digital signature", "server auth"},
		OtherNames: []certsv1.OtherName{{OID: "1.2.3", UTF8Value: "other"}},
	}, key)
	pool := x509.NewCertPool()
	pool.AddCert(root.certificate)
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "a.example", Roots: pool, CurrentTime: noon.Add(time.Hour)}); err != nil {
		// An otherName in a critical extension is not understood by the
		// standard library; everything else must be.
		var unhandled x509.UnhandledCriticalExtension
		if !errors.As(err, &unhandled) {
			t.Errorf("verify: %v", err)
		}
	}
	if got := leaf.NotAfter.Sub(leaf.NotBefore); got != certs.DefaultDuration || !leaf.NotBefore.Equal(noon) {
		t.Errorf("valid for %v from %v", got, leaf.NotBefore)
	}
	if leaf.IsCA || !leaf.BasicConstraintsValid || leaf.KeyUsage != x509.KeyUsageDigitalSignature || leaf.ExtKeyUsage[0] != x509.ExtKeyUsageServerAuth {
		t.Errorf("CA %t, usages %v %v", leaf.IsCA, leaf.KeyUsage, leaf.ExtKeyUsage)
	}
	if leaf.SerialNumber.BitLen() < 64 {
		t.Errorf("serial number has %d bits", leaf.SerialNumber.BitLen())
	}
	if !certs.SamePublicKey(leaf.PublicKey, key.Public()) {
		t.Error("another key")
	}
}

func FuzzDecodeChain(f *testing.F) {
	f.Add(certs.EncodeChain(newAuthority(f, "x", nil).certificate))
	f.Fuzz(func(t *testing.T, data []byte) {
		chain, err := certs.DecodeChain(data)
		if (len(chain) == 0) == (err == nil) {
			t.Fatalf("%d certificates, error %v", len(chain), err)
		}
		if err == nil {
			_, _, _ = certs.BuildChain(chain)
		}
	})
}
